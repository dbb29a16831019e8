// The door of this room: from a grammar's text to a matcher for one answer.
//
// A new grammar is tried by the probe process, compiled here (milliseconds), and remembered; the
// next answer with the same text gets a copy of its start at once.
//
// Threads: any; start() blocks for a new grammar, up to seconds if that is hostile. Not for a
// thread
//          that others wait for.
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

  const MarkerTokens& tokens() const { return tokens_; }          // for write_grammar()
  std::size_t words() const { return mask_words(*vocabulary_); }  // of a mask

  Result<Matcher, GrammarError> start(const GrammarText& text);
  // write_grammar() and start().
  Result<Matcher, GrammarError> start(const Constraint& constraint);

 private:
  using Compiled = std::shared_ptr<const CompiledGrammar>;
  struct Known {
    std::string text;
    Compiled grammar;
  };

  Grammars(const TokenTable& table, MarkerTokens tokens)
      : tokens_(std::move(tokens)), probe_(table) {}
  Compiled recall(const std::string& text) EXCLUDES(mutex_);
  void remember(const std::string& text, Compiled grammar) EXCLUDES(mutex_);

  MarkerTokens tokens_;
  std::shared_ptr<const Vocabulary> vocabulary_;
  Probe probe_;
  Mutex mutex_;
  std::list<Known> known_ GUARDED_BY(mutex_);  // last used first
  std::unordered_map<std::string_view, std::list<Known>::iterator> by_text_ GUARDED_BY(mutex_);
  std::size_t text_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace g4::grammar
