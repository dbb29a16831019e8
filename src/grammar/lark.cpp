#include "grammar/lark.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace g4::grammar {

std::string lark_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string lark_token(TokenId id) { return fmt::format("<[{}]>", id); }

std::string lark_but(const std::vector<TokenId>& ids) {
  return fmt::format("<[^{}]>", fmt::join(ids, ","));
}

}  // namespace g4::grammar
