// llguidance's own copy of the vocabulary, with a trie over it: what grammars are compiled against.
//
// Cost:    about a second and 100 MB for Gemma's 262,144 tokens; once per process.
// Threads: immutable; any thread.
#pragma once

#include <memory>

#include "base/result.h"
#include "grammar/token_table.h"

struct LlgTokenizer;

namespace g4::grammar {

class Vocabulary {
 public:
  // The tokenizer is asked for the tokens of texts that a grammar forces. Without one they are cut
  // greedily, longest token first, which a model would not do: good enough for trying a grammar.
  static Result<std::shared_ptr<const Vocabulary>> create(
      const TokenTable& table, std::shared_ptr<const Tokenizer> tokenizer);
  ~Vocabulary();
  Vocabulary(const Vocabulary&) = delete;
  Vocabulary& operator=(const Vocabulary&) = delete;

  std::size_t size() const { return size_; }
  const LlgTokenizer* handle() const { return handle_; }

 private:
  Vocabulary(std::size_t size, std::shared_ptr<const Tokenizer> tokenizer)
      : size_(size), tokenizer_(std::move(tokenizer)) {}

  std::size_t size_;
  std::shared_ptr<const Tokenizer> tokenizer_;  // outlives handle_, which calls it
  LlgTokenizer* handle_ = nullptr;
};

}  // namespace g4::grammar
