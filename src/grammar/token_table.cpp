#include "grammar/token_table.h"

namespace g4::grammar {

TokenTable token_table(const Tokenizer& tokenizer) {
  TokenTable table;
  table.lengths.reserve(tokenizer.size());
  for (std::size_t i = 0; i < tokenizer.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::size_t before = table.bytes.size();
    if (tokenizer.is_special(id)) table.bytes.push_back('\xFF');
    table.bytes.append(tokenizer.bytes(id));
    table.lengths.push_back(static_cast<std::uint32_t>(table.bytes.size() - before));
  }
  table.stops.assign(tokenizer.stop().begin(), tokenizer.stop().end());
  if (table.stops.empty() && tokenizer.eos()) table.stops.push_back(*tokenizer.eos());
  return table;
}

}  // namespace g4::grammar
