// Token rules at work beside the model: a rule is asked as soon as a token is known, a worker
// thread answers while the model computes that token, and the draw finds the answer ready.
//
// AskedRule is one sequence's rule with its last answer; RuleWorkers are the threads. A rule that
// is slow costs its own request time and nobody else (RuleTimes); one that never returns keeps a
// worker. Failure: what a rule says or throws is its answer, an Error.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.h"
#include "base/thread_annotations.h"
#include "sampling/token_rule.h"

namespace g4 {

// Masks take microseconds, rarely a few milliseconds, a step of the model tens of milliseconds.
struct RuleTimes {
  // How long after a rule was asked a step still waits for its answer. Later the sequence leaves
  // the steps and comes back with the answer.
  std::chrono::milliseconds step_wait{50};
  // How long a rule may work on one answer; then its request ends. Waiting for a worker not
  // counted.
  std::chrono::milliseconds work_max{1000};
};

// Threads: asked and read by the engine thread, answered by a worker.
class AskedRule {
 public:
  AskedRule(std::unique_ptr<TokenRule> rule, std::size_t vocab_size, const RuleTimes& times);

  // Null if there is no answer yet. Holds until the rule is asked again, as mask() does.
  const Result<NextTokens>* answer() const;
  // The same; waits as long as a step may.
  const Result<NextTokens>* wait() const;
  TokenMask mask() const { return mask_; }
  bool overdue() const;  // at work for longer than it may

 private:
  friend class RuleWorkers;
  using Clock = std::chrono::steady_clock;

  void ask(std::optional<TokenId> accepted);
  void work();
  Result<NextTokens> next(std::optional<TokenId> accepted);

  const RuleTimes times_;
  const std::unique_ptr<TokenRule> rule_;  // whoever works
  std::vector<std::uint32_t> mask_;        // written before there is an answer, read after

  mutable Mutex mutex_;
  mutable CondVar answered_;
  std::optional<TokenId> accepted_ GUARDED_BY(mutex_);
  Clock::time_point asked_at_ GUARDED_BY(mutex_);
  std::optional<Clock::time_point> begun_at_ GUARDED_BY(mutex_);  // while at work
  std::optional<Result<NextTokens>> answer_ GUARDED_BY(mutex_);
};

class RuleWorkers {
 public:
  // One thread, and more when they are needed and can be had. `on_answer` is called by them after
  // each answer.
  RuleWorkers(std::uint32_t threads_max, std::function<void()> on_answer);
  ~RuleWorkers();  // waits for rules that are at work, drops those that wait

  // What may come after `accepted`, or first of all if there is none. The last question has been
  // answered. Shared: a worker may be within the rule when its request ends.
  void ask(const std::shared_ptr<AskedRule>& rule, std::optional<TokenId> accepted);

 private:
  void add_thread();
  void work();
  std::shared_ptr<AskedRule> take();  // null: it is time to end

  std::uint32_t threads_max_;  // ask() only
  const std::function<void()> on_answer_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<std::weak_ptr<AskedRule>> asked_ GUARDED_BY(mutex_);  // weak: requests may end
  std::uint32_t idle_ GUARDED_BY(mutex_) = 0;                      // threads that wait in take()
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;  // ask() and the destructor only
};

}  // namespace g4
