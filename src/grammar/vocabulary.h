// llguidance's own copy of the vocabulary, with a trie over it: what grammars are compiled against.
//
// Cost:    about a second and 100 MB for Gemma's 262,144 tokens; once per process.
// Threads: immutable; any thread.
#pragma once

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "grammar/token_table.h"

struct LlgTokenizer;

namespace g4::grammar {

class Vocabulary {
 public:
  // The tokenizer is asked for the tokens of texts that a grammar forces. Without one they are cut
  // into single bytes, which a model would not do: good enough for trying a grammar, and never
  // cheaper.
  static Result<std::shared_ptr<const Vocabulary>> create(
      const TokenTable& table, std::shared_ptr<const Tokenizer> tokenizer);
  ~Vocabulary();
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  std::size_t size() const { return size_; }
  std::span<const TokenId> stops() const { return stops_; }
  bool is_stop(TokenId token) const {
    return std::find(stops_.begin(), stops_.end(), token) != stops_.end();
  }
  const LlgTokenizer* handle() const { return handle_; }

 private:
  Vocabulary(const TokenTable& table, std::shared_ptr<const Tokenizer> tokenizer)
      : size_(table.lengths.size()), stops_(table.stops), tokenizer_(std::move(tokenizer)) {}

  std::size_t size_;
  std::vector<TokenId> stops_;
  // What handle_ calls with texts outlives it: the tokenizer, or tokens of one byte, by that byte.
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::vector<std::uint32_t> byte_tokens_;
  LlgTokenizer* handle_ = nullptr;
};

}  // namespace g4::grammar
