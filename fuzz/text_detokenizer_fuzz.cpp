// Bytes of tokens, split anywhere: the parts are valid UTF-8 and join to what one push gives.
// The first byte says how the rest is split.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "text/tokenizer.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::uint32_t random = data[0];
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  g4::StreamingDetokenizer at_once;
  std::string whole = at_once.push(bytes);
  whole += at_once.finish();
  require(whole == g4::replace_invalid_utf8(bytes));

  g4::StreamingDetokenizer stream;
  std::string joined;
  for (std::size_t at = 0; at < bytes.size();) {
    random = random * 1664525U + 1013904223U;
    const std::size_t length = random >> 29;
    const std::string part = stream.push(bytes.substr(at, length));
    require(g4::is_utf8(part));
    joined += part;
    at += length;
  }
  joined += stream.finish();
  require(joined == whole);
  return 0;
}
