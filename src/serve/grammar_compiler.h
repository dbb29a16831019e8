// GrammarCompiler: the grammars that requests call for, compiled on threads of its own, so that
// neither the HTTP threads nor the engine wait for a hostile one.
//
// The vocabulary they need (a second of work, 250 MB with the probe's) is made beside all else
// when this object is; the first requests wait for it. Bounded; what is too much is told 429.
// Threads: compile() from any.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "api/answer_format.h"
#include "grammar/grammars.h"
#include "text/tokenizer.h"

namespace g4 {

class GrammarCompiler {
 public:
  static constexpr int kThreads = 2;
  static constexpr int kWaitingMax = 64;  // requests
  using Done = std::function<void(api::Parsed<api::CompiledGrammars>)>;

  explicit GrammarCompiler(const Tokenizer& tokenizer);  // which outlives it
  ~GrammarCompiler() { finish(); }

  // done is called once: at once if there is too much or all are known, else on a thread of the
  // compiler.
  void compile(api::AnswerGrammars grammars, Done done);
  // Returns when all that was taken is done: what still waits is told that the server is stopping.
  // No compile() during or after it.
  void finish() {
    stopping_ = true;
    threads_.join();
  }

 private:
  using Grammars = Result<std::unique_ptr<grammar::Grammars>>;

  std::optional<api::CompiledGrammars> recall(const api::AnswerGrammars& wanted) const;
  api::Parsed<api::CompiledGrammars> work(const api::AnswerGrammars& wanted) const;

  std::shared_future<std::shared_ptr<Grammars>> grammars_;
  std::atomic<int> waiting_ = 0;
  std::atomic<bool> stopping_ = false;
  boost::asio::thread_pool threads_;
};

// Compiles the request's grammars, if any; `then` gets the request or an error.
template <class Request, class Then>
void compile_grammars(GrammarCompiler& compiler, Request request, Then then) {
  if (request.grammars().empty()) return then(std::move(request));
  api::AnswerGrammars grammars = request.grammars();
  // A function object must be copyable; what it carries is not small.
  auto shared = std::make_shared<Request>(std::move(request));
  compiler.compile(std::move(grammars), [shared, then](api::Parsed<api::CompiledGrammars> done) {
    if (auto* error = std::get_if<api::ApiError>(&done)) return then(*std::move(error));
    shared->take(std::move(std::get<api::CompiledGrammars>(done)));
    then(std::move(*shared));
  });
}

}  // namespace g4
