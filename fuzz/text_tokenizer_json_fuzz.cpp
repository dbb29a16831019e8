// tokenizer.json from anywhere, then a text (behind the first zero byte; without one the file
// itself). Byte tokens are filled in, so that small inputs get as far as encoding.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/utf8.h"
#include "text/tokenizer.h"

namespace {

using g4::TokenId;
using g4::Tokenizer;
using g4::VocabularySource;

void require(bool holds) {
  if (!holds) std::abort();
}

void add_byte_tokens(VocabularySource& source) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string spelling = fmt::format("<0x{:02X}>", byte);
    const auto& tokens = source.tokens;
    if (std::find(tokens.begin(), tokens.end(), spelling) != tokens.end()) continue;
    source.tokens.push_back(spelling);
    source.kinds.push_back(VocabularySource::Kind::kByte);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  const std::string_view json = input.substr(0, zero);
  const std::string_view text = zero == input.npos ? json : input.substr(zero + 1);

  auto source = g4::vocabulary_from_tokenizer_json(json);
  if (!source) {
    require(!source.error().message.empty());
    return 0;
  }
  if (source->tokens.size() > 100000)
    return 0;  // one far id: legal, but slow to build again and again
  add_byte_tokens(*source);
  const auto tokenizer = Tokenizer::create(std::move(*source));
  if (!tokenizer) {
    require(!tokenizer.error().message.empty());
    return 0;
  }
  const auto inside = [&](TokenId id) {
    return id >= 0 && static_cast<std::size_t>(id) < tokenizer->size();
  };
  const auto plain = tokenizer->encode(text);
  for (const TokenId id : plain) require(inside(id) && !tokenizer->is_special(id));
  const auto parsed = tokenizer->encode(text, Tokenizer::Special::kParse);
  require(std::all_of(parsed.begin(), parsed.end(), inside));
  require(plain.empty() == text.empty() && parsed.empty() == text.empty());
  require(tokenizer->encode(g4::replace_invalid_utf8(text)) == plain);
  return 0;
}
