// Whatever a model says, however it is cut into tokens: the events of a stream join to the whole
// answer in every dialect, all dialects say the same, and a valid answer comes to what was meant.
//
// RC_PARAMS="seed=7 max_success=100000" tries others.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "api/test_dialects.h"
#include "base/sanitizers.h"

namespace g4::api {
namespace {

rc::Gen<Case> cases() {
  const auto flag = [] { return rc::gen::map(below(2), [](std::size_t one) { return one == 1; }); };
  const auto ask = rc::gen::build<Ask>(
      rc::gen::set(&Ask::thoughts, rc::gen::map(flag(), [](bool hidden) { return !hidden; })),
      rc::gen::set(&Ask::one_call, flag()), rc::gen::set(&Ask::logprobs, flag()),
      rc::gen::set(&Ask::token_ids, flag()), rc::gen::set(&Ask::include_stop, flag()),
      rc::gen::set(&Ask::continuous_usage, flag()), rc::gen::set(&Ask::tools, flag()),
      rc::gen::set(&Ask::functions, flag()),
      rc::gen::set(&Ask::stop, some(2, below(std::size(kSomeStops)))),
      rc::gen::set(&Ask::opened, rc::gen::weightedOneOf<std::size_t>(
                                     {{2, rc::gen::just<std::size_t>(0)}, {1, below(4)}})));
  return rc::gen::build<Case>(
      rc::gen::set(&Case::choices, rc::gen::nonEmpty(some(2, random_answers()))),
      rc::gen::set(&Case::ask, ask),
      rc::gen::set(&Case::seed, rc::gen::cast<std::uint32_t>(below(1U << 16))));
}

// --- What a valid answer comes to, by plain searches

// The text up to the first stop string, if there is one.
std::optional<std::string> stopped(const std::string& text, const Ask& ask) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::string longest;
    for (const std::string& stop : ask.stop_strings())
      if (stop.size() > longest.size() && std::string_view(text).substr(0, end).ends_with(stop))
        longest = stop;
    if (!longest.empty()) return text.substr(0, ask.include_stop ? end : end - longest.size());
  }
  return std::nullopt;
}

Said meant(const RandomAnswer& answer, const Ask& ask) {
  Said said;
  std::string run;
  const auto stops_in_run = [&] {
    const auto text = stopped(run, ask);
    said.text += text.value_or(run);
    run.clear();
    return text.has_value();
  };
  for (const Step& step : answer.steps) {
    if (step.kind == Step::Kind::kText) {
      run += sentence_of(step);
      continue;
    }
    if (stops_in_run()) return said;
    if (step.kind == Step::Kind::kThought) {
      said.thought += sentence_of(step);
      continue;
    }
    said.calls.push_back(json::object{
        {"name", ask.tools && name_of(step) == "mcp:x/f" ? "f" : name_of(step)},
        {"arguments", json::object{{"a", words_of(step)}, {"b", json::array{1, true}}}}});
    if (ask.one_call) return said;
  }
  if (stops_in_run()) return said;
  if (answer.end == Finished::Reason::kLength) said.cut = "length";
  if (answer.end == Finished::Reason::kRepetition) said.cut = "repetition";
  return said;
}

// The answer as the machine reads it when nothing is cut but by control tokens.
Said read_whole(const RandomAnswer& answer, const SharedList<chat::Tool>& tools) {
  const chat::ControlTokens controls(chat_tokenizer());
  chat::OutputMachine machine(tools);
  std::string run;
  for (const chat::Piece& piece : pieces_of(answer)) {
    if (piece.kind == chat::Piece::Kind::kText) {
      run += piece.text;
      continue;
    }
    machine.text(replace_invalid_utf8(std::exchange(run, {})));
    machine.mark(controls.of(*chat_tokenizer().find(piece.text)), piece.text);
  }
  machine.text(replace_invalid_utf8(run));
  machine.finish(answer.end == Finished::Reason::kStop ? chat::Ending::kStop : chat::Ending::kCut);
  Choice choice;
  for (const chat::OutputEvent& event : machine.take()) choice.add(event);
  choice.finished.emplace().reason = answer.end;
  return said_by(choice);
}

// What completions show: all text, whatever it would be in a chat.
std::string shown(const RandomAnswer& answer, const Ask& ask) {
  std::string bytes;
  for (const chat::Piece& piece : pieces_of(answer))
    if (piece.kind == chat::Piece::Kind::kText) bytes += piece.text;
  const std::string text = replace_invalid_utf8(bytes);
  return stopped(text, ask).value_or(text);
}

void check(const Case& made) {
  std::vector<Said> first;
  for (const Cutting cutting : {Cutting::kWhole, Cutting::kBytes, Cutting::kRandom}) {
    Run run(made, cutting);
    const std::vector<Said> said = run.chats();
    if (first.empty()) first = said;
    const std::vector<std::string> texts = run.texts();
    for (std::size_t i = 0; i < said.size(); ++i) {
      require_same(said[i], first[i], "another cut");
      require_equal(json::value(texts[i]), json::value(shown(made.choices[i], made.ask)), "text");
      if (is_valid(made.choices[i]) && made.ask.opened == 0)
        require_same(said[i], meant(made.choices[i], made.ask), "the answer");
      if (made.ask.opened == 0 && made.ask.stop.empty() && !made.ask.one_call)
        require_same(said[i], read_whole(made.choices[i], run.tools()), "the answer in tokens");
    }
    run.raw_chat();
  }
}

TEST(StreamProperty, EveryDialectStreamsTheWholeAnswer) {
  rc::detail::TestParams params;
  params.seed = 1;
  params.maxSuccess = kShadowMemory ? 200 : 3000;
  if (std::getenv("RC_PARAMS")) params = rc::detail::configuration().testParams;
  const auto result = rc::detail::checkTestable(
      [] {
        const Case made = *cases();
        check(made);
      },
      rc::detail::TestMetadata(), params);
  if (result.is<rc::detail::SuccessResult>()) return;
  std::ostringstream shown;
  rc::detail::printResultMessage(result, shown);
  FAIL() << shown.str();
}

}  // namespace
}  // namespace g4::api
