// A client's grammar, in either notation: it is refused with a sentence or written as Lark that
// names no token and holds no more than our own words; the same each time.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "grammar/client_grammar.h"

namespace {

void demand(bool condition) {
  if (!condition) std::abort();
}

// Outside of texts and patterns there are names, brackets and repeats only.
void check_lark(std::string_view lark) {
  char inside = '\0';
  for (std::size_t at = 0; at < lark.size(); ++at) {
    const char c = lark[at];
    if (inside != '\0') {
      demand(c != '\n');
      if (c == '\\')
        ++at;
      else if (c == inside)
        inside = '\0';
    } else if (c == '"' || c == '/') {
      inside = c;
    } else {
      demand(c != '<' && c != '>' && c != '%' && c != '@' && c != '&' && c != '[');
    }
  }
  demand(inside == '\0');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lark = g4::grammar::write_client_grammar(text);
  if (!lark) {
    demand(!lark.error().message.empty() && g4::is_utf8(lark.error().message));
    return 0;
  }
  demand(lark->starts_with("answer: "));
  check_lark(*lark);
  demand(g4::grammar::write_client_grammar(text).value() == *lark);
  return 0;
}
