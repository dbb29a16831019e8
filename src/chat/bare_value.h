// What a value without quotes means in Gemma 4's argument syntax: a number, a word like true, or
// text that lacks its quotes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace g4::chat {

// The JSON of a number or of true, false, null (also in Python's spelling: True, False, None);
// nothing for all else. Numbers stay as they are written, all digits kept; only what JSON forbids
// is mended ("+5", ".5", "108."). Numbers that a double cannot hold and numbers with leading zeros
// (postal codes) are text.
std::optional<std::string> scalar_json(std::string_view text);

// Whether more characters could still make a scalar of it.
bool may_become_scalar(std::string_view text);

}  // namespace g4::chat
