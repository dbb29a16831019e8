// Processor time of the calling thread: says how dear a piece of work was, however busy the machine
// is.
#pragma once

#include <time.h>

#include <chrono>

namespace g4::grammar {

class ProcessorTime {
 public:
  ProcessorTime() : start_(now()) {}
  std::chrono::nanoseconds elapsed() const { return now() - start_; }

 private:
  static std::chrono::nanoseconds now() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  }
  std::chrono::nanoseconds start_;
};

}  // namespace g4::grammar
