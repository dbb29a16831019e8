// Regular expressions of clients: refused, or written so that they cannot leave their place in a
// grammar.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "base/utf8.h"
#include "grammar/excluded_texts.h"
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

void check_schema_pattern(std::string_view pattern) {
  const auto written = g4::grammar::schema_pattern(pattern);
  if (!written) {
    require(!written.error().message.empty() && g4::is_utf8(written.error().message));
    return;
  }
  if (written->size() > g4::grammar::kPatternBytesMax) return;
  require(bool(g4::grammar::check_pattern(*written)));
  check_lark(g4::grammar::search_pattern(*written));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // At the exact end of an allocation, so that a read past it is seen.
  const auto copy = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const std::string_view pattern(copy.get(), size);
  const g4::Status status = g4::grammar::check_pattern(pattern);
  if (status)
    check_lark(g4::grammar::whole_pattern(pattern));
  else
    require(!status.error().message.empty() && g4::is_utf8(status.error().message));
  check_schema_pattern(pattern);
  if (!g4::is_utf8(pattern)) return 0;
  if (const auto parts = g4::grammar::without_look_ahead(pattern))
    for (const std::string& part : *parts) check_schema_pattern(part);
  const std::string text(pattern);
  if (const auto others = g4::grammar::all_texts_but({&text, 1})) check_schema_pattern(*others);
  return 0;
}
