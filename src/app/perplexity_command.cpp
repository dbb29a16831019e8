// gemma4 perplexity MODEL FILE: how well the model predicts a text.
//
// Counted as llama.cpp's llama-perplexity counts, so that figures compare: <bos> and the text's
// tokens are cut into whole windows of --window tokens, the first token of each is replaced by
// <bos>, and only tokens of the second half are scored, which have at least half a window before
// them.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "app/commands.h"
#include "app/interrupt.h"
#include "app/options.h"
#include "app/session.h"
#include "base/progress.h"

namespace g4::app {
namespace {

struct PerplexityArguments {
  ModelArguments model;
  std::string file;
  std::uint64_t window = 512;
  std::uint64_t windows_max = 0;
  bool json = false;
};

struct Score {
  std::uint64_t tokens = 0;
  double sum = 0;  // of log-probabilities
  double squares = 0;

  void add(double logprob) {
    ++tokens;
    sum += logprob;
    squares += logprob * logprob;
  }
  double perplexity() const { return std::exp(-sum / static_cast<double>(tokens)); }
  // Standard error of the perplexity, to first order.
  double error() const {
    const auto n = static_cast<double>(tokens);
    const double variance = std::max(0.0, squares / n - (sum / n) * (sum / n));
    return tokens > 1 ? perplexity() * std::sqrt(variance / (n - 1)) : 0;
  }
};

GenerateRequest scoring_request(std::span<const TokenId> window, std::optional<TokenId> bos) {
  GenerateRequest request;
  request.prompt.assign(window.begin(), window.end());
  if (bos) request.prompt.front() = *bos;
  request.output_tokens_max = 0;
  request.prompt_logprobs = 0;
  return request;
}

Result<Score> score_text(Session& session, const PerplexityArguments& arguments,
                         std::span<const TokenId> ids) {
  Score score;
  InterruptWatch interrupt;
  std::uint64_t windows = ids.size() / arguments.window;
  if (arguments.windows_max > 0) windows = std::min(windows, arguments.windows_max);
  for (std::uint64_t i = 0; i < windows && !interrupt.pressed(); ++i) {
    const auto window = ids.subspan(i * arguments.window, arguments.window);
    const Result<Finished> end = session.generate(
        scoring_request(window, session.tokenizer().bos()),
        [&](const ServiceEvent& event) {
          const PromptScored* scored = std::get_if<PromptScored>(&event);
          if (!scored) return;
          // logprobs[j] belongs to token j + 1 of the window.
          for (std::size_t j = arguments.window / 2; j < scored->logprobs.size(); ++j)
            score.add(static_cast<double>(scored->logprobs[j].logprob));
        },
        [&] { return interrupt.pressed(); });
    if (!end) return end.error();
    if (!arguments.model.quiet && score.tokens > 0)
      fmt::print(stderr, "window {} of {}: perplexity so far {:.4f}\n", i + 1, windows,
                 score.perplexity());
  }
  if (score.tokens == 0)
    return Error{
        fmt::format("the text has {} tokens, fewer than one window of {}: nothing was scored",
                    ids.size(), arguments.window)};
  return score;
}

Result<int> run(const PerplexityArguments& arguments) {
  const std::string text = G4_TRY(read_text_file(arguments.file));
  ModelArguments model = arguments.model;
  if (model.context == 0) model.context = arguments.window + 2;
  const std::unique_ptr<Session> session = G4_TRY(Session::open(model));
  std::vector<TokenId> ids = session->tokenizer().encode(text);
  if (const auto bos = session->tokenizer().bos()) ids.insert(ids.begin(), *bos);
  const Score score = G4_TRY(score_text(*session, arguments, ids));
  if (arguments.json) {
    fmt::print("{}\n",
               boost::json::serialize(boost::json::object{{"perplexity", score.perplexity()},
                                                          {"error", score.error()},
                                                          {"tokens", score.tokens},
                                                          {"window", arguments.window}}));
  } else {
    fmt::print("perplexity {:.4f} +- {:.4f} over {} tokens, windows of {}\n", score.perplexity(),
               score.error(), score.tokens, arguments.window);
  }
  return 0;
}

}  // namespace

void add_perplexity_command(CLI::App& app, Run& chosen) {
  const auto arguments = std::make_shared<PerplexityArguments>();
  CLI::App* command = app.add_subcommand("perplexity", "How well a model predicts a text");
  add_model_options(*command, arguments->model);
  command->add_option("FILE", arguments->file, "UTF-8 text")->required();
  command
      ->add_option("--window", arguments->window, "Tokens of a window; its second half is scored")
      ->check(CLI::Range(4, 1 << 20))
      ->capture_default_str();
  command->add_option("--windows", arguments->windows_max, "Most windows (0: the whole text)");
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      const Result<int> code = run(*arguments);
      return code ? *code : fail(code.error());
    };
  });
}

}  // namespace g4::app
