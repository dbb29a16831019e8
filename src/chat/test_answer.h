// Answers for tests: written with the spellings of control tokens, parsed whole and in pieces.
//
// read() feeds an answer to the machine whole, cut into single characters and at random, and to
// the parser as tokens; all must come to the same. Every event must be where it may be.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "chat/json_members.h"
#include "chat/parse_output.h"
#include "chat/render.h"
#include "chat/writer.h"
#include "text/test_vocabulary.h"

namespace g4::chat {

inline const std::vector<std::string_view>& answer_marks() {
  static const std::vector<std::string_view> marks = {token::kTurn,
                                                      token::kTurnEnd,
                                                      token::kChannel,
                                                      token::kChannelEnd,
                                                      token::kToolCall,
                                                      token::kToolCallEnd,
                                                      token::kToolResponse,
                                                      token::kToolResponseEnd,
                                                      token::kQuote,
                                                      token::kThink,
                                                      token::kImage,
                                                      "<unused49>",
                                                      "<eos>",
                                                      "<bos>"};
  return marks;
}

// Every byte is a token; so are some words that cross the seams of the format.
inline const Tokenizer& answer_tokenizer() {
  static const Tokenizer tokenizer = [] {
    TestVocabulary vocabulary;
    for (const std::string_view mark : answer_marks())
      if (mark != "<eos>" && mark != "<bos>")
        vocabulary.add(std::string(mark), TestVocabulary::Kind::kControl);
    for (const auto& [left, right] : {std::pair{"c", "a"},
                                      {"ca", "l"},
                                      {"cal", "l"},
                                      {"call", ":"},
                                      {"\n", "\n"},
                                      {"}", "}"},
                                      {",", "b"},
                                      {"t", "h"},
                                      {"th", "o"},
                                      {"{", "a"},
                                      {":", "1"},
                                      {"tr", "u"},
                                      {"t", "r"},
                                      {"\u2581", "\u2581"},
                                      {"\\", "u"}})
      vocabulary.merge(left, right);
    for (const char* stop : {"<turn|>", "<eos>", "<|tool_response>"}) {
      const auto& tokens = vocabulary.source.tokens;
      vocabulary.source.stop.push_back(
          static_cast<TokenId>(std::ranges::find(tokens, stop) - tokens.begin()));
    }
    auto made = Tokenizer::create(std::move(vocabulary.source));
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
    return std::move(made).value();
  }();
  return tokenizer;
}

// Spellings of control tokens become such.
inline std::vector<Piece> pieces(std::string_view text) {
  std::vector<Piece> made;
  while (!text.empty()) {
    std::size_t at = text.size();
    std::string_view first;
    for (const std::string_view mark : answer_marks()) {
      const std::size_t found = text.find(mark);
      if (found < at) {
        at = found;
        first = mark;
      }
    }
    if (at > 0) made.push_back({Piece::Kind::kText, std::string(text.substr(0, at))});
    if (!first.empty()) made.push_back({Piece::Kind::kControl, std::string(first)});
    text.remove_prefix(at + first.size());
  }
  return made;
}

// All of it is text, whatever it spells.
inline std::vector<Piece> plain(std::string_view text) {
  return {{Piece::Kind::kText, std::string(text)}};
}

inline std::vector<Piece> operator+(std::vector<Piece> left, const std::vector<Piece>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

struct Answer {
  struct Call {
    std::string name;
    std::string arguments;   // with the completion of a call that was cut
    std::string completion;  // empty: whole
    bool operator==(const Call&) const = default;
  };
  std::string thought;  // of several thoughts: each in brackets
  std::string text;
  std::vector<Call> calls;
  std::string order;  // 't'hought, 'a'nswer text, 'c'all, one for each run
  bool operator==(const Answer&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Answer& answer) {
  out << "order " << answer.order << "\nthought " << answer.thought << "\ntext " << answer.text;
  for (const auto& call : answer.calls)
    out << "\ncall " << call.name << " " << call.arguments << " completion " << call.completion;
  return out;
}

// Joins events; a call in the wrong place is a failure.
class AnswerJoiner {
 public:
  void add(const std::vector<OutputEvent>& events) {
    for (const OutputEvent& event : events) {
      EXPECT_FALSE(cut_) << "an event behind a call that was cut";
      std::visit(*this, event);
    }
  }
  Answer take() {
    EXPECT_FALSE(in_thought_) << "thought left open";
    EXPECT_FALSE(in_call_) << "call left open";
    return std::move(answer_);
  }

  void operator()(const ThoughtBegin&) {
    EXPECT_FALSE(in_thought_ || in_call_);
    in_thought_ = true;
    run('t');
    answer_.thought += "[";
  }
  void operator()(const ThoughtDelta& delta) {
    EXPECT_TRUE(in_thought_);
    EXPECT_TRUE(!delta.text.empty() && is_utf8(delta.text));
    answer_.thought += delta.text;
  }
  void operator()(const ThoughtEnd&) {
    EXPECT_TRUE(in_thought_);
    in_thought_ = false;
    answer_.thought += "]";
  }
  void operator()(const TextDelta& delta) {
    EXPECT_FALSE(in_thought_ || in_call_);
    EXPECT_TRUE(!delta.text.empty() && is_utf8(delta.text));
    if (!answer_.order.ends_with('a')) run('a');
    answer_.text += delta.text;
  }
  void operator()(const ToolCallBegin& begin) {
    EXPECT_FALSE(in_thought_ || in_call_);
    EXPECT_EQ(begin.index, answer_.calls.size());
    in_call_ = true;
    run('c');
    answer_.calls.push_back({begin.name, "", ""});
  }
  void operator()(const ToolCallArguments& piece) {
    EXPECT_TRUE(in_call_ && piece.index + 1 == answer_.calls.size());
    EXPECT_TRUE(!piece.json.empty() && is_utf8(piece.json));
    answer_.calls.back().arguments += piece.json;
  }
  void operator()(const ToolCallEnd& end) {
    EXPECT_TRUE(in_call_ && end.index + 1 == answer_.calls.size());
    in_call_ = false;
    answer_.calls.back().arguments += end.completion;
    answer_.calls.back().completion = end.completion;
    cut_ = !end.completion.empty();
    const auto json = json_members::read_json(answer_.calls.back().arguments);
    EXPECT_TRUE(json && json->is_object()) << answer_.calls.back().arguments;
  }

 private:
  void run(char kind) { answer_.order += kind; }

  Answer answer_;
  bool in_thought_ = false, in_call_ = false, cut_ = false;
};

struct Reading {
  std::vector<Tool> tools = {};
  Ending ending = Ending::kStop;
};

// `next_cut` gives the bytes of the next piece; a character is never cut.
inline Answer read_in_pieces(const std::vector<Piece>& answer, const Reading& reading,
                             const std::function<std::size_t()>& next_cut) {
  const ControlTokens controls(answer_tokenizer());
  OutputMachine machine{SharedList<Tool>(reading.tools)};
  AnswerJoiner joiner;
  for (const Piece& piece : answer) {
    if (piece.kind == Piece::Kind::kControl) {
      machine.mark(controls.of(*answer_tokenizer().find(piece.text)), piece.text);
      joiner.add(machine.take());
      continue;
    }
    for (std::string_view rest = piece.text; !rest.empty();) {
      std::size_t size = std::min(std::max<std::size_t>(next_cut(), 1), rest.size());
      while (size < rest.size() && (static_cast<unsigned char>(rest[size]) & 0xC0) == 0x80) ++size;
      machine.text(rest.substr(0, size));
      joiner.add(machine.take());
      rest.remove_prefix(size);
    }
  }
  machine.finish(reading.ending);
  joiner.add(machine.take());
  return joiner.take();
}

inline Answer read_tokens(const std::vector<Piece>& answer, const Reading& reading,
                          std::span<const TokenId> prompt = {}) {
  OutputParser parser(answer_tokenizer(), prompt, SharedList<Tool>(reading.tools));
  AnswerJoiner joiner;
  for (const TokenId id : to_tokens({answer}, answer_tokenizer()))
    joiner.add(parser.push(id).events);
  joiner.add(parser.finish(reading.ending));
  return joiner.take();
}

inline Answer read(const std::vector<Piece>& answer, const Reading& reading = {}) {
  const Answer whole = read_in_pieces(answer, reading, [] { return ~std::size_t{0}; });
  EXPECT_EQ(read_in_pieces(answer, reading, [] { return std::size_t{1}; }), whole);
  std::uint32_t state = 1;
  const Answer random = read_in_pieces(answer, reading, [&] {
    state = state * 1664525U + 1013904223U;
    return std::size_t{state >> 29};
  });
  EXPECT_EQ(random, whole);
  EXPECT_EQ(read_tokens(answer, reading), whole);
  return whole;
}

inline Answer read(std::string_view answer, const Reading& reading = {}) {
  return read(pieces(answer), reading);
}

// The only call of the answer, as "name json".
inline std::string call_of(std::string_view answer, const Reading& reading = {}) {
  const Answer got = read(answer, reading);
  EXPECT_EQ(got.calls.size(), 1U) << got;
  EXPECT_EQ(got.text, "");
  return got.calls.empty() ? "" : got.calls[0].name + " " + got.calls[0].arguments;
}

// Of a call of f with these arguments, brackets included.
inline std::string arguments_of(std::string_view arguments, const Reading& reading = {}) {
  const std::string call =
      call_of(fmt::format("<|tool_call>call:f{}<tool_call|>", arguments), reading);
  return call.starts_with("f ") ? call.substr(2) : call;
}

}  // namespace g4::chat
