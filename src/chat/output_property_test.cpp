// Random answers: valid ones come to what was meant, hostile ones to the same however they are cut,
// and what the template writes of calls is read back. Each seed is one case; a failing hostile
// answer is shrunk before it is shown.
#include <gtest/gtest-spi.h>

#include <random>

#include "chat/test_answer.h"

namespace g4::chat {
namespace {

namespace json = boost::json;

// Words that look like structure, and characters that JSON or the tokenizer treat in their own way.
const std::vector<std::string_view>& words() {
  static const std::vector<std::string_view> all = {"a",
                                                    "city",
                                                    "Paris",
                                                    " ",
                                                    "  ",
                                                    "\n",
                                                    "\n\n",
                                                    "\t",
                                                    "\r",
                                                    "{",
                                                    "}",
                                                    "[",
                                                    "]",
                                                    "(",
                                                    ")",
                                                    "}}",
                                                    ":",
                                                    ",",
                                                    "=",
                                                    ", b:",
                                                    ",b:1",
                                                    "\"",
                                                    "'",
                                                    "`",
                                                    "\\",
                                                    "\\u",
                                                    "\\ud83e",
                                                    "\\udd99",
                                                    "\\u00e9",
                                                    "\\n",
                                                    "\\\"",
                                                    "1",
                                                    "-2.5e3",
                                                    "0x",
                                                    "007",
                                                    "108.",
                                                    "true",
                                                    "tru",
                                                    "null",
                                                    "None",
                                                    "False",
                                                    "call:",
                                                    "call",
                                                    "thought\n",
                                                    "thought",
                                                    "thou",
                                                    "f{",
                                                    "é",
                                                    "🦙",
                                                    "日本",
                                                    "\u00a0",
                                                    "\u2028",
                                                    "\x01",
                                                    "\x7F",
                                                    "<|\"|>",
                                                    "<|tool_call>",
                                                    "<tool_call|>",
                                                    "<channel|>",
                                                    "<|channel>",
                                                    "<",
                                                    "|>",
                                                    "http://x",
                                                    "**Label:** text",
                                                    "it's, fine",
                                                    "\"say \"hi\"\"",
                                                    "{x:1}",
                                                    "\uFFFD"};
  return all;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  std::string some_words(std::size_t words_max) {
    std::string text;
    for (std::size_t n = below(words_max + 1); n > 0; --n) text += words()[below(words().size())];
    return text;
  }
  // Starts and ends with a letter: white space at the ends has rules of its own.
  std::string sentence() { return "A" + some_words(6) + "z"; }

  // What the template can write so that it can be read: it writes keys bare.
  std::string key() {
    static constexpr std::string_view kKeys[] = {"a",      "B",    "key two", "x.y", "a-b", "é",
                                                 "日",     "a[0]", "it's",    "1",   "a,b", "true",
                                                 "<|\"|>", "$ref", "q\"q",    "null"};
    return std::string(kKeys[below(std::size(kKeys))]);
  }

  json::value value(std::size_t depth) {
    switch (below(depth == 0 ? 5 : 8)) {
      case 0:
        return json::value(static_cast<std::int64_t>(engine_()) - 2147483648);
      case 1:
        // Few digits: the JSON parser may miss the last of many (README.md).
        return json::value(static_cast<double>(below(100000)) * (one_in(2) ? -0.125 : 1e12));
      case 2:
        return json::value(one_in(2));
      case 3:
        return nullptr;
      case 4:
        return json::value(some_words(8));
      case 5: {
        json::array list;
        for (std::size_t n = below(4); n > 0; --n) list.push_back(value(depth - 1));
        return list;
      }
      default:
        return object(depth - 1);
    }
  }
  json::object object(std::size_t depth) {
    json::object made;
    for (std::size_t n = below(4); n > 0; --n) made[key()] = value(depth);
    return made;
  }
  std::string name() {
    static constexpr std::string_view kNames[] = {"f",       "get-weather", "a.b",
                                                  "mcp:x/y", "_1",          "straße"};
    return std::string(kNames[below(std::size(kNames))]);
  }

 private:
  std::mt19937 engine_;
};

// The model's turn as the template writes it in the next prompt.
std::vector<Piece> model_turn(const Message& message) {
  Message user;
  user.content = "x";
  const std::vector<Message> messages = {user, message};
  const auto rendered =
      render(TemplateKind::kGemma4, messages, {}, {.add_generation_prompt = false});
  EXPECT_TRUE(rendered.has_value());
  if (!rendered) return {};
  const auto& pieces = rendered->pieces;
  const auto turn = std::find_if(pieces.rbegin(), pieces.rend(), [](const Piece& piece) {
    return piece.kind == Piece::Kind::kControl && piece.text == token::kTurn;
  });
  return {turn.base() - 1, pieces.end()};
}

TEST(OutputProperty, WhatTheTemplateWritesIsReadBack) {
  for (unsigned seed = 0; seed < 4000 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    Message message;
    message.role = Role::kAssistant;
    if (random.one_in(2)) message.reasoning = random.sentence();
    for (std::size_t n = 1 + random.below(3); n > 0; --n)
      message.tool_calls.push_back(
          {std::nullopt, random.name(), random.object(1 + random.below(4))});
    const std::vector<Piece> turn = model_turn(message);
    SCOPED_TRACE(Rendered{turn}.text());
    const Answer got = read_tokens(turn, {});
    EXPECT_EQ(got.text, "");
    EXPECT_EQ(got.thought, message.reasoning.empty() ? "" : "[" + message.reasoning + "]");
    ASSERT_EQ(got.calls.size(), message.tool_calls.size());
    for (std::size_t i = 0; i < got.calls.size(); ++i) {
      EXPECT_EQ(got.calls[i].name, message.tool_calls[i].name);
      EXPECT_EQ(json::parse(got.calls[i].arguments), json::value(message.tool_calls[i].arguments))
          << got.calls[i].arguments;
    }
  }
}

// Thoughts, texts and calls in any order, as the grammar has them.
TEST(OutputProperty, ValidAnswersComeToWhatWasMeant) {
  for (unsigned seed = 0; seed < 1500 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<Piece> answer;
    Answer meant;
    for (std::size_t n = random.below(6); n > 0; --n) {
      const std::size_t kind = random.below(3);
      const std::string words = random.sentence();
      if (kind == 0) {
        answer = answer + pieces("<|channel>") + plain("thought\n" + words + "\n") +
                 pieces("<channel|>");
        meant.thought += "[" + words + "]";
        meant.order += 't';
      } else if (kind == 1) {
        answer = answer + plain(words);
        meant.text += words;
        if (!meant.order.ends_with('a')) meant.order += 'a';
      } else {
        Message message;
        message.role = Role::kAssistant;
        message.tool_calls.push_back({std::nullopt, random.name(), random.object(2)});
        const std::vector<Piece> turn = model_turn(message);  // <|turn> name call <|tool_response>
        answer = answer + std::vector<Piece>(turn.begin() + 2, turn.end() - 1);
        meant.order += 'c';
      }
    }
    SCOPED_TRACE(Rendered{answer}.text());
    Answer got = read(answer);
    got.calls.clear();  // compared above
    EXPECT_EQ(got, meant);
  }
}

// --- Hostile answers

struct Hostile {
  std::vector<Piece> answer;
  Reading reading;
};

Hostile hostile(unsigned seed) {
  Random random(seed);
  Hostile made;
  made.reading.ending = random.one_in(2) ? Ending::kStop : Ending::kCut;
  if (random.one_in(3)) {
    const json::value parameters = {
        {"properties", {{"a", {{"type", "string"}}}, {"b", {{"items", {{"type", "string"}}}}}}}};
    made.reading.tools.push_back(
        {.name = "f", .description = "", .parameters = parameters, .response = {}});
  }
  const bool in_call = random.one_in(2);  // most of the rules are there
  if (in_call) made.answer = pieces("<|tool_call>call:f{a:");
  for (std::size_t n = random.below(24); n > 0; --n) {
    if (random.one_in(in_call ? 6 : 3)) {
      const auto& marks = answer_marks();
      const std::string_view mark =
          random.one_in(2) ? token::kQuote : marks[random.below(marks.size())];
      made.answer.push_back({Piece::Kind::kControl, std::string(mark)});
    } else {
      made.answer.push_back({Piece::Kind::kText, random.some_words(3)});
    }
  }
  std::erase_if(made.answer, [](const Piece& piece) { return piece.text.empty(); });
  return made;
}

bool fails(const Hostile& made) {
  testing::TestPartResultArray results;
  {
    testing::ScopedFakeTestPartResultReporter reporter(
        testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &results);
    read(made.answer, made.reading);
  }
  return results.size() > 0;
}

// Leaves out what is not needed to fail: pieces first, then characters.
Hostile shrunk(Hostile made) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t i = 0; i < made.answer.size(); ++i) {
      Hostile less = made;
      less.answer.erase(less.answer.begin() + static_cast<std::ptrdiff_t>(i));
      if (fails(less)) {
        made = std::move(less);
        smaller = true;
      }
    }
    for (std::size_t i = 0; i < made.answer.size(); ++i) {
      for (std::size_t at = 0; at < made.answer[i].text.size(); ++at) {
        Hostile less = made;
        std::string& text = less.answer[i].text;
        if (less.answer[i].kind == Piece::Kind::kControl || text.size() == 1) break;
        text.erase(at, 1);
        if (!is_utf8(text) || !fails(less)) continue;
        made = std::move(less);
        smaller = true;
      }
    }
  }
  return made;
}

TEST(OutputProperty, HostileAnswersGiveValidJsonHoweverTheyAreCut) {
  for (unsigned seed = 0; seed < 20000; ++seed) {
    const Hostile made = hostile(seed);
    if (!fails(made)) continue;
    const Hostile least = shrunk(made);
    SCOPED_TRACE(fmt::format("seed {}, ending {}", seed, static_cast<int>(least.reading.ending)));
    std::string shown;
    for (const Piece& piece : least.answer)
      shown += fmt::format("{} {}\n", piece.kind == Piece::Kind::kText ? "text" : "mark",
                           json::serialize(json::value(piece.text)));
    SCOPED_TRACE(shown);
    read(least.answer, least.reading);
    return;
  }
}

// Whatever has been sent, the rest can always be made whole.
TEST(OutputProperty, EveryBeginningCanBeCut) {
  for (unsigned seed = 0; seed < 300 && !testing::Test::HasFailure(); ++seed) {
    const Hostile made = hostile(seed);
    const auto ids = to_tokens({made.answer}, answer_tokenizer());
    for (std::size_t length = 0; length <= ids.size(); ++length) {
      for (const Ending ending : {Ending::kCut, Ending::kStop}) {
        SCOPED_TRACE(fmt::format("seed {}, {} tokens", seed, length));
        OutputParser parser(answer_tokenizer(), {}, SharedList<Tool>(made.reading.tools));
        AnswerJoiner joiner;
        for (std::size_t i = 0; i < length; ++i) joiner.add(parser.push(ids[i]).events);
        joiner.add(parser.finish(ending));
        joiner.take();
      }
    }
  }
}

}  // namespace
}  // namespace g4::chat
