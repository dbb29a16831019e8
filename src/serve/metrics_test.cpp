// What is counted, as the text that Prometheus reads. That real parsers take it, and that real
// requests are counted, is tested by python/clients/test_metrics.py.
#include "serve/metrics.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "serve/request_meter.h"

namespace g4 {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;
using Time = RequestMeter::Time;

RunnerLimits limits() {
  RunnerLimits limits;
  limits.context_tokens_max = 100;
  limits.kv = {.block_tokens = 16, .global_blocks = 50, .sliding_blocks = 10};
  return limits;
}

class MetricsTest : public testing::Test {
 protected:
  // The number after a series, as it is written; "none" if the series is not there.
  std::string value(std::string_view series) const { return value_in(text(), series); }
  std::string text() const { return metrics_.text(engine_, {}); }
  static std::string value_in(std::string_view text, std::string_view series) {
    const std::string line = fmt::format("\n{} ", series);
    const std::size_t at = text.find(line);
    if (at == std::string_view::npos) return "none";
    const std::size_t begin = at + line.size();
    return std::string(text.substr(begin, text.find('\n', begin) - begin));
  }
  std::string theirs(std::string_view name) const {
    return value(fmt::format(R"({}{{engine="0",model_name="m"}})", name));
  }

  // A token at each of these times after submission, then the end.
  void run(std::vector<int> token_times, Finished end, int end_time) {
    RequestMeter meter(metrics_, start_);
    for (const int time : token_times) {
      TextDelta delta;
      delta.tokens.resize(1);
      meter.see(delta, start_ + milliseconds(time));
    }
    meter.see(end, start_ + milliseconds(end_time));
  }

  Metrics metrics_{"m", limits()};
  EngineStats engine_;
  const Time start_ = Time() + std::chrono::hours(1);
};

Finished ended(Finished::Reason reason, std::uint64_t output_tokens) {
  Finished finished;
  finished.reason = reason;
  finished.prompt_tokens = 7;
  finished.output_tokens = output_tokens;
  return finished;
}

TEST_F(MetricsTest, AGenerationIsMeasuredInItsParts) {
  Finished end = ended(Finished::Reason::kLength, 3);
  end.queued = milliseconds(500);
  run({2000, 2250, 3000}, end, 3000);
  const std::pair<const char*, const char*> sums[] = {
      {"g4_time_to_first_token_seconds", "2"}, {"g4_between_tokens_seconds", "1"},
      {"g4_request_token_seconds", "0.5"},     {"g4_request_seconds", "3"},
      {"g4_request_queue_seconds", "0.5"},     {"g4_request_prompt_seconds", "1.5"},
      {"g4_request_output_seconds", "1"},      {"g4_request_inference_seconds", "2.5"},
      {"g4_request_prompt_tokens", "7"},       {"g4_request_output_tokens", "3"},
  };
  for (const auto& [name, sum] : sums) {
    EXPECT_EQ(value(fmt::format("{}_sum", name)), sum) << name;
    EXPECT_EQ(value(fmt::format("{}_count", name)),
              std::string_view(name) == "g4_between_tokens_seconds" ? "2" : "1")
        << name;
  }
  EXPECT_EQ(value(R"(g4_between_tokens_seconds_bucket{le="0.2"})"), "0");
  EXPECT_EQ(value(R"(g4_between_tokens_seconds_bucket{le="0.3"})"), "1");
  EXPECT_EQ(value(R"(g4_between_tokens_seconds_bucket{le="+Inf"})"), "2");
}

TEST_F(MetricsTest, AStopTokenIsATokenThatComesWithTheEnd) {
  Finished end = ended(Finished::Reason::kStop, 1);
  end.queued = milliseconds(0);
  end.stop_token = 1;
  run({}, end, 40);
  EXPECT_EQ(value("g4_time_to_first_token_seconds_sum"), "0.04");
  EXPECT_EQ(value("g4_request_prompt_seconds_sum"), "0.04");
  EXPECT_EQ(value("g4_request_output_seconds_sum"), "0");
  EXPECT_EQ(value("g4_request_token_seconds_count"), "0");
}

TEST_F(MetricsTest, WhatNeverCameToATokenHasAnEndOnly) {
  run({}, ended(Finished::Reason::kCancelled, 0), 1000);
  EXPECT_EQ(value("g4_request_seconds_count"), "1");
  EXPECT_EQ(value("g4_time_to_first_token_seconds_count"), "0");
  EXPECT_EQ(value("g4_request_queue_seconds_count"), "0");
}

TEST_F(MetricsTest, TokensOfAChatCount) {
  RequestMeter meter(metrics_, start_);
  ChatDelta token;
  token.token.emplace();
  meter.see(token, start_ + milliseconds(10));
  meter.see(ChatDelta{}, start_ + milliseconds(20));  // text that was held back
  EXPECT_EQ(value("g4_time_to_first_token_seconds_count"), "1");
  EXPECT_EQ(value("g4_between_tokens_seconds_count"), "0");
}

TEST_F(MetricsTest, ReasonsOfOursBecomeThoseOfVllm) {
  using Reason = Finished::Reason;
  for (const Reason reason :
       {Reason::kStop, Reason::kToolCalls, Reason::kToolCalls, Reason::kLength, Reason::kRepetition,
        Reason::kCancelled, Reason::kCancelled, Reason::kError})
    run({}, ended(reason, 0), 1);
  const std::tuple<const char*, const char*> ours[] = {{"stop", "1"},      {"tool_calls", "2"},
                                                       {"length", "1"},    {"repetition", "1"},
                                                       {"cancelled", "2"}, {"error", "1"}};
  for (const auto& [reason, count] : ours)
    EXPECT_EQ(value(fmt::format(R"(g4_requests_finished_total{{reason="{}"}})", reason)), count);
  const std::tuple<const char*, const char*> vllm[] = {
      {"stop", "3"}, {"length", "1"}, {"repetition", "1"}, {"abort", "2"}, {"error", "1"}};
  for (const auto& [reason, count] : vllm)
    EXPECT_EQ(value(fmt::format(
                  R"(vllm:request_success_total{{engine="0",model_name="m",finished_reason="{}"}})",
                  reason)),
              count);
}

TEST_F(MetricsTest, TheEnginesNumbersAreThere) {
  engine_.running = 3;
  engine_.waiting = 2;
  engine_.prompt_tokens = 12'345'678'901;  // not rounded
  engine_.output_tokens = 5;
  engine_.preemptions = 1;
  engine_.global_blocks_used = 10;
  engine_.sliding_blocks_used = 5;
  EXPECT_EQ(theirs("vllm:num_requests_running"), "3");
  EXPECT_EQ(theirs("vllm:num_requests_waiting"), "2");
  EXPECT_EQ(theirs("vllm:prompt_tokens_total"), "12345678901");
  EXPECT_EQ(theirs("vllm:generation_tokens_total"), "5");
  EXPECT_EQ(theirs("vllm:num_preemptions_total"), "1");
  EXPECT_EQ(theirs("vllm:kv_cache_usage_perc"), "0.5");  // the fuller pool
  EXPECT_EQ(value(R"(g4_kv_blocks_used{pool="global"})"), "10");
  EXPECT_EQ(value(R"(g4_kv_blocks{pool="sliding"})"), "10");
  EXPECT_THAT(text(), HasSubstr(R"(block_size="16",num_gpu_blocks="50"} 1)"));
}

TEST_F(MetricsTest, VllmsNamesSayTheSameAsOurs) {
  Finished end = ended(Finished::Reason::kStop, 2);
  end.queued = milliseconds(1);
  run({10, 30}, end, 30);
  EXPECT_EQ(theirs("vllm:time_to_first_token_seconds_sum"), "0.01");
  EXPECT_EQ(theirs("vllm:inter_token_latency_seconds_count"), "1");
  EXPECT_EQ(theirs("vllm:e2e_request_latency_seconds_sum"), "0.03");
  EXPECT_EQ(theirs("vllm:request_generation_tokens_sum"), "2");
  EXPECT_EQ(value(R"(vllm:request_prompt_tokens_bucket{engine="0",model_name="m",le="10"})"), "1");
  EXPECT_THAT(text(), Not(HasSubstr(R"(le="200")")));  // more than the context holds
}

TEST_F(MetricsTest, RefusalsAndRequestsByRoute) {
  metrics_.add_routes({"/v1/models/{id...}", "/v1/models/{id...}"});
  metrics_.count_refused(Refusal::Kind::kQueueFull);
  const HttpRequest request;
  const auto count = [&](std::string_view pattern, int status) {
    metrics_.count_http({.request = request, .pattern = pattern, .status = status});
  };
  count("/v1/models/{id...}", 200);
  count("/v1/models/{id...}", 404);
  count("", 404);
  count("/never/added", 500);
  count("/v1/models/{id...}", 0);
  const auto by_route = [&](std::string_view route, std::string_view status) {
    return value(fmt::format(R"(g4_http_requests_total{{route="{}",status="{}"}})", route, status));
  };
  EXPECT_EQ(by_route("/v1/models/{id...}", "2xx"), "1");
  EXPECT_EQ(by_route("/v1/models/{id...}", "4xx"), "1");
  EXPECT_EQ(by_route("/v1/models/{id...}", "none"), "1");
  EXPECT_EQ(by_route("other", "4xx"), "1");
  EXPECT_EQ(by_route("other", "5xx"), "1");
  EXPECT_EQ(value(R"(g4_requests_refused_total{reason="queue_full"})"), "1");
  EXPECT_EQ(value(R"(g4_requests_refused_total{reason="invalid"})"), "0");
}

TEST(Metrics, NamesOfModelsAreEscaped) {
  const Metrics metrics("a\"b\\c\nd", limits());
  EXPECT_THAT(metrics.text({}, {}), HasSubstr(R"(model_name="a\"b\\c\nd")"));
}

}  // namespace
}  // namespace g4
