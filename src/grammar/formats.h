// Regular expressions of the formats that schemas may name, for texts outside JSON. Where
// llguidance's own (formats.rs, for JSON) are wide, these are narrow: what they match is valid.
#pragma once

#include <string_view>

namespace g4::grammar {

// `name` is one that format_named() does not call silent. Slashes are escaped, as between those
// of Lark.
std::string_view format_pattern(std::string_view name);

}  // namespace g4::grammar
