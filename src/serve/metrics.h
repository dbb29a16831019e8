// Metrics: what the server counts, and the text in which Prometheus reads it.
//
// Everything is counted once, under our names (g4_...). What vLLM counts as well is said a second
// time under vLLM's names, labels and buckets, so that dashboards, autoscalers and gateways made
// for it need no change; what we have no number for is left out.
// Threads: any. All series are made before the server starts, so counting takes no lock but a
// histogram's own, which only a reader could hold.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/engine.h"
#include "http/server.h"
#include "service/service.h"

namespace prometheus {
class Counter;
class Histogram;
class Registry;
}  // namespace prometheus

namespace g4 {

// Of one generation. Seconds, each measured once a request unless said otherwise.
struct GenerationHistograms {
  prometheus::Histogram* first_token = nullptr;     // from submission
  prometheus::Histogram* between_tokens = nullptr;  // once a token after the first
  prometheus::Histogram* token_mean = nullptr;      // output time over the tokens after the first
  prometheus::Histogram* whole = nullptr;           // from submission to the end
  // Of requests that came to a first token:
  prometheus::Histogram* queued = nullptr;     // from submission to the first work on it
  prometheus::Histogram* prompt = nullptr;     // from there to the first token
  prometheus::Histogram* output = nullptr;     // from there to the last
  prometheus::Histogram* inference = nullptr;  // prompt and output
  // Tokens.
  prometheus::Histogram* prompt_tokens = nullptr;
  prometheus::Histogram* output_tokens = nullptr;
};

class Metrics {
 public:
  Metrics(std::string model_name, const RunnerLimits& limits);
  ~Metrics();

  // Before the server starts: routes that are counted by name.
  void add_routes(const std::vector<std::string_view>& patterns);

  void count_http(const HttpAccess& access);
  void count_refused(Refusal::Kind kind);
  void count_finished(Finished::Reason reason);
  const GenerationHistograms& histograms() const { return histograms_; }

  // The text exposition format, version 0.0.4; `engine` and `http` are of this moment.
  std::string text(const EngineStats& engine, const ServerStats& http) const;

 private:
  static constexpr std::size_t kReasons = 6, kRefusals = 4, kStatuses = 4;
  using StatusCounters = std::array<prometheus::Counter*, kStatuses>;

  const std::string model_name_;
  const KvLimits kv_;
  const std::unique_ptr<prometheus::Registry> registry_;
  GenerationHistograms histograms_;
  std::array<prometheus::Counter*, kReasons> finished_{};
  std::array<prometheus::Counter*, kRefusals> refused_{};
  std::map<std::string, StatusCounters, std::less<>> routes_;  // by pattern; "" for no route
};

constexpr std::string_view kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace g4
