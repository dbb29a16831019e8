#include "grammar/grammars.h"

namespace g4::grammar {
namespace {

// A compiled grammar takes some ten times its text; large ones are few.
constexpr std::size_t kKnownMax = 128;
constexpr std::size_t kKnownTextBytesMax = std::size_t{8} << 20;

}  // namespace

Result<std::unique_ptr<Grammars>> Grammars::create(std::shared_ptr<const Tokenizer> tokenizer) {
  const TokenTable table = token_table(*tokenizer);
  std::unique_ptr<Grammars> made(new Grammars(table));
  made->vocabulary_ = G4_TRY(Vocabulary::create(table, std::move(tokenizer)));
  return made;
}

Result<Grammars::Compiled, GrammarError> Grammars::compile(const GrammarText& text) {
  if (const Compiled old = known(text)) return old;
  if (auto objection = probe_.objection(text)) return *std::move(objection);
  auto compiled = CompiledGrammar::compile(vocabulary_, text.lark());
  if (!compiled) return GrammarError{std::move(compiled).error(), GrammarError::Fault::kClient};
  remember(text.lark(), *compiled);
  return *std::move(compiled);
}

Grammars::Compiled Grammars::known(const GrammarText& text) {
  const Lock lock(mutex_);
  const auto found = by_text_.find(text.lark());
  if (found == by_text_.end()) return nullptr;
  known_.splice(known_.begin(), known_, found->second);
  return found->second->grammar;
}

void Grammars::remember(const std::string& text, Compiled grammar) {
  const Lock lock(mutex_);
  if (by_text_.contains(text)) return;  // two asked for it at once
  known_.push_front({text, std::move(grammar)});
  by_text_.emplace(known_.front().text, known_.begin());
  text_bytes_ += text.size();
  while (known_.size() > kKnownMax || text_bytes_ > kKnownTextBytesMax) {
    const Known& oldest = known_.back();
    text_bytes_ -= oldest.text.size();
    by_text_.erase(oldest.text);
    known_.pop_back();
  }
}

}  // namespace g4::grammar
