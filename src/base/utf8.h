// UTF-8 of foreign text, one character at a time, with the replacement rule of Unicode 3.9 (and of
// Python's errors="replace"): each maximal subpart of an ill-formed sequence becomes one U+FFFD.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace g4 {

inline constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

struct Utf8Step {
  enum class Kind : std::uint8_t {
    kCharacter,   // `code_point` holds it
    kInvalid,     // `length` bytes that can never become a character
    kIncomplete,  // the text ends inside a so far well-formed sequence
  };
  Kind kind;
  std::uint8_t length;  // bytes, at least 1
  char32_t code_point;  // of kCharacter only
};

// Looks at the beginning of `text`, which must not be empty.
Utf8Step next_utf8(std::string_view text);

bool is_utf8(std::string_view text);
// As much of the beginning of valid `text` as goes into so many bytes, in whole characters.
std::string_view utf8_beginning(std::string_view text, std::size_t bytes_max);
std::string replace_invalid_utf8(std::string_view text);
void append_utf8(std::string& out, char32_t code_point);

}  // namespace g4
