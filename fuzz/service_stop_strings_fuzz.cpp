// First line: stop strings separated by '|'; the rest is text. Cut anywhere, the outcome is that of
// the whole text, which is that of a plain search.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "service/stop_strings.h"

namespace {

using g4::StopStrings;

struct Outcome {
  std::string text;
  std::optional<std::string> found;
  bool operator==(const Outcome&) const = default;
};

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> strings;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find('|'), line.size());
    if (end > 0) strings.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return strings;
}

Outcome search(const std::vector<std::string>& strings, StopStrings::Match match,
               std::string_view text) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    const std::string* hit = nullptr;
    for (const std::string& s : strings)
      if (text.substr(0, end).ends_with(s) && (hit == nullptr || s.size() > hit->size())) hit = &s;
    if (hit == nullptr) continue;
    const std::size_t kept = match == StopStrings::Match::kInclude ? end : end - hit->size();
    return {std::string(text.substr(0, kept)), *hit};
  }
  return {std::string(text), std::nullopt};
}

// Piece lengths 0..7 from a generator that the text itself seeds.
Outcome in_pieces(StopStrings stop, std::string_view text) {
  std::uint32_t state = static_cast<std::uint32_t>(text.size()) * 2654435761u + 1;
  Outcome outcome;
  while (!text.empty()) {
    state = state * 1664525u + 1013904223u;
    const std::size_t n = std::min<std::size_t>(state >> 29, text.size());
    outcome.text += stop.push(text.substr(0, n));
    text.remove_prefix(n);
  }
  outcome.text += stop.finish();
  outcome.found = stop.found();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 4096) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line_end = std::min(input.find('\n'), input.size());
  const std::vector<std::string> strings = split(input.substr(0, line_end));
  const std::string_view text = input.substr(std::min(line_end + 1, input.size()));
  if (!g4::validate_stop_strings(strings)) return 0;
  for (const auto match : {StopStrings::Match::kDrop, StopStrings::Match::kInclude}) {
    const Outcome want = search(strings, match, text);
    if (!(in_pieces(StopStrings(strings, match), text) == want)) std::abort();
    StopStrings whole(strings, match);
    Outcome at_once;
    at_once.text = whole.push(text);
    at_once.text += whole.finish();
    at_once.found = whole.found();
    if (!(at_once == want)) std::abort();
  }
  return 0;
}
