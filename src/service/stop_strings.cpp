#include "service/stop_strings.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace g4 {

Status validate_stop_strings(const SharedList<std::string>& strings) {
  if (strings.size() > kStopStringsMax)
    return Error{fmt::format("{} stop strings; at most {}", strings.size(), kStopStringsMax)};
  for (std::size_t i = 0; i < strings.size(); ++i) {
    if (strings[i].empty()) return Error{fmt::format("stop string {} is empty", i)};
    if (strings[i].size() > kStopStringBytesMax)
      return Error{fmt::format("stop string {} has {} bytes; at most {}", i, strings[i].size(),
                               kStopStringBytesMax)};
    if (!is_utf8(strings[i])) return Error{fmt::format("stop string {} is not UTF-8", i)};
  }
  return {};
}

StopStrings::StopStrings(SharedList<std::string> strings, Match match)
    : strings_(std::move(strings)), match_(match) {
  static_assert(kStopStringBytesMax <= UINT16_MAX);
  for (const std::string& bytes : strings_) {
    std::vector<std::uint16_t> border(bytes.size());
    for (std::size_t i = 1; i < bytes.size(); ++i) {
      std::uint16_t k = border[i - 1];
      while (k > 0 && bytes[i] != bytes[k]) k = border[k - 1];
      if (bytes[i] == bytes[k]) ++k;
      border[i] = k;
    }
    patterns_.push_back({bytes, std::move(border)});
  }
}

void StopStrings::Pattern::advance(char c) {
  while (matched > 0 && bytes[matched] != c) matched = border[matched - 1];
  if (bytes[matched] == c) ++matched;
}

std::string StopStrings::push(std::string_view text) {
  if (found_) return {};
  if (patterns_.empty()) return std::string(text);
  held_.reserve(held_.size() + text.size());
  for (const char c : text) {
    held_.push_back(c);
    const Pattern* hit = nullptr;
    for (Pattern& pattern : patterns_) {
      pattern.advance(c);
      if (pattern.matched == pattern.bytes.size() &&
          (hit == nullptr || pattern.bytes.size() > hit->bytes.size()))
        hit = &pattern;
    }
    if (hit == nullptr) continue;
    found_ = hit->bytes;
    if (match_ == Match::kDrop) held_.resize(held_.size() - hit->bytes.size());
    return std::exchange(held_, {});
  }
  std::size_t hold = 0;
  for (const Pattern& pattern : patterns_) hold = std::max<std::size_t>(hold, pattern.matched);
  std::string sure = held_.substr(0, held_.size() - hold);
  held_.erase(0, sure.size());
  return sure;
}

std::string StopStrings::finish() { return std::exchange(held_, {}); }

}  // namespace g4
