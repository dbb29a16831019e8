#include "serve/grammar_compiler.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <chrono>

namespace g4 {
namespace {

api::ApiError refusal(const std::string& path, const grammar::GrammarError& error) {
  using Fault = grammar::GrammarError::Fault;
  if (error.fault == Fault::kClient)
    return api::invalid(path, fmt::format("{}: {}", path, error.message));
  if (error.fault == Fault::kBusy) return {429, error.message, path, "queue_full"};
  spdlog::error("grammars cannot be tried: {}", error.message);
  return {500, "this server cannot constrain answers now; its log says why", path, ""};
}

}  // namespace

GrammarCompiler::GrammarCompiler(const Tokenizer& tokenizer) : threads_(kThreads) {
  auto made = std::make_shared<std::promise<std::shared_ptr<Grammars>>>();
  grammars_ = made->get_future().share();
  boost::asio::post(threads_, [made, &tokenizer] {
    const std::shared_ptr<const Tokenizer> held(std::shared_ptr<const void>(), &tokenizer);
    made->set_value(std::make_shared<Grammars>(grammar::Grammars::create(held)));
  });
}

// Those that wait for hostile ones must not hold up what is known.
std::optional<api::CompiledGrammars> GrammarCompiler::recall(
    const api::AnswerGrammars& wanted) const {
  if (grammars_.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return std::nullopt;
  const Grammars& grammars = *grammars_.get();
  if (!grammars) return std::nullopt;
  api::CompiledGrammars found;
  if (wanted.answer) found.answer = (*grammars)->known(wanted.answer->text);
  if (wanted.calls) found.calls = (*grammars)->known(wanted.calls->text);
  if ((wanted.answer && !found.answer) || (wanted.calls && !found.calls)) return std::nullopt;
  return found;
}

void GrammarCompiler::compile(api::AnswerGrammars grammars, Done done) {
  if (auto known = recall(grammars)) return done(*std::move(known));
  if (++waiting_ > kWaitingMax) {
    --waiting_;
    return done(api::ApiError{429, "too many answers' grammars wait to be compiled; no more now",
                              std::nullopt, "queue_full"});
  }
  boost::asio::post(threads_, [this, grammars = std::move(grammars), done = std::move(done)] {
    auto compiled = stopping_
                        ? api::ApiError{503, "the server is stopping", std::nullopt, "stopping"}
                        : work(grammars);
    --waiting_;
    done(std::move(compiled));
  });
}

api::Parsed<api::CompiledGrammars> GrammarCompiler::work(const api::AnswerGrammars& wanted) const {
  const Grammars& grammars = *grammars_.get();
  if (!grammars) {
    spdlog::error("no answer can be constrained: {}", grammars.error().message);
    return api::ApiError{500, "this server cannot constrain answers; its log says why",
                         std::nullopt, ""};
  }
  api::CompiledGrammars compiled;
  for (const auto& [from, to] :
       {std::pair{&wanted.answer, &compiled.answer}, std::pair{&wanted.calls, &compiled.calls}}) {
    if (!*from) continue;
    auto grammar = (*grammars)->compile((*from)->text);
    if (!grammar) return refusal((*from)->path, grammar.error());
    *to = *std::move(grammar);
  }
  return compiled;
}

}  // namespace g4
