#include "grammar/matcher.h"

#include <fmt/format.h>
#include <llguidance.h>

#include <algorithm>
#include <string_view>

#include "base/utf8.h"
#include "grammar/deep_stack.h"
#include "grammar/processor_time.h"

namespace g4::grammar {
namespace {

// llguidance's defaults, but for less memory: a lexer state takes 1 to 2 kB, and no grammar of our
// corpus came near 5,000 of them.
constexpr std::size_t kLexerStatesMax = 50'000;
// An object of 1,000 optional properties predicts 4,000 items at once.
constexpr std::size_t kItemsInRowMax = 8'000;

LlgConstraintInit options(const Vocabulary& vocabulary) {
  LlgConstraintInit init{};
  llg_constraint_init_set_defaults(&init, vocabulary.handle());
  init.log_buffer_level = 0;
  init.log_stderr_level = 0;
  init.limits.max_lexer_states = kLexerStatesMax;
  init.limits.max_items_in_row = kItemsInRowMax;
  init.limits.precompute_large_lexemes = true;
  init.limits.verbose_errors = false;  // they would quote the client's text
  return init;
}

// The first line, which says it all; what follows are excerpts and backtraces.
std::string_view first_line(std::string_view text) {
  return utf8_beginning(text.substr(0, text.find('\n')), 300);
}

// Why a grammar does not compile, for the client: without places in Lark text that he never saw,
// and without dumps of expressions.
std::string_view reason(std::string_view text) {
  text = first_line(text);
  if (text.starts_with("at ")) text.remove_prefix(std::min(text.find(": "), text.size() - 2) + 2);
  constexpr std::string_view kOfSchema = "failed to compile JSON schema: ";
  if (text.starts_with(kOfSchema)) text.remove_prefix(kOfSchema.size());
  return text.substr(0, text.find(":  ("));
}

}  // namespace

Error too_expensive(std::chrono::nanoseconds one_step) {
  return Error{fmt::format("the answer's grammar is too expensive: one step took {} ms",
                           std::chrono::ceil<std::chrono::milliseconds>(one_step).count())};
}

void Matcher::Free::operator()(LlgMatcher* handle) const { llg_free_matcher(handle); }

Matcher::Matcher(std::shared_ptr<const Vocabulary> vocabulary, LlgMatcher* handle)
    : vocabulary_(std::move(vocabulary)), handle_(handle) {}
Matcher::Matcher(Matcher&&) noexcept = default;
Matcher::~Matcher() = default;
Matcher& Matcher::operator=(Matcher&& other) noexcept {
  handle_ = std::move(other.handle_);  // before the vocabulary that it points into goes
  vocabulary_ = std::move(other.vocabulary_);
  stops_ = other.stops_;
  return *this;
}

Error Matcher::failure(const char* what) {
  const char* why = llg_matcher_get_error(handle_.get());
  return Error{fmt::format("the answer's grammar cannot {}: {}", what,
                           first_line(why ? why : "it is of another size"))};
}

Status Matcher::mask(std::span<std::uint32_t> words) {
  if (stops_ > 0) {
    std::fill(words.begin(), words.end(), 0);
    for (const TokenId id : vocabulary_->stops())
      words[static_cast<std::size_t>(id) / 32] |= 1U << (id % 32);
    return {};
  }
  const ProcessorTime start;
  if (llg_matcher_compute_mask_into(handle_.get(), words.data(), words.size_bytes()) != 0)
    return failure("say what may come next");
  if (const auto took = start.elapsed(); took > kMaskTimeMax) return too_expensive(took);
  return {};
}

Status Matcher::accept(TokenId token) {
  if (vocabulary_->is_stop(token)) {
    if (stops_ == 0 && !may_end()) return Error{"the answer ends before its grammar allows it"};
    ++stops_;
    return {};
  }
  if (stops_ > 0) return Error{"the answer goes on after its end"};
  if (llg_matcher_consume_token(handle_.get(), static_cast<std::uint32_t>(token)) != 0)
    return failure("take this token");
  return {};
}

Status Matcher::rollback(std::size_t tokens) {
  const std::size_t stops = std::min(tokens, stops_);
  stops_ -= stops;
  if (llg_matcher_rollback(handle_.get(), tokens - stops) != 0) return failure("go back");
  return {};
}

Result<std::size_t> Matcher::allowed(std::span<const TokenId> tokens) {
  const auto stop = std::find_if(tokens.begin(), tokens.end(),
                                 [&](TokenId id) { return vocabulary_->is_stop(id); });
  const std::vector<std::uint32_t> ids(tokens.begin(), stops_ > 0 ? tokens.begin() : stop);
  const std::int32_t count = llg_matcher_validate_tokens(handle_.get(), ids.data(), ids.size());
  if (count < 0) return failure("try these tokens");
  const auto valid = static_cast<std::size_t>(count);
  if (valid < ids.size() || valid == tokens.size() || stop != tokens.begin() + count) return valid;
  // The stop tokens that follow are allowed if the answer may end there.
  if (llg_matcher_consume_tokens(handle_.get(), ids.data(), ids.size()) != 0)
    return failure("try these tokens");
  const bool ends = stops_ > 0 || may_end();
  if (llg_matcher_rollback(handle_.get(), ids.size()) != 0) return failure("go back");
  if (!ends) return valid;
  const auto other =
      std::find_if(stop, tokens.end(), [&](TokenId id) { return !vocabulary_->is_stop(id); });
  return static_cast<std::size_t>(other - tokens.begin());
}

Result<std::vector<TokenId>> Matcher::forced() {
  std::vector<std::uint32_t> ids(64);
  const std::int32_t count = llg_matcher_compute_ff_tokens(handle_.get(), ids.data(), ids.size());
  if (count < 0) return failure("say what must come next");
  return std::vector<TokenId>(ids.begin(), ids.begin() + count);
}

bool Matcher::may_end() { return stops_ > 0 || llg_matcher_is_accepting(handle_.get()); }
bool Matcher::has_ended() const { return stops_ > 0 || llg_matcher_is_stopped(handle_.get()); }

Result<std::shared_ptr<const CompiledGrammar>> CompiledGrammar::compile(
    std::shared_ptr<const Vocabulary> vocabulary, const std::string& text) {
  const LlgConstraintInit init = options(*vocabulary);
  LlgMatcher* handle = nullptr;
  if (Status status = on_deep_stack([&] { handle = llg_new_matcher(&init, "lark", text.c_str()); });
      !status)
    return std::move(status).error();
  Matcher matcher(std::move(vocabulary), handle);
  if (const char* why = llg_matcher_get_error(handle)) return Error{std::string(reason(why))};
  return std::shared_ptr<const CompiledGrammar>(new CompiledGrammar(std::move(matcher)));
}

Matcher CompiledGrammar::start() const {
  const std::lock_guard lock(mutex_);
  return Matcher(first_.vocabulary_, llg_clone_matcher(first_.handle_.get()));
}

}  // namespace g4::grammar
