// The real vocabularies of Gemma 3 and 4 against ids of Hugging Face tokenizers
// (tests/golden/text/gemma.jsonl, written by python/reference/make_text_goldens.py).
#include "runner/vocabulary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>

namespace g4 {
namespace {

namespace json = boost::json;
using Special = Tokenizer::Special;
using testing::ElementsAre;
using testing::HasSubstr;

std::string model_path(const std::string& name) {
  const char* folder = std::getenv("G4_TEST_MODELS");
  return folder == nullptr ? std::string() : std::string(folder) + "/" + name;
}

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

constexpr const char* kNoModels =
    "G4_TEST_MODELS does not name a folder with gemma4-vocab.gguf, gemma3-270m.gguf and "
    "gemma3-tokenizer.json; run ./test.sh, which provides it. ";

// Loaded once; nullptr (and a failed test) if that does not work.
const Tokenizer* tokenizer_of(const std::string& name) {
  static auto& loaded = *new std::map<std::string, std::optional<Result<Tokenizer>>>();
  auto& slot = loaded[name];
  if (!slot) {
    const std::string path = model_path(name);
    if (name.ends_with(".json")) {
      slot.emplace(Tokenizer::from_tokenizer_json(read_file(path)));
    } else {
      const Result<Checkpoint> checkpoint = Checkpoint::open(path);
      slot.emplace(checkpoint ? load_tokenizer(*checkpoint) : checkpoint.error());
    }
  }
  if (*slot) return &**slot;
  ADD_FAILURE() << kNoModels << slot->error().message;
  return nullptr;
}

struct Case {
  std::string text;
  bool digest;        // ids are {count, FNV-1a of all ids}
  json::object line;  // ids by key, see make_text_goldens.py
};

std::string unhex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return bytes;
}

const std::vector<Case>& cases() {
  static const auto& all = *new std::vector<Case>([] {
    std::vector<Case> list;
    std::ifstream in(G4_SOURCE_DIR "/tests/golden/text/gemma.jsonl");
    for (std::string line; std::getline(in, line);) {
      json::object object = json::parse(line).as_object();
      const bool hex = object.contains("hex");
      const std::string unit(object.at(hex ? "hex" : "text").as_string());
      const json::value* times = object.if_contains("times");
      std::string text;
      for (std::int64_t i = times == nullptr ? 1 : times->as_int64(); i > 0; --i)
        text += hex ? unhex(unit) : unit;
      list.push_back({std::move(text), times != nullptr, std::move(object)});
    }
    return list;
  }());
  return all;
}

std::uint64_t fnv(const std::vector<TokenId>& ids) {
  std::uint64_t value = 0xCBF29CE484222325U;
  for (const TokenId id : ids)
    for (int shift = 0; shift < 32; shift += 8)
      value = (value ^ (static_cast<std::uint32_t>(id) >> shift & 0xFFU)) * 0x100000001B3U;
  return value;
}

std::vector<std::uint64_t> expected(const Case& of, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (const json::value* ids = of.line.if_contains(key))
      return json::value_to<std::vector<std::uint64_t>>(*ids);
  return {};
}

// Compares every case; `keys` are tried in order, for a golden line leaves out what is inherited.
void compare(const std::string& name, Special special, std::initializer_list<const char*> keys) {
  const Tokenizer* tokenizer = tokenizer_of(name);
  if (tokenizer == nullptr) return;
  ASSERT_GT(cases().size(), 3000U) << "tests/golden/text/gemma.jsonl is missing or cut";
  int wrong = 0;
  for (const Case& one : cases()) {
    const std::vector<TokenId> ids = tokenizer->encode(one.text, special);
    std::vector<std::uint64_t> found(ids.begin(), ids.end());
    if (one.digest) found = {ids.size(), fnv(ids)};
    if (found == expected(one, keys)) continue;
    ADD_FAILURE() << name << ": " << json::serialize(one.line) << "\n found "
                  << testing::PrintToString(found);
    if (++wrong == 10) FAIL() << "more cases were not compared";
  }
}

TEST(RealVocabulary, Gemma4GgufParsed) { compare("gemma4-vocab.gguf", Special::kParse, {"g4"}); }

TEST(RealVocabulary, Gemma4GgufText) {
  compare("gemma4-vocab.gguf", Special::kText, {"g4_text", "g4"});
}

TEST(RealVocabulary, Gemma3GgufParsed) {
  compare("gemma3-270m.gguf", Special::kParse, {"g3", "g4"});
}

TEST(RealVocabulary, Gemma3GgufText) {
  compare("gemma3-270m.gguf", Special::kText, {"g3_text", "g3", "g4"});
}

TEST(RealVocabulary, Gemma3JsonParsed) {
  compare("gemma3-tokenizer.json", Special::kParse, {"g3", "g4"});
}

TEST(RealVocabulary, Gemma3JsonText) {
  compare("gemma3-tokenizer.json", Special::kText, {"g3_text", "g3", "g4"});
}

TEST(RealVocabulary, TextNeverGivesSpecialIds) {
  for (const char* name : {"gemma4-vocab.gguf", "gemma3-270m.gguf", "gemma3-tokenizer.json"}) {
    const Tokenizer* tokenizer = tokenizer_of(name);
    if (tokenizer == nullptr) return;
    for (TokenId id = 0; static_cast<std::size_t>(id) < tokenizer->size(); ++id) {
      if (!tokenizer->is_special(id)) continue;
      const std::string spelling(tokenizer->bytes(id));
      for (const TokenId piece : tokenizer->encode("x" + spelling + "y"))
        ASSERT_FALSE(tokenizer->is_special(piece)) << name << " " << spelling;
      ASSERT_THAT(tokenizer->encode(spelling, Special::kParse), ElementsAre(id)) << name;
    }
  }
}

TEST(RealVocabulary, DecodingGivesTheTextBack) {
  for (const char* name : {"gemma4-vocab.gguf", "gemma3-270m.gguf", "gemma3-tokenizer.json"}) {
    const Tokenizer* tokenizer = tokenizer_of(name);
    if (tokenizer == nullptr) return;
    for (const Case& one : cases()) {
      if (one.line.contains("hex") || one.text.find("\u2581") != std::string::npos) continue;
      ASSERT_EQ(tokenizer->decode(tokenizer->encode(one.text), false), one.text) << name;
    }
  }
}

TEST(RealVocabulary, NamedTokens) {
  const Tokenizer* four = tokenizer_of("gemma4-vocab.gguf");
  const Tokenizer* three = tokenizer_of("gemma3-270m.gguf");
  const Tokenizer* file = tokenizer_of("gemma3-tokenizer.json");
  if (four == nullptr || three == nullptr || file == nullptr) return;
  for (const Tokenizer* tokenizer : {four, three, file}) {
    EXPECT_EQ(tokenizer->pad(), 0);
    EXPECT_EQ(tokenizer->eos(), 1);
    EXPECT_EQ(tokenizer->bos(), 2);
    EXPECT_EQ(tokenizer->unk(), 3);
  }
  EXPECT_THAT(four->stop(), ElementsAre(1, 50, 106));
  EXPECT_THAT(three->stop(), ElementsAre(1, 106));
  EXPECT_THAT(file->stop(), ElementsAre(1, 106));
  EXPECT_EQ(four->find("<|turn>"), 105);
  EXPECT_EQ(four->find("<|\"|>"), 52);
  EXPECT_EQ(three->find("<start_of_turn>"), 105);
  EXPECT_THAT(std::string(four->chat_template()), HasSubstr("<|turn>"));
  EXPECT_EQ(four->size(), 262144U);
  EXPECT_EQ(file->size(), 262145U);
}

TEST(RealVocabulary, LongLinesAreNoTrap) {
  const Tokenizer* tokenizer = tokenizer_of("gemma4-vocab.gguf");
  if (tokenizer == nullptr) return;
  for (const std::string unit :
       {"a", " ", "\n", "\t", "😁", "🦙", "ab", "<", "<|turn", "中", "\xff"}) {
    std::string text;
    while (text.size() < (1U << 20)) text += unit;
    const std::clock_t begin = std::clock();  // of this process: other load does not count
    const std::size_t tokens = tokenizer->encode(text, Special::kParse).size();
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_GT(tokens, 0U);
    EXPECT_LT(seconds, 10) << "1 MiB of " << unit;  // quadratic would take hours
  }
}

}  // namespace
}  // namespace g4
