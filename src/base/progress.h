// Progress of long work (a download, loading weights): label, bytes, rate, time left.
//
// On a terminal it is one line on stderr that rewrites itself ten times a second; elsewhere (a log,
// a pipe) it is a whole line every five seconds, and one at the end. Nothing is printed for work
// that ends within the first half second, nor in quiet mode.
// Threads: advance(), set_done() and set_total() may be called from any thread at any rate; one
// call costs an atomic addition and a look at the clock.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

#include "base/thread_annotations.h"

namespace g4 {

class Progress {
 public:
  enum class Style : std::uint8_t { kAuto, kTerminal, kLines, kQuiet };  // kAuto: asks isatty(2)

  struct Options {
    Style style = Style::kAuto;
    std::uint64_t done_before = 0;  // part of total that needed no work now (a resumed download)
    int file_descriptor = 2;
  };

  // total 0: not known (yet); then no percentage and no time left.
  Progress(std::string label, std::uint64_t total_bytes, Options options);
  Progress(std::string label, std::uint64_t total_bytes)
      : Progress(std::move(label), total_bytes, Options{}) {}
  ~Progress();  // calls finish()
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::uint64_t bytes);
  void set_done(std::uint64_t bytes);
  void set_total(std::uint64_t bytes);
  std::uint64_t done() const { return done_; }
  void finish();  // prints the last state and ends the line; later calls do nothing

 private:
  using Clock = std::chrono::steady_clock;

  void maybe_print(Clock::time_point now);
  void print(Clock::time_point now, bool last) REQUIRES(mutex_);

  const std::string label_;
  const Options options_;
  const Clock::time_point start_;
  std::atomic<std::uint64_t> done_;
  std::atomic<std::uint64_t> total_;
  std::atomic<Clock::rep> next_print_;  // since the clock's epoch
  Mutex mutex_;
  bool printed_ GUARDED_BY(mutex_) = false;
  std::uint64_t printed_done_ GUARDED_BY(mutex_) = 0;
  bool finished_ GUARDED_BY(mutex_) = false;
};

// "1.5 GB": decimal units as disks and networks count, three digits at most before the point.
std::string format_bytes(std::uint64_t bytes);
// "45 s", "3 min 20 s", "2 h 5 min".
std::string format_duration(double seconds);

struct ProgressState {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  std::uint64_t done_before = 0;
  double seconds = 0;  // since the start
};
// "model.gguf: 1.2 GB of 2.4 GB (50 %), 80.0 MB/s, 15 s left"
std::string progress_text(const std::string& label, const ProgressState& state);

}  // namespace g4
