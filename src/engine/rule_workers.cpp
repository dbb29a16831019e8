#include "engine/rule_workers.h"

#include <fmt/format.h>

#include <cassert>
#include <exception>
#include <system_error>
#include <utility>

namespace g4 {

AskedRule::AskedRule(std::unique_ptr<TokenRule> rule, std::size_t vocab_size,
                     const RuleTimes& times)
    : times_(times), rule_(std::move(rule)), mask_(mask_words(vocab_size)) {}

void AskedRule::ask(std::optional<TokenId> accepted) {
  const Lock lock(mutex_);
  accepted_ = accepted;
  asked_at_ = Clock::now();
  answer_.reset();
}

const Result<NextTokens>* AskedRule::answer() const {
  const Lock lock(mutex_);
  return answer_ ? &*answer_ : nullptr;
}

const Result<NextTokens>* AskedRule::wait() const {
  const Lock lock(mutex_);
  const auto late_at = asked_at_ + times_.step_wait;
  while (!answer_ && Clock::now() < late_at) answered_.wait_until(mutex_, late_at);
  return answer_ ? &*answer_ : nullptr;
}

bool AskedRule::overdue() const {
  const Lock lock(mutex_);
  return begun_at_ && Clock::now() > *begun_at_ + times_.work_max;
}

void AskedRule::work() {
  std::optional<TokenId> accepted;
  {
    const Lock lock(mutex_);
    begun_at_ = Clock::now();
    accepted = accepted_;
  }
  Result<NextTokens> found = next(accepted);
  {
    const Lock lock(mutex_);
    begun_at_.reset();
    answer_ = std::move(found);
  }
  answered_.notify_all();
}

Result<NextTokens> AskedRule::next(std::optional<TokenId> accepted) {
  try {
    if (accepted) G4_TRY(rule_->accept(*accepted));
    return rule_->next(mask_);
  } catch (const std::exception& exception) {
    return Error{fmt::format("the constraint of the output failed: {}", exception.what())};
  }
}

RuleWorkers::RuleWorkers(std::uint32_t threads_max, std::function<void()> on_answer)
    : threads_max_(threads_max), on_answer_(std::move(on_answer)) {
  assert(threads_max > 0);
  threads_.emplace_back([this] { work(); });
}

RuleWorkers::~RuleWorkers() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void RuleWorkers::ask(const std::shared_ptr<AskedRule>& rule, std::optional<TokenId> accepted) {
  rule->ask(accepted);
  bool all_busy;
  {
    const Lock lock(mutex_);
    asked_.push_back(rule);
    all_busy = idle_ < asked_.size();
  }
  if (all_busy && threads_.size() < threads_max_) add_thread();
  wake_.notify_one();
}

void RuleWorkers::add_thread() {
  try {
    threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {  // no more are to be had: these must do
    threads_max_ = static_cast<std::uint32_t>(threads_.size());
  }
}

void RuleWorkers::work() {
  while (std::shared_ptr<AskedRule> rule = take()) {
    rule->work();
    rule.reset();  // perhaps the last to hold it
    on_answer_();
  }
}

std::shared_ptr<AskedRule> RuleWorkers::take() {
  const Lock lock(mutex_);
  for (;;) {
    ++idle_;
    while (!stopping_ && asked_.empty()) wake_.wait(mutex_);
    --idle_;
    if (stopping_) return nullptr;
    std::shared_ptr<AskedRule> rule = asked_.front().lock();
    asked_.pop_front();
    if (rule) return rule;
  }
}

}  // namespace g4
