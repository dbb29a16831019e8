#include "serve/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace g4 {
namespace {

using prometheus::ClientMetric;
using prometheus::Histogram;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Buckets = Histogram::BucketBoundaries;
using Labels = std::vector<ClientMetric::Label>;

// vLLM's, so that quantiles of both can be compared.
const Buckets kFirstTokenBuckets = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
                                    1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
const Buckets kTokenBuckets = {.01, .025, .05, .075, .1,  .15, .2, .3, .4, .5,
                               .75, 1,    2.5, 5,    7.5, 10,  20, 40, 80};
const Buckets kRequestBuckets = {.3, .5, .8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                                 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};

// 1, 2, 5, 10, 20, 50, ... up to the context.
Buckets token_count_buckets(std::uint64_t most) {
  Buckets buckets;
  for (std::uint64_t ten = 1; ten <= most; ten *= 10)
    for (const std::uint64_t step : {1, 2, 5})
      if (ten * step <= most) buckets.push_back(static_cast<double>(ten * step));
  return buckets;
}

struct ReasonNames {
  Finished::Reason reason;
  const char* ours;
  const char* vllm;
};
constexpr ReasonNames kReasonNames[] = {
    {Finished::Reason::kStop, "stop", "stop"},
    {Finished::Reason::kToolCalls, "tool_calls", "stop"},
    {Finished::Reason::kLength, "length", "length"},
    {Finished::Reason::kRepetition, "repetition", "repetition"},
    {Finished::Reason::kCancelled, "cancelled", "abort"},
    {Finished::Reason::kError, "error", "error"},
};
constexpr const char* kRefusalNames[] = {"invalid", "too_long", "queue_full", "stopping"};
constexpr const char* kStatusNames[] = {"2xx", "4xx", "5xx", "none"};

std::size_t status_index(int status) {
  if (status == 0) return 3;
  return status < 400 ? 0 : status < 500 ? 1 : 2;
}

constexpr const char* kFinishedName = "g4_requests_finished_total";
constexpr const char* kRoutesName = "g4_http_requests_total";

// Families of ours that vLLM has too, unit for unit.
constexpr std::pair<const char*, const char*> kVllmNames[] = {
    {"g4_requests_running", "vllm:num_requests_running"},
    {"g4_requests_waiting", "vllm:num_requests_waiting"},
    {"g4_kv_use_ratio", "vllm:kv_cache_usage_perc"},
    {"g4_prompt_tokens_total", "vllm:prompt_tokens_total"},
    {"g4_output_tokens_total", "vllm:generation_tokens_total"},
    {"g4_preemptions_total", "vllm:num_preemptions_total"},
    {"g4_time_to_first_token_seconds", "vllm:time_to_first_token_seconds"},
    {"g4_between_tokens_seconds", "vllm:inter_token_latency_seconds"},
    {"g4_request_token_seconds", "vllm:request_time_per_output_token_seconds"},
    {"g4_request_seconds", "vllm:e2e_request_latency_seconds"},
    {"g4_request_queue_seconds", "vllm:request_queue_time_seconds"},
    {"g4_request_prompt_seconds", "vllm:request_prefill_time_seconds"},
    {"g4_request_output_seconds", "vllm:request_decode_time_seconds"},
    {"g4_request_inference_seconds", "vllm:request_inference_time_seconds"},
    {"g4_request_prompt_tokens", "vllm:request_prompt_tokens"},
    {"g4_request_output_tokens", "vllm:request_generation_tokens"},
};

Histogram* histogram(prometheus::Registry& registry, const char* name, const char* help,
                     const Buckets& buckets) {
  return &prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
}

ClientMetric sample(MetricType type, double value, Labels labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return metric;
}

MetricFamily single(MetricType type, const char* name, const char* help, double value) {
  return {name, help, type, {sample(type, value)}};
}

double share(std::uint32_t used, std::uint32_t all) {
  return all == 0 ? 0 : static_cast<double>(used) / all;
}

// What the engine and the HTTP server count themselves.
std::vector<MetricFamily> families_of(const EngineStats& engine, const ServerStats& http,
                                      const KvLimits& kv) {
  const auto gauge = [](const char* name, const char* help, double value) {
    return single(MetricType::Gauge, name, help, value);
  };
  const auto counter = [](const char* name, const char* help, std::uint64_t value) {
    return single(MetricType::Counter, name, help, static_cast<double>(value));
  };
  const auto pools = [](const char* name, const char* help, double global, double sliding) {
    return MetricFamily{name,
                        help,
                        MetricType::Gauge,
                        {sample(MetricType::Gauge, global, {{"pool", "global"}}),
                         sample(MetricType::Gauge, sliding, {{"pool", "sliding"}})}};
  };
  return {
      gauge("g4_requests_running", "Generations in the engine's steps", engine.running),
      gauge("g4_requests_waiting", "Generations that wait for their first step, or again",
            engine.waiting),
      gauge("g4_kv_use_ratio", "Share of KV blocks in use, of the fuller pool (0 to 1)",
            std::max(share(engine.global_blocks_used, kv.global_blocks),
                     share(engine.sliding_blocks_used, kv.sliding_blocks))),
      pools("g4_kv_blocks", "KV blocks there are", kv.global_blocks, kv.sliding_blocks),
      pools("g4_kv_blocks_used", "KV blocks in use", engine.global_blocks_used,
            engine.sliding_blocks_used),
      counter("g4_prompt_tokens_total", "Tokens of prompts that were read to their end",
              engine.prompt_tokens),
      counter("g4_output_tokens_total", "Tokens generated", engine.output_tokens),
      counter("g4_preemptions_total", "Generations that gave their KV blocks back to older ones",
              engine.preemptions),
      counter("g4_steps_total", "Steps of the model", engine.steps),
      counter("g4_images_encoded_total", "Images that the vision tower encoded",
              engine.images_encoded),
      counter("g4_rules_late_total", "Tokens computed again because their grammar was late",
              engine.rules_late),
      gauge("g4_http_connections", "Open connections", static_cast<double>(http.connections)),
      counter("g4_http_connections_total", "Connections taken", http.connections_total),
      counter("g4_http_connections_refused_total", "Connections refused: too many were open",
              http.connections_refused_total),
  };
}

const MetricFamily* find(const std::vector<MetricFamily>& families, std::string_view name) {
  const auto found = std::ranges::find(families, name, &MetricFamily::name);
  return found == families.end() ? nullptr : &*found;
}

// Several of our reasons may be one of vLLM's.
MetricFamily vllm_successes(const MetricFamily& ours, const Labels& labels) {
  MetricFamily family{"vllm:request_success_total", ours.help, MetricType::Counter, {}};
  for (const ReasonNames& names : kReasonNames) {
    Labels all = labels;
    all.push_back({"finished_reason", names.vllm});
    auto at = std::ranges::find(family.metric, all, &ClientMetric::label);
    if (at == family.metric.end()) {
      family.metric.push_back(sample(MetricType::Counter, 0, std::move(all)));
      at = std::prev(family.metric.end());
    }
    for (const ClientMetric& metric : ours.metric)
      if (metric.label.front().value == names.ours) at->counter.value += metric.counter.value;
  }
  return family;
}

std::vector<MetricFamily> vllm_families(const std::vector<MetricFamily>& ours,
                                        const std::string& model_name, const KvLimits& kv) {
  const Labels labels = {{"engine", "0"}, {"model_name", model_name}};
  std::vector<MetricFamily> families;
  for (const auto& [own, theirs] : kVllmNames) {
    families.push_back(*find(ours, own));
    families.back().name = theirs;
    for (ClientMetric& metric : families.back().metric) metric.label = labels;
  }
  families.push_back(vllm_successes(*find(ours, kFinishedName), labels));
  Labels cache = labels;
  cache.push_back({"block_size", std::to_string(kv.block_tokens)});
  cache.push_back({"num_gpu_blocks", std::to_string(kv.global_blocks)});
  families.push_back({"vllm:cache_config_info",
                      "KV blocks that grow with a sequence (the global pool); no GPU is needed",
                      MetricType::Gauge,
                      {sample(MetricType::Gauge, 1, std::move(cache))}});
  return families;
}

}  // namespace

Metrics::Metrics(std::string model_name, const RunnerLimits& limits)
    : model_name_(std::move(model_name)),
      kv_(limits.kv),
      registry_(std::make_unique<prometheus::Registry>()) {
  prometheus::Registry& r = *registry_;
  const Buckets counts = token_count_buckets(limits.context_tokens_max);
  histograms_ = {
      .first_token = histogram(r, "g4_time_to_first_token_seconds",
                               "From submission to the first token", kFirstTokenBuckets),
      .between_tokens = histogram(r, "g4_between_tokens_seconds",
                                  "From one token of a generation to the next", kTokenBuckets),
      .token_mean = histogram(r, "g4_request_token_seconds",
                              "Mean time of a generation's tokens after the first", kTokenBuckets),
      .whole = histogram(r, "g4_request_seconds", "From submission to the end, however it came",
                         kRequestBuckets),
      .queued = histogram(r, "g4_request_queue_seconds",
                          "From submission to the first work, of generations with a token",
                          kRequestBuckets),
      .prompt = histogram(r, "g4_request_prompt_seconds", "From the first work to the first token",
                          kRequestBuckets),
      .output = histogram(r, "g4_request_output_seconds", "From the first token to the last",
                          kRequestBuckets),
      .inference = histogram(r, "g4_request_inference_seconds",
                             "From the first work to the last token", kRequestBuckets),
      .prompt_tokens = histogram(r, "g4_request_prompt_tokens", "Tokens of a prompt", counts),
      .output_tokens =
          histogram(r, "g4_request_output_tokens", "Tokens generated for a request", counts)};
  auto& finished = prometheus::BuildCounter()
                       .Name(kFinishedName)
                       .Help("Generations that ended, by reason")
                       .Register(r);
  for (const ReasonNames& names : kReasonNames)
    finished_[static_cast<std::size_t>(names.reason)] = &finished.Add({{"reason", names.ours}});
  auto& refused = prometheus::BuildCounter()
                      .Name("g4_requests_refused_total")
                      .Help("Well-formed requests that were not taken, by reason")
                      .Register(r);
  for (std::size_t i = 0; i < kRefusals; ++i)
    refused_[i] = &refused.Add({{"reason", kRefusalNames[i]}});
  prometheus::BuildGauge()
      .Name("g4_build_info")
      .Help("1; its labels say what runs here")
      .Register(r)
      .Add({{"version", G4_VERSION}, {"model", model_name_}})
      .Set(1);
  add_routes({""});
}

Metrics::~Metrics() = default;

void Metrics::add_routes(const std::vector<std::string_view>& patterns) {
  auto& family = prometheus::BuildCounter()
                     .Name(kRoutesName)
                     .Help("Requests by route and class of status; none: the client left first")
                     .Register(*registry_);
  for (const std::string_view pattern : patterns) {
    StatusCounters& counters = routes_[std::string(pattern)];
    const std::string shown = pattern.empty() ? "other" : std::string(pattern);
    for (std::size_t i = 0; i < kStatuses; ++i)
      counters[i] = &family.Add({{"route", shown}, {"status", kStatusNames[i]}});
  }
}

void Metrics::count_http(const HttpAccess& access) {
  const auto found = routes_.find(access.pattern);
  const StatusCounters& counters = found != routes_.end() ? found->second : routes_.at("");
  counters[status_index(access.status)]->Increment();
}

void Metrics::count_refused(Refusal::Kind kind) {
  refused_[static_cast<std::size_t>(kind)]->Increment();
}

void Metrics::count_finished(Finished::Reason reason) {
  finished_[static_cast<std::size_t>(reason)]->Increment();
}

std::string Metrics::text(const EngineStats& engine, const ServerStats& http) const {
  std::vector<MetricFamily> families = families_of(engine, http, kv_);
  for (MetricFamily& family : registry_->Collect()) families.push_back(std::move(family));
  for (MetricFamily& family : vllm_families(families, model_name_, kv_))
    families.push_back(std::move(family));
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace g4
