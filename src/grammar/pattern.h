// A client's regular expression, looked at before anything compiles it.
//
// llguidance takes Rust's syntax and works by derivatives: no back-references, no look-around, and
// counted repeats inside counted repeats cost as much as their product (((a{100}){100}){10} kept it
// busy for 14 s over a single token). This finds all of that without building anything.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace g4::grammar {

inline constexpr std::size_t kPatternBytesMax = 8192;
inline constexpr std::size_t kGroupDepthMax = 50;
inline constexpr std::size_t kRepeatMax = 100'000;      // of one character or class
inline constexpr std::size_t kNestedRepeatMax = 1'000;  // of groups, multiplied over all levels

Status check_pattern(std::string_view pattern);

// The same expression as JSON schemas mean it, for the compiler of JSON schemas; fails as
// check_pattern() does. A dot is neither of the two line breaks (Rust's is all but \n); the two of
// Unicode, U+2028 and U+2029, are let pass: without them masks over free text would take ten times
// as long. Within classes [ & and ~ stand for themselves. Negated classes exclude U+0001 too:
// llguidance 1.9.1 lets \" and \\ pass where a class has all control characters, whatever else it
// excludes.
Result<std::string> schema_pattern(std::string_view pattern);

// What stands between the bars of the whole expression, those within groups not counted.
std::vector<std::string_view> alternatives(std::string_view pattern);

// The same expression for Lark, where it must match whole texts: ^ and $ at the ends of its
// alternatives go, and where they are missing, anything may stand. \d and \w are ASCII, as in JSON
// schemas. `pattern` passed check_pattern().
std::string search_pattern(std::string_view pattern);
// For an expression that was to match whole texts anyway; ^ and $ at its ends may be there.
std::string whole_pattern(std::string_view pattern);

}  // namespace g4::grammar
