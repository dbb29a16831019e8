// Regular expressions without look-around for what is said with it, or with `not`.
//
// Written in the syntax that check_pattern() takes, to be found anywhere in a text unless they
// begin with ^ and end in $.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace g4::grammar {

// Of all texts but these; nothing if they are too long together.
std::optional<std::string> all_texts_but(std::span<const std::string> texts);

// ^(?=A)(?!B)C as expressions that must all be found in a text: ^C, ^A, and one of what does not
// begin with B. Only look-ahead at the very beginning is understood, and of what must not follow
// only some forms: a row of characters and classes, (?!.*x), (?!.*xy), (?!\s*$). Nothing if there
// is other look-around, or none.
std::optional<std::vector<std::string>> without_look_ahead(std::string_view pattern);

}  // namespace g4::grammar
