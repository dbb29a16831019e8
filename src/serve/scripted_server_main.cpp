// Test program: the text server over a model that says what its user tells it to, so that clients
// can be tested on answers whose words matter. Serves until SIGTERM.
//
// A user message holds the answers between guillemets:
//   Weather? «⟨|tool_call⟩call:look{}⟨tool_call|⟩» «It is sunny.»
// The first is said to the message itself, the second after the results of the first one's calls,
// and so on. Control tokens are spelled with ⟨ and ⟩, as some clients break up what a user spells
// with < and >. An answer ends by itself; a thought that the prompt begins or forbids is not said
// again.
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <boost/algorithm/string/replace.hpp>
#include <cassert>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/fake_runner.h"
#include "serve/text_server.h"
#include "text/test_gemma4_source.h"

namespace g4 {
namespace {

using Tokens = std::span<const TokenId>;

constexpr std::string_view kOpen = "«", kClose = "»", kNoScript = "There is no script for this.";

std::string with_control_tokens(std::string answer) {
  for (const auto& [bracket, real] : {std::pair("⟨", "<"), std::pair("⟩", ">")})
    boost::algorithm::replace_all(answer, bracket, real);
  return answer;
}

std::vector<std::string> answers_in(std::string_view text) {
  std::vector<std::string> answers;
  while (true) {
    const std::size_t begin = text.find(kOpen);
    const std::size_t end = begin == text.npos ? text.npos : text.find(kClose, begin);
    if (end == text.npos) return answers;
    answers.push_back(with_control_tokens(
        std::string(text.substr(begin + kOpen.size(), end - begin - kOpen.size()))));
    text.remove_prefix(end + kClose.size());
  }
}

class Script {
 public:
  explicit Script(const Tokenizer& tokenizer)
      : tokenizer_(tokenizer), thought_(tokenizer.encode("<|channel>thought\n", kParse)) {}

  // What comes after `history`, a prompt and the beginning of an answer.
  TokenId next(Tokens history) const {
    const Place place = find(history);
    const std::vector<TokenId> answer = tokenizer_.encode(place.answer, kParse);
    const std::size_t said = count_said(answer, place.said);
    if (said < answer.size()) return answer[said];
    return !answer.empty() && answer.back() == call_end_ ? response_ : turn_end_;
  }

 private:
  struct Place {
    std::string answer;
    Tokens said;  // since the prompt let the model speak, with what the prompt said for it
  };

  static constexpr Tokenizer::Special kParse = Tokenizer::Special::kParse;

  TokenId id(std::string_view spelling) const { return tokenizer_.find(spelling).value(); }

  // The last turn of a user that holds a script, and how often the model has spoken since.
  Place find(Tokens history) const {
    std::size_t end = history.size();
    Tokens said;
    std::size_t spoken = 0;
    for (std::size_t i = history.size(); i-- > 0;) {
      if (history[i] != turn_) continue;
      const Tokens turn = history.subspan(i + 1, end - i - 1);
      end = i;
      const std::string text = tokenizer_.decode(turn, false);
      if (text.starts_with("model\n")) {
        spoken += speak(turn.subspan(2), said);
      } else if (text.starts_with("user\n")) {
        const std::vector<std::string> answers = answers_in(text);
        if (answers.empty()) continue;
        assert(spoken > 0);
        return {spoken <= answers.size() ? answers[spoken - 1] : std::string(kNoScript), said};
      }
    }
    return {std::string(kNoScript), said};
  }

  // How often the model spoke in a turn of its own: at first, and after each round of results.
  // `said` becomes the last speech, if none is known yet.
  std::size_t speak(Tokens turn, Tokens& said) const {
    std::size_t speeches = 1, begin = 0;
    for (std::size_t i = 0; i < turn.size(); ++i) {
      if (turn[i] != response_end_ || (i + 1 < turn.size() && turn[i + 1] == response_)) continue;
      ++speeches;
      begin = i + 1;
    }
    if (said.data() == nullptr) said = turn.subspan(begin);
    return speeches;
  }

  // How much of the answer has been said. What a rule of the request has put in its place is passed
  // over; where it chose a control token, the answer goes on behind that.
  std::size_t count_said(Tokens answer, Tokens said) const {
    const auto begins_a_thought = [&](Tokens tokens) {
      return tokens.size() >= thought_.size() &&
             std::ranges::equal(tokens.first(thought_.size()), thought_);
    };
    if (begins_a_thought(said) && !begins_a_thought(answer)) {
      said = said.subspan(thought_.size());
      if (!said.empty() && said.front() == thought_end_) said = said.subspan(1);
    }
    std::size_t at = 0;
    for (const TokenId token : said) {
      auto found = answer.begin() + static_cast<std::ptrdiff_t>(at);
      if (found == answer.end()) break;
      if (*found != token && tokenizer_.is_special(token))
        found = std::find(found, answer.end(), token);
      if (found != answer.end() && *found == token)
        at = static_cast<std::size_t>(found - answer.begin()) + 1;
    }
    return at;
  }

  const Tokenizer& tokenizer_;
  std::vector<TokenId> thought_;
  TokenId thought_end_ = id("<channel|>"), turn_ = id("<|turn>"), turn_end_ = id("<turn|>"),
          call_end_ = id("<tool_call|>"), response_ = id("<|tool_response>"),
          response_end_ = id("<tool_response|>");
};

FakeRunnerOptions runner_options(const Tokenizer& tokenizer, const Script& script) {
  constexpr std::uint32_t kBlock = 64, kRing = 32, kSequences = 8, kContext = 8192;
  FakeRunnerOptions options;
  options.limits = {.context_tokens_max = kContext,
                    .step_tokens_max = 512,
                    .step_sequences_max = kSequences,
                    .chunk_tokens_max = 512,
                    .image_tokens_max = 1120,
                    .vocab_size = tokenizer.size(),
                    .kv = {.block_tokens = kBlock,
                           .global_blocks = kSequences * kContext / kBlock,
                           .sliding_blocks = kSequences * kRing,
                           .sliding_ring_blocks = kRing,
                           .global_block_bytes = kBlock * sizeof(TokenId),
                           .sliding_block_bytes = kBlock * sizeof(TokenId)}};
  options.say = [&script](Tokens history) { return script.next(history); };
  return options;
}

Status serve() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &stop, nullptr);  // for every thread that is started from here on

  VocabularySource source = G4_TRY(gemma4_test_source());
  const Tokenizer tokenizer = G4_TRY(Tokenizer::create(std::move(source)));
  const Script script(tokenizer);
  Engine engine(std::make_unique<FakeRunner>(runner_options(tokenizer, script)), EngineOptions{});
  Service service(engine, tokenizer);
  api::ServedModel model;
  model.id = "scripted";
  model.context_tokens_max = service.limits().context_tokens_max;
  model.chat_template = chat::TemplateKind::kGemma4;
  model.sees_images = true;
  TextServer server(service, model, TextServerOptions{});
  G4_TRY(server.start());
  fmt::print("scripted is served at http://127.0.0.1:{}\n", server.port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&stop, &signal);
  server.drain(std::chrono::seconds(5));
  return {};
}

}  // namespace
}  // namespace g4

int main() {
  const g4::Status status = g4::serve();
  if (status) return 0;
  fmt::print(stderr, "scripted_server: {}\n", status.error().message);
  return 1;
}
