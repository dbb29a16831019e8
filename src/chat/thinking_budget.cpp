#include "chat/thinking_budget.h"

#include <string_view>

#include "base/utf8.h"

namespace g4::chat {
namespace {

constexpr std::string_view kChannelName = "thought\n";
constexpr std::size_t kCharacterBytesMax = 4;

}  // namespace

ThinkingBudget::ThinkingBudget(const Tokenizer& tokenizer, std::span<const TokenId> prompt,
                               std::uint64_t tokens_max)
    : tokenizer_(tokenizer), controls_(tokenizer), tokens_max_(tokens_max) {
  for (const TokenId token : prompt.subspan(controls_.open_part(prompt))) push(token);
  spent_ = 0;
}

void ThinkingBudget::push(TokenId token) {
  const Mark mark = controls_.of(token);
  const bool closes =
      mark == Mark::kThoughtEnd || mark == Mark::kCall || mark == Mark::kTurn || mark == Mark::kEnd;
  if (!closes && mark != Mark::kThought) {
    if (open_) read(token);
    return;
  }
  open_ = !closes;
  named_ = false;
  name_.clear();
  last_.clear();
}

void ThinkingBudget::read(TokenId token) {
  std::string_view bytes = tokenizer_.bytes(token);
  std::string head;
  if (!named_) {
    name_ += bytes;
    if (name_ != kChannelName && kChannelName.starts_with(name_)) return;
    named_ = true;
    head = name_.starts_with(kChannelName) ? name_.substr(kChannelName.size()) : name_;
    bytes = head;
    if (head.empty()) return;
  }
  ++spent_;
  last_ += bytes;
  if (last_.size() > kCharacterBytesMax) last_.erase(0, last_.size() - kCharacterBytesMax);
}

bool ThinkingBudget::within_character() const {
  for (std::size_t at = 0; at < last_.size(); ++at) {
    const std::string_view rest = std::string_view(last_).substr(at);
    if (next_utf8(rest).kind == Utf8Step::Kind::kIncomplete) return true;
  }
  return false;
}

std::optional<TokenId> ThinkingBudget::forced() const {
  if (!open_ || spent_ < tokens_max_ || !controls_.thought_end()) return std::nullopt;
  if (!named_) return tokenizer_.encode(kChannelName.substr(name_.size())).front();
  if (last_.empty() || last_.ends_with('\n')) return controls_.thought_end();
  // Bytes that never become a character must not keep the thought open.
  if (spent_ < tokens_max_ + kCharacterBytesMax && within_character()) return std::nullopt;
  return tokenizer_.encode("\n").front();
}

}  // namespace g4::chat
