// Regular expressions of clients: refused, or written so that they cannot leave their place in a
// grammar.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/utf8.h"
#include "grammar/pattern.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// It stands between slashes on one line.
void check_lark(const std::string& pattern) {
  bool escaped = false;
  for (const char c : pattern) {
    require(c != '\n' && c != '\r' && (c != '/' || escaped));
    escaped = c == '\\' && !escaped;
  }
  require(!escaped && g4::is_utf8(pattern));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // At the exact end of an allocation, so that a read past it is seen.
  const auto copy = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const std::string_view pattern(copy.get(), size);
  if (const g4::Status status = g4::grammar::check_pattern(pattern); !status) {
    require(!status.error().message.empty() && g4::is_utf8(status.error().message));
    return 0;
  }
  check_lark(g4::grammar::whole_pattern(pattern));
  const std::string dots = g4::grammar::schema_pattern(pattern);
  require(g4::grammar::schema_pattern(dots) == dots);
  if (dots.size() > g4::grammar::kPatternBytesMax) return 0;
  require(bool(g4::grammar::check_pattern(dots)));
  check_lark(g4::grammar::search_pattern(dots));
  return 0;
}
