// Random answers of a model for property tests, and the events that service makes of them.
//
// An answer is a list of steps: whole thoughts, texts and calls, and, in hostile ones, anything:
// control tokens anywhere, broken characters, floods. It may be cut at any byte. rapidcheck makes a
// failing one as small as it can.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/generation.h"
#include "api/test_chat.h"
#include "base/utf8.h"
#include "chat/render.h"
#include "service/answer_stream.h"

namespace g4::api {

// The simplest first: shrinking goes that way.
inline constexpr std::string_view kSomeWords[] = {"a",
                                                  " ",
                                                  "city",
                                                  "\n",
                                                  "\n\n",
                                                  "z",
                                                  "END",
                                                  "é",
                                                  "🦙",
                                                  "日本",
                                                  "\"",
                                                  "'",
                                                  "\\",
                                                  "\\u",
                                                  "\\ud83e",
                                                  "{",
                                                  "}",
                                                  "}}",
                                                  "[",
                                                  "]",
                                                  "(",
                                                  ")",
                                                  ":",
                                                  ",",
                                                  ",b:1",
                                                  "=",
                                                  "1",
                                                  "-2.5e3",
                                                  "007",
                                                  "true",
                                                  "tru",
                                                  "null",
                                                  "call:",
                                                  "call:f{a:",
                                                  "thought\n",
                                                  "thou",
                                                  "\t",
                                                  "\x01",
                                                  "\u2028",
                                                  "\uFFFD",
                                                  "<|\"|>",
                                                  "<|tool_call>",
                                                  "<tool_call|>",
                                                  "<channel|>",
                                                  "<|channel>",
                                                  "<turn|>",
                                                  "<",
                                                  "|>"};
// What a text cannot hold: bytes of characters that are not whole.
inline constexpr std::string_view kBrokenBytes[] = {"\xF0\x9F", "\xA6\x99", "\xC3", "\xFF",
                                                    "\xED\xA0"};
inline constexpr std::string_view kControls[] = {
    "<|tool_call>", "<tool_call|>", "<|\"|>",    "<|channel>", "<channel|>",      "<|turn>",
    "<turn|>",      "<|image|>",    "<|think|>", "<eos>",      "<|tool_response>"};
inline constexpr std::string_view kSomeStops[] = {"z",  "END", "zA",      "\n\n", "}}",
                                                  "🦙", "a",   "<turn|>", "é日"};
inline constexpr std::string_view kCallNames[] = {"f", "get-weather", "a.b", "mcp:x/f"};

struct Step {
  enum class Kind : std::uint8_t { kText, kThought, kCall, kWords, kFlood, kBytes, kMark };
  Kind kind;
  std::vector<std::size_t> words;
  std::size_t which;  // name of the call, bytes, mark
};

struct RandomAnswer {
  std::vector<Step> steps;
  std::size_t cut = 0;  // in 16ths of its bytes; 0: whole
  Finished::Reason end = Finished::Reason::kStop;
};

inline std::string words_of(const Step& step) {
  std::string text;
  for (const std::size_t word : step.words) text += kSomeWords[word];
  return text;
}
// White space at the ends of a text has rules of its own.
inline std::string sentence_of(const Step& step) { return "A" + words_of(step) + "z"; }

inline std::string_view name_of(const Step& step) {
  return kCallNames[step.which % std::size(kCallNames)];
}

inline std::vector<chat::Piece> pieces_of(const Step& step) {
  const auto text = [](std::string_view words) {
    return chat::Piece{chat::Piece::Kind::kText, std::string(words)};
  };
  const auto mark = [](std::string_view spelling) {
    return chat::Piece{chat::Piece::Kind::kControl, std::string(spelling)};
  };
  switch (step.kind) {
    case Step::Kind::kText:
      return {text(sentence_of(step))};
    case Step::Kind::kThought:
      return {mark("<|channel>"), text("thought\n" + sentence_of(step) + "\n"), mark("<channel|>")};
    case Step::Kind::kCall:
      return {mark("<|tool_call>"), text("call:" + std::string(name_of(step)) + "{a:"),
              mark("<|\"|>"),       text(words_of(step)),
              mark("<|\"|>"),       text(",b:[1,true]}"),
              mark("<tool_call|>")};
    case Step::Kind::kWords:
      return {text(words_of(step))};
    case Step::Kind::kFlood:
      return std::vector<chat::Piece>(
          30, step.which % 2 ? mark(kControls[step.which / 2]) : text("{" + words_of(step)));
    case Step::Kind::kBytes:
      return {text(kBrokenBytes[step.which % std::size(kBrokenBytes)])};
    case Step::Kind::kMark:
      break;
  }
  return {mark(kControls[step.which % std::size(kControls)])};
}

// Nothing in it is cut off or where it may not be.
inline bool is_valid(const RandomAnswer& answer) {
  return answer.cut == 0 && std::ranges::all_of(answer.steps, [](const Step& step) {
           return step.kind < Step::Kind::kWords;
         });
}

// A cut leaves whole control tokens, and any bytes of a text.
inline std::vector<chat::Piece> pieces_of(const RandomAnswer& answer) {
  std::vector<chat::Piece> pieces;
  std::size_t bytes = 0;
  for (const Step& step : answer.steps)
    for (chat::Piece& piece : pieces_of(step)) {
      bytes += piece.text.size();
      pieces.push_back(std::move(piece));
    }
  if (answer.cut == 0) return pieces;
  std::size_t left = bytes * answer.cut / 16;
  std::vector<chat::Piece> kept;
  for (chat::Piece& piece : pieces) {
    if (piece.kind == chat::Piece::Kind::kText)
      piece.text.resize(std::min(left, piece.text.size()));
    if (piece.text.size() > left) break;
    left -= piece.text.size();
    kept.push_back(std::move(piece));
  }
  return kept;
}

enum class Cutting : std::uint8_t { kWhole, kBytes, kRandom };

// The same bytes and control tokens, whichever way a text is cut into tokens.
inline std::vector<TokenId> tokens_of(const RandomAnswer& answer, Cutting cutting,
                                      std::mt19937& random) {
  constexpr TokenId kByteZero = 4;  // of TestVocabulary
  std::vector<TokenId> tokens;
  const auto add_bytes = [&](std::string_view bytes) {
    for (const char byte : bytes) tokens.push_back(kByteZero + static_cast<unsigned char>(byte));
  };
  std::string run;
  const auto add_run = [&] {
    std::string_view rest = run;
    while (!rest.empty()) {
      const std::size_t size = cutting == Cutting::kRandom ? 1 + random() % 6 : rest.size();
      const std::string_view head = rest.substr(0, size);
      if (cutting == Cutting::kBytes || !is_utf8(head)) {
        add_bytes(head);
      } else {
        const auto ids = chat_tokenizer().encode(head, Tokenizer::Special::kText);
        tokens.insert(tokens.end(), ids.begin(), ids.end());
      }
      rest.remove_prefix(head.size());
    }
    run.clear();
  };
  for (const chat::Piece& piece : pieces_of(answer)) {
    if (piece.kind == chat::Piece::Kind::kText && (run.empty() || is_utf8(piece.text))) {
      run += piece.text;
      continue;
    }
    add_run();
    if (piece.kind == chat::Piece::Kind::kText)
      run = piece.text;
    else
      tokens.push_back(*chat_tokenizer().find(piece.text));
  }
  add_run();
  return tokens;
}

// As service does it (service.cpp).
inline std::vector<ServiceEvent> events_of(const GenerateRequest& request,
                                           const std::vector<TokenId>& tokens,
                                           Finished::Reason reason) {
  const auto stream = make_answer_stream(chat_tokenizer(), request);
  std::vector<ServiceEvent> events;
  Finished finished;
  finished.prompt_tokens = request.prompt.size();
  const auto score = [&](TokenId id) {
    SampledToken token{
        .id = id, .logprob = -0.5F * static_cast<float>(events.size()), .rank = 1, .top = {}};
    if (request.sampling.logprobs) token.top.assign(*request.sampling.logprobs, {id, -1});
    return token;
  };
  for (const TokenId id : tokens) {
    ++finished.output_tokens;
    events.push_back(stream->push(score(id)));
    if (!stream->complete()) continue;
    stream->describe(finished);
    events.emplace_back(std::move(finished));
    return events;
  }
  const bool stopped = reason == Finished::Reason::kStop;
  if (auto rest = stream->finish(stopped ? chat::Ending::kStop : chat::Ending::kCut))
    events.push_back(*std::move(rest));
  finished.reason = reason;
  if (stopped) {
    finished.stop_token = chat_tokenizer().find("<turn|>");
    ++finished.output_tokens;
  }
  stream->describe(finished);
  events.emplace_back(std::move(finished));
  return events;
}

// Several tokens in one event, where an event can hold them.
inline void join_some(std::vector<ServiceEvent>& events, std::mt19937& random) {
  std::vector<ServiceEvent> joined;
  for (ServiceEvent& event : events) {
    const auto* more = std::get_if<TextDelta>(&event);
    auto* last = joined.empty() ? nullptr : std::get_if<TextDelta>(&joined.back());
    if (!more || !last || random() % 3 == 0) {
      joined.push_back(std::move(event));
      continue;
    }
    last->text += more->text;
    last->tokens.insert(last->tokens.end(), more->tokens.begin(), more->tokens.end());
  }
  events = std::move(joined);
}

// --- Generators. None depends on rapidcheck's size: the ranges are what they say.

inline rc::Gen<std::size_t> below(std::size_t count) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::size_t>(0, count));
}

template <class T>
rc::Gen<std::vector<T>> some(int most, rc::Gen<T> of) {
  return rc::gen::resize(most, rc::gen::container<std::vector<T>>(std::move(of)));
}

inline rc::Gen<Step> steps_below(std::size_t kinds) {
  return rc::gen::build<Step>(
      rc::gen::set(&Step::kind,
                   rc::gen::map(below(kinds),
                                [](std::size_t kind) { return static_cast<Step::Kind>(kind); })),
      rc::gen::set(&Step::words, some(5, below(std::size(kSomeWords)))),
      rc::gen::set(&Step::which, below(2 * std::size(kControls))));
}

inline rc::Gen<RandomAnswer> random_answers() {
  constexpr std::size_t kValid = static_cast<std::size_t>(Step::Kind::kWords);
  constexpr std::size_t kAll = static_cast<std::size_t>(Step::Kind::kMark) + 1;
  const auto hostile =
      rc::gen::weightedOneOf<Step>({{1, steps_below(kValid)},
                                    {2, steps_below(kAll)},
                                    {3, rc::gen::map(steps_below(1), [](Step step) {
                                       step.kind =
                                           step.which % 3 ? Step::Kind::kMark : Step::Kind::kWords;
                                       return step;
                                     })}});
  return rc::gen::build<RandomAnswer>(
      rc::gen::set(&RandomAnswer::steps,
                   rc::gen::weightedOneOf<std::vector<Step>>(
                       {{2, some(5, steps_below(kValid))}, {3, some(9, hostile)}})),
      rc::gen::set(&RandomAnswer::cut, rc::gen::weightedOneOf<std::size_t>(
                                           {{1, rc::gen::just<std::size_t>(0)}, {1, below(17)}})),
      rc::gen::set(&RandomAnswer::end,
                   rc::gen::element(Finished::Reason::kStop, Finished::Reason::kLength,
                                    Finished::Reason::kRepetition)));
}

inline std::ostream& operator<<(std::ostream& out, const RandomAnswer& answer) {
  for (const chat::Piece& piece : pieces_of(answer))
    out << (piece.kind == chat::Piece::Kind::kText ? "text " : "mark ")
        << boost::json::serialize(boost::json::value(piece.text)) << "\n";
  return out << "end " << static_cast<int>(answer.end) << "\n";
}

}  // namespace g4::api
