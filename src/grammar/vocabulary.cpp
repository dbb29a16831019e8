#include "grammar/vocabulary.h"

#include <fmt/format.h>
#include <llguidance.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace g4::grammar {
namespace {

// An exception that left this function would end the process: it is called from Rust.
std::size_t tokenize(const void* tokenizer, const std::uint8_t* bytes, std::size_t size,
                     std::uint32_t* out, std::size_t out_size) noexcept {
  try {
    const std::string_view text(reinterpret_cast<const char*>(bytes), size);
    const auto ids = static_cast<const Tokenizer*>(tokenizer)->encode(text);
    for (std::size_t i = 0; i < std::min(ids.size(), out_size); ++i)
      out[i] = static_cast<std::uint32_t>(ids[i]);
    return ids.size();
  } catch (...) {
    return 0;
  }
}

std::size_t cut_into_bytes(const void* byte_tokens, const std::uint8_t* bytes, std::size_t size,
                           std::uint32_t* out, std::size_t out_size) noexcept {
  const auto* ids = static_cast<const std::uint32_t*>(byte_tokens);
  for (std::size_t i = 0; i < std::min(size, out_size); ++i) out[i] = ids[bytes[i]];
  return size;
}

// By byte, a token that is nothing but that byte; fails if one has none.
Result<std::vector<std::uint32_t>> byte_tokens(const TokenTable& table) {
  constexpr std::uint32_t kNone = UINT32_MAX;
  std::vector<std::uint32_t> ids(256, kNone);
  std::size_t at = 0;
  for (std::size_t id = 0; id < table.lengths.size(); at += table.lengths[id++])
    if (table.lengths[id] == 1)
      ids[static_cast<unsigned char>(table.bytes[at])] = static_cast<std::uint32_t>(id);
  if (std::find(ids.begin(), ids.end(), kNone) != ids.end())
    return Error{"the vocabulary lacks a token for some byte, which grammars need"};
  return ids;
}

Status check(const TokenTable& table) {
  std::size_t total = 0;
  for (const std::uint32_t length : table.lengths) total += length;
  if (table.lengths.empty() || total != table.bytes.size() || total > UINT32_MAX)
    return Error{"the vocabulary's bytes and lengths do not fit together"};
  if (table.stops.empty())
    return Error{"the vocabulary has no token that ends an answer, which grammars need"};
  for (const TokenId id : table.stops)
    if (id < 0 || static_cast<std::size_t>(id) >= table.lengths.size())
      return Error{fmt::format("stop token {} lies outside the vocabulary", id)};
  return {};
}

}  // namespace

Result<std::shared_ptr<const Vocabulary>> Vocabulary::create(
    const TokenTable& table, std::shared_ptr<const Tokenizer> tokenizer) {
  if (Status status = check(table); !status) return std::move(status).error();
  const std::shared_ptr<Vocabulary> vocabulary(new Vocabulary(table, std::move(tokenizer)));
  const std::vector<LlgToken> stops(table.stops.begin(), table.stops.end());
  LlgTokenizerInitV2 init{};
  init.struct_size = sizeof(init);
  init.vocab_size = static_cast<std::uint32_t>(table.lengths.size());
  init.tok_eos = stops.front();
  init.tok_eos_extra = stops.data() + 1;
  init.tok_eos_extra_count = static_cast<std::uint32_t>(stops.size() - 1);
  init.token_lens = table.lengths.data();
  init.token_bytes = reinterpret_cast<const std::uint8_t*>(table.bytes.data());
  init.tokenize_assumes_string = true;
  if (vocabulary->tokenizer_) {
    init.tokenize_fn = tokenize;
    init.tokenize_user_data = vocabulary->tokenizer_.get();
  } else {
    vocabulary->byte_tokens_ = G4_TRY(byte_tokens(table));
    init.tokenize_fn = cut_into_bytes;
    init.tokenize_user_data = vocabulary->byte_tokens_.data();
  }
  std::array<char, 256> why{};
  vocabulary->handle_ = llg_new_tokenizer_v2(&init, why.data(), why.size());
  if (vocabulary->handle_ == nullptr)
    return Error{fmt::format("grammars cannot use this vocabulary: {}", why.data())};
  return std::shared_ptr<const Vocabulary>(vocabulary);
}

Vocabulary::~Vocabulary() { llg_free_tokenizer(handle_); }

}  // namespace g4::grammar
