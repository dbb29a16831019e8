// StopStrings finds the first stop string in a text that arrives in pieces.
//
// The first match is the one that ends first; of those that end together, the longest. Text is held
// back only while it may still become a match: the longest end of it that begins a stop string. The
// joined output and the match do not depend on how the text was cut. Cost: bytes times strings.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/shared_list.h"

namespace g4 {

inline constexpr std::size_t kStopStringsMax = 64;
inline constexpr std::size_t kStopStringBytesMax = 1024;

// Not empty, UTF-8 (so that no character is ever cut), within the limits above.
Status validate_stop_strings(const SharedList<std::string>& strings);

class StopStrings {
 public:
  enum class Match : std::uint8_t { kDrop, kInclude };  // is the stop string part of the text?

  // `strings` are valid.
  StopStrings(SharedList<std::string> strings, Match match);

  // Text that is sure. After a match nothing more is taken.
  std::string push(std::string_view text);
  // The text has ended: what was held back.
  std::string finish();

  const std::optional<std::string>& found() const { return found_; }

 private:
  // Knuth-Morris-Pratt: matched is the length of the longest end of the text that begins bytes.
  struct Pattern {
    std::string_view bytes;  // in strings_
    std::vector<std::uint16_t>
        border;  // of bytes[0..i]: its longest proper prefix that is a suffix
    std::uint16_t matched = 0;
    void advance(char c);
  };

  SharedList<std::string> strings_;
  std::vector<Pattern> patterns_;
  Match match_;
  std::string held_;
  std::optional<std::string> found_;
};

}  // namespace g4
