#include "service/answer_rule.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "chat/control_tokens.h"
#include "chat/thinking_budget.h"
#include "grammar/constraint.h"

namespace g4 {
namespace {

using Words = std::span<std::uint32_t>;

// Tokens that the model lacks can't be drawn anyhow.
void set(Words mask, TokenId id, bool allowed) {
  const std::size_t word = static_cast<std::size_t>(id) / 32;
  if (word >= mask.size()) return;
  const std::uint32_t bit = std::uint32_t{1} << (id % 32);
  mask[word] = allowed ? mask[word] | bit : mask[word] & ~bit;
}

class AnswerRule final : public TokenRule {
 public:
  AnswerRule(const Tokenizer& tokenizer, std::span<const TokenId> prompt_end, AnswerForm form)
      : marks_(grammar::MarkerTokens::of(tokenizer)),
        controls_(tokenizer),
        form_(std::move(form)),
        thought_(tokenizer, prompt_end, form_.thought_tokens_max.value_or(UINT64_MAX)) {
    if (!form_.answer) return;
    grammar_.emplace(form_.answer->start());
    words_.resize(mask_words(tokenizer.size()));
  }

  Result<NextTokens> next(Words mask) override {
    if (thought_.thinking()) return within_thought(mask);
    if (!grammar_) return NextTokens(AnyToken{});
    if (Status status = grammar_->mask(words_); !status) return status.error();
    // A model may have more tokens than its vocabulary names, or fewer.
    const std::size_t shared = std::min(mask.size(), words_.size());
    std::copy_n(words_.begin(), shared, mask.begin());
    std::fill(mask.begin() + static_cast<std::ptrdiff_t>(shared), mask.end(), 0);
    if (!begun_) {
      if (form_.may_think && !thought_over_ && marks_.channel)
        set(mask, marks_.channel->open, true);
      if (form_.calls) set(mask, marks_.tool_call->open, true);
    }
    return NextTokens(MaskedTokens{});
  }

  Status accept(TokenId token) override {
    const bool was_thinking = thought_.thinking();
    thought_.push(token);
    if (was_thinking || thought_.thinking()) {
      thought_over_ = !thought_.thinking();
      return {};
    }
    if (!grammar_) return {};
    if (!std::exchange(begun_, true) && form_.calls && token == marks_.tool_call->open)
      grammar_.emplace(form_.calls->start());
    return grammar_->accept(token);
  }

 private:
  NextTokens within_thought(Words mask) const {
    if (const auto id = thought_.forced()) return ForcedToken{*id};
    std::fill(mask.begin(), mask.end(), ~std::uint32_t{0});
    for (const auto& [id, part] : controls_.marks())
      set(mask, id, part == chat::Mark::kThoughtEnd || part == chat::Mark::kQuote);
    return MaskedTokens{};
  }

  const grammar::MarkerTokens marks_;
  const chat::ControlTokens controls_;
  const AnswerForm form_;
  chat::ThinkingBudget thought_;
  std::optional<grammar::Matcher> grammar_;
  std::vector<std::uint32_t> words_;  // of its masks
  bool thought_over_ = false;
  bool begun_ = false;  // the answer itself, behind its thought
};

}  // namespace

TokenRuleMaker make_answer_rule(const Tokenizer& tokenizer, std::span<const TokenId> prompt,
                                AnswerForm form) {
  const std::size_t open = chat::ControlTokens(tokenizer).open_part(prompt);
  std::vector<TokenId> end(prompt.begin() + static_cast<std::ptrdiff_t>(open), prompt.end());
  return [&tokenizer, end = std::move(end),
          form = std::move(form)]() -> Result<std::unique_ptr<TokenRule>> {
    return std::unique_ptr<TokenRule>(std::make_unique<AnswerRule>(tokenizer, end, form));
  };
}

}  // namespace g4
