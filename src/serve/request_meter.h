// RequestMeter: measures one generation by its events, for the metrics.
#pragma once

#include <chrono>

#include "serve/metrics.h"
#include "service/service.h"

namespace g4 {

// Threads: one at a time. The clock is the caller's.
class RequestMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `metrics` outlives it.
  RequestMeter(Metrics& metrics, Time submitted) : metrics_(metrics), submitted_(submitted) {}

  void see(const ServiceEvent& event, Time now);

 private:
  void see_token(Time now);
  void see_end(const Finished& finished, Time now);

  Metrics& metrics_;
  const Time submitted_;
  Time first_token_, last_token_;
  bool began_ = false;
};

}  // namespace g4
