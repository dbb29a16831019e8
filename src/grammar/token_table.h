// The vocabulary as plain bytes, as grammars see it. The probe process gets a copy.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizer.h"

namespace g4::grammar {

struct TokenTable {
  // Of all tokens one after the other: a token's bytes as they stand in decoded text. A special
  // token is a byte 0xFF, which no text holds, and its spelling: so text never becomes one.
  std::string bytes;
  std::vector<std::uint32_t> lengths;  // by id
  std::vector<TokenId> stops;          // end an answer; at least one
};

TokenTable token_table(const Tokenizer& tokenizer);

}  // namespace g4::grammar
