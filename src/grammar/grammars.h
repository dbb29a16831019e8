// The door of this room: from a grammar's text to its compiled form, of which each answer gets a
// matcher.
//
// A new grammar is tried by the probe process, compiled here (milliseconds), and remembered; the
// next request with the same text gets it at once.
//
// Threads: any; compile() blocks for a new grammar, up to seconds if that is hostile. Not for a
//          thread that others wait for.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "grammar/grammar_text.h"
#include "grammar/matcher.h"
#include "grammar/probe.h"
#include "grammar/vocabulary.h"

namespace g4::grammar {

class Grammars {
 public:
  // Makes the vocabulary, a second of work, and starts the probe, which works beside it.
  static Result<std::unique_ptr<Grammars>> create(std::shared_ptr<const Tokenizer> tokenizer);

  using Compiled = std::shared_ptr<const CompiledGrammar>;
  Result<Compiled, GrammarError> compile(const GrammarText& text);
  // Null if it is new. Does not block.
  Compiled known(const GrammarText& text) EXCLUDES(mutex_);

 private:
  struct Known {
    std::string text;
    Compiled grammar;
  };

  explicit Grammars(const TokenTable& table) : probe_(table) {}
  void remember(const std::string& text, Compiled grammar) EXCLUDES(mutex_);

  std::shared_ptr<const Vocabulary> vocabulary_;
  Probe probe_;
  Mutex mutex_;
  std::list<Known> known_ GUARDED_BY(mutex_);  // last used first
  std::unordered_map<std::string_view, std::list<Known>::iterator> by_text_ GUARDED_BY(mutex_);
  std::size_t text_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace g4::grammar
