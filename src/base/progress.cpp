#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace g4 {
namespace {

constexpr auto kQuietStart = std::chrono::milliseconds(500);
constexpr auto kTerminalPause = std::chrono::milliseconds(100);
constexpr auto kLinePause = std::chrono::seconds(5);

Progress::Options resolve(Progress::Options options) {
  if (options.style == Progress::Style::kAuto)
    options.style =
        isatty(options.file_descriptor) == 1 ? Progress::Style::kTerminal : Progress::Style::kLines;
  return options;
}

void write_all(int file_descriptor, const std::string& text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const ssize_t n = ::write(file_descriptor, text.data() + at, text.size() - at);
    if (n <= 0) return;  // a closed stderr must not stop the work
    at += static_cast<std::size_t>(n);
  }
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string format_duration(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string progress_text(const std::string& label, const ProgressState& state) {
  std::string text = fmt::format("{}: {}", label, format_bytes(state.done));
  if (state.total > 0)
    text += fmt::format(" of {} ({} %)", format_bytes(state.total),
                        std::min(state.done, state.total) * 100 / state.total);
  const std::uint64_t worked = state.done - std::min(state.done, state.done_before);
  if (worked == 0 || state.seconds <= 0) return text;
  const double rate = static_cast<double>(worked) / state.seconds;
  text += fmt::format(", {}/s", format_bytes(static_cast<std::uint64_t>(rate)));
  if (state.total > state.done)
    text += fmt::format(", {} left",
                        format_duration(static_cast<double>(state.total - state.done) / rate));
  else
    text += fmt::format(", took {}", format_duration(state.seconds));
  return text;
}

Progress::Progress(std::string label, std::uint64_t total_bytes, Options options)
    : label_(std::move(label)),
      options_(resolve(options)),
      start_(Clock::now()),
      done_(options.done_before),
      total_(total_bytes),
      next_print_((start_ + kQuietStart).time_since_epoch().count()) {}

Progress::~Progress() { finish(); }

void Progress::advance(std::uint64_t bytes) {
  done_ += bytes;
  maybe_print(Clock::now());
}

void Progress::set_done(std::uint64_t bytes) {
  done_ = bytes;
  maybe_print(Clock::now());
}

void Progress::set_total(std::uint64_t bytes) { total_ = bytes; }

void Progress::maybe_print(Clock::time_point now) {
  if (options_.style == Style::kQuiet) return;
  Clock::rep due = next_print_;
  if (now.time_since_epoch().count() < due) return;
  const auto pause = options_.style == Style::kTerminal
                         ? std::chrono::duration_cast<Clock::duration>(kTerminalPause)
                         : std::chrono::duration_cast<Clock::duration>(kLinePause);
  // Whoever moves the due time forward prints; the others go on working.
  if (!next_print_.compare_exchange_strong(due, (now + pause).time_since_epoch().count())) return;
  const Lock lock(mutex_);
  print(now, false);
}

void Progress::print(Clock::time_point now, bool last) {
  if (finished_) return;
  const std::uint64_t done = done_;
  // A line that said it all need not be said again.
  if (last && options_.style == Style::kLines && done == printed_done_) return;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  std::string text = progress_text(label_, {done, total_, options_.done_before, seconds});
  if (options_.style == Style::kTerminal) {
    text = "\r" + text + "\x1b[K" + (last ? "\n" : "");  // ESC[K: erase the rest of the line
  } else {
    text += "\n";
  }
  write_all(options_.file_descriptor, text);
  printed_ = true;
  printed_done_ = done;
}

void Progress::finish() {
  const Lock lock(mutex_);
  if (printed_) print(Clock::now(), true);
  finished_ = true;
}

}  // namespace g4
