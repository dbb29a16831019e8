// Valid answers against what transformers' own parser of responses reads in them.
#include <fstream>

#include "chat/test_answer.h"

namespace g4::chat {
namespace {

namespace json = boost::json;

std::string_view text_of(const json::value& value) {
  return std::string_view(value.as_string().data(), value.as_string().size());
}

TEST(OutputGolden, EqualsTransformers) {
  std::ifstream file(fmt::format("{}/tests/golden/chat/gemma4_outputs.jsonl", G4_SOURCE_DIR));
  std::size_t cases = 0, calls = 0, thoughts = 0;
  for (std::string line; std::getline(file, line) && !testing::Test::HasFailure(); ++cases) {
    SCOPED_TRACE(fmt::format("line {}: {}", cases + 1, line));
    const json::value golden = json::parse(line);
    const json::value& read = golden.at("x");
    const auto prompt = to_tokens({pieces(text_of(golden.at("p")))}, answer_tokenizer());
    const Answer got = read_tokens(pieces(text_of(golden.at("a"))), {}, prompt);
    const std::string_view thought = text_of(read.at("thinking"));
    EXPECT_EQ(got.thought, thought.empty() ? "" : fmt::format("[{}]", thought));
    EXPECT_EQ(got.text, text_of(read.at("content")));
    const json::array& wanted = read.at("calls").as_array();
    ASSERT_EQ(got.calls.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i, ++calls) {
      EXPECT_EQ(got.calls[i].name, text_of(wanted[i].at("name")));
      EXPECT_EQ(json::parse(got.calls[i].arguments), wanted[i].at("arguments"));
    }
    thoughts += thought.empty() ? 0U : 1U;
  }
  EXPECT_GE(cases, 600U);
  EXPECT_GE(calls, 500U);
  EXPECT_GE(thoughts, 200U);
}

}  // namespace
}  // namespace g4::chat
