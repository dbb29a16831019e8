// Percent-encoding of URLs (RFC 3986, 2.1), read. Pure function.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace g4 {

enum class Plus { kStays, kIsSpace };

// "%41+b" is "A b" with kIsSpace, else "A+b". Nothing if two digits do not follow a percent sign.
std::optional<std::string> percent_decode(std::string_view text, Plus plus);

}  // namespace g4
