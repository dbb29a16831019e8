#include "serve/request_meter.h"

#include <prometheus/histogram.h>

namespace g4 {
namespace {

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

void RequestMeter::see(const ServiceEvent& event, Time now) {
  if (const auto* text = std::get_if<TextDelta>(&event)) {
    for (std::size_t i = 0; i < text->tokens.size(); ++i) see_token(now);
  } else if (const auto* part = std::get_if<ChatDelta>(&event)) {
    if (part->token) see_token(now);
  } else if (const auto* finished = std::get_if<Finished>(&event)) {
    see_end(*finished, now);
  }
}

void RequestMeter::see_token(Time now) {
  const GenerationHistograms& histograms = metrics_.histograms();
  if (began_) {
    histograms.between_tokens->Observe(seconds(now - last_token_));
  } else {
    began_ = true;
    first_token_ = now;
    histograms.first_token->Observe(seconds(now - submitted_));
  }
  last_token_ = now;
}

void RequestMeter::see_end(const Finished& finished, Time now) {
  // A stop token is no part of the answer and comes with the end alone.
  if (finished.stop_token) see_token(now);
  metrics_.count_finished(finished.reason);
  const GenerationHistograms& histograms = metrics_.histograms();
  histograms.whole->Observe(seconds(now - submitted_));
  histograms.prompt_tokens->Observe(static_cast<double>(finished.prompt_tokens));
  histograms.output_tokens->Observe(static_cast<double>(finished.output_tokens));
  if (!began_ || !finished.queued) return;
  const Time started = submitted_ + *finished.queued;
  const double output = seconds(last_token_ - first_token_);
  histograms.queued->Observe(seconds(*finished.queued));
  histograms.prompt->Observe(seconds(first_token_ - started));
  histograms.output->Observe(output);
  histograms.inference->Observe(seconds(last_token_ - started));
  if (finished.output_tokens > 1)
    histograms.token_mean->Observe(output / static_cast<double>(finished.output_tokens - 1));
}

}  // namespace g4
