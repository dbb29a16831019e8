// Random answers under the masks of 538 schemas of the world (tests/data/README.md says how they
// were chosen), and of 600 random ones, are always what the schema asks for, as valijson sees
// it; and how long masks take.
//
// With G4_ANSWERS=FILE they are written there too, as lines of JSON, for a second judge:
// python/clients/test_schemas.py.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>

#include "base/sanitizers.h"
#include "grammar/test_schemas.h"
#include "grammar/test_validity.h"
#include "grammar/test_walk.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;
using test::RealVocabulary;

constexpr int kAnswersOfSchema = kShadowMemory ? 1 : 3;  // with white space, and again without
constexpr std::size_t kStep = kShadowMemory ? 8 : 1;     // every so many-th schema

struct NamedSchema {
  std::string name;
  json::value schema;
};

std::vector<NamedSchema> read_corpus(const char* file) {
  std::ifstream lines(std::string(G4_SOURCE_DIR) + "/tests/data/schemas/" + file);
  std::vector<NamedSchema> corpus;
  for (std::string line; std::getline(lines, line);) {
    const json::value row = test::parse_json(line);
    corpus.push_back({std::string(row.at("name").as_string()), row.at("schema")});
  }
  return corpus;
}

// valijson knows drafts 5 to 7, in which some of these say nothing or are none, and computes 0.01
// in binary.
bool is_beyond_valijson(const NamedSchema& each) {
  if (each.name == "cents" || each.name == "invoice") return true;
  const std::string text = json::serialize(each.schema);
  return text.find("\"prefixItems\"") != std::string::npos ||
         std::regex_search(text, std::regex(R"("\$ref":"[^#]|\\p\{)")) ||
         text.find("\"exclusiveMinimum\":true") != std::string::npos ||
         text.find("\"exclusiveMaximum\":true") != std::string::npos;
}

void print(const char* what, std::vector<std::chrono::nanoseconds> times) {
  if (times.empty()) return;
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    const double index = share * static_cast<double>(times.size() - 1);
    return static_cast<double>(times[static_cast<std::size_t>(index)].count()) / 1e3;
  };
  std::printf("%s, us: median %.1f, p99 %.0f, max %.0f (%zu)\n", what, at(0.5), at(0.99), at(1),
              times.size());
}

class Corpus : public testing::Test {
 protected:
  enum class Refusal : std::uint8_t { kFails, kCounts };

  static void SetUpTestSuite() {
    finished_ = unfinished_ = refused_ = answers_ = answers_unfinished_ = unjudged_ = 0;
    compiling_.clear();
  }
  static void TearDownTestSuite() {
    std::printf("%zu schemas with finished answers, %zu without, %zu refused\n", finished_,
                unfinished_, refused_);
    std::printf("%zu finished answers, %zu unfinished; %zu that valijson cannot judge\n", answers_,
                answers_unfinished_, unjudged_);
    if (model_) print("masks", model_->mask_times());
    print("checking and compiling", compiling_);
    model_.reset();
  }

  // Walks through answers of one schema.
  void answer(const NamedSchema& each, Refusal refusal) {
    SCOPED_TRACE(each.name);
    if (!model_) model_.emplace(real_);
    bool any = false;
    for (const WhiteSpace white_space : {WhiteSpace::kReadable, WhiteSpace::kNone}) {
      const auto grammar = compile({JsonSchema{each.schema, white_space}});
      if (!grammar) {
        if (refusal == Refusal::kFails) ADD_FAILURE() << grammar.error().message;
        EXPECT_FALSE(grammar.error().message.empty());
        ++refused_;
        return;
      }
      for (int i = 0; i < kAnswersOfSchema; ++i) any = walk(each, **grammar, refusal) || any;
    }
    if (!any) std::printf("no answer to %s came to an end\n", each.name.c_str());
    ++(any ? finished_ : unfinished_);
  }

 private:
  using Compiled = std::shared_ptr<const CompiledGrammar>;
  Result<Compiled> compile(const Constraint& constraint) {
    const ProcessorClock start;
    const auto text = write_grammar(constraint, tokens_);
    if (!text) return text.error();
    auto grammar = CompiledGrammar::compile(real_.vocabulary, text->lark());
    if (grammar) compiling_.push_back(start.elapsed());
    return grammar;
  }

  // Whether the answer came to an end.
  bool walk(const NamedSchema& each, const CompiledGrammar& grammar, Refusal refusal) {
    const auto walk = model_->walk(grammar.start(), 40, 800);
    // A random schema may ask for what nothing can satisfy.
    if (!walk.status && refusal == Refusal::kCounts && walk.tokens.empty()) return false;
    EXPECT_TRUE(walk.status) << walk.status.error().message << "\n" << walk.text;
    ++(walk.ended ? answers_ : answers_unfinished_);
    if (!walk.ended) return false;
    if (out_.is_open())
      out_ << json::serialize(
                  json::object{{"name", each.name}, {"schema", each.schema}, {"answer", walk.text}})
           << '\n';
    if (!is_beyond_valijson(each)) judge(each.schema, walk.text);
    return true;
  }

  static void judge(const json::value& schema, const std::string& answer) {
    try {
      EXPECT_EQ(test::complaint(schema, answer), "") << answer << "\n" << json::serialize(schema);
    } catch (const std::exception&) {  // valijson knows other patterns, and fewer references
      ++unjudged_;
    }
  }

  // Of all threads: the compiler has one of its own.
  class ProcessorClock {
   public:
    std::chrono::nanoseconds elapsed() const { return now() - start_; }

   private:
    static std::chrono::nanoseconds now() {
      timespec time{};
      ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
      return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    }
    std::chrono::nanoseconds start_ = now();
  };

  const RealVocabulary& real_ = RealVocabulary::get();
  const MarkerTokens tokens_ = MarkerTokens::of(*real_.tokenizer);
  std::ofstream out_{std::getenv("G4_ANSWERS") ? std::getenv("G4_ANSWERS") : "", std::ios::app};

 protected:
  static inline std::optional<test::RandomModel> model_;
  static inline std::size_t finished_ = 0, unfinished_ = 0, refused_ = 0;  // schemas
  static inline std::size_t answers_ = 0, answers_unfinished_ = 0, unjudged_ = 0;
  static inline std::vector<std::chrono::nanoseconds> compiling_;
};

class WorldCorpus : public Corpus {};

TEST_F(WorldCorpus, RandomAnswersAreValid) {
  std::size_t schemas = 0;
  for (const char* file :
       {"libraries.jsonl", "own.jsonl", "functions.jsonl", "schemastore.jsonl"}) {
    const auto corpus = read_corpus(file);
    for (std::size_t i = 0; i < corpus.size(); i += kStep, ++schemas)
      answer(corpus[i], Refusal::kFails);
  }
  EXPECT_GE(schemas * kStep, 530U);
  EXPECT_LE(unfinished_ * 50, schemas);
  EXPECT_LE(answers_unfinished_ * 50, answers_);
  EXPECT_LE(unjudged_ * 50, answers_);
}

// The other half of the world: the corpus above was chosen among what is supported. One that is
// supported some day is judged here, and then belongs there.
class RefusedCorpus : public Corpus {};

TEST_F(RefusedCorpus, IsRefusedWithASentence) {
  const auto corpus = read_corpus("refused.jsonl");
  for (const NamedSchema& each : corpus) answer(each, Refusal::kCounts);
  EXPECT_EQ(refused_, corpus.size());
}

class RandomCorpus : public Corpus {
 protected:
  // Of `schemas`, at least `percent` have answers that come to an end.
  void answer_all(const char* name, boost::json::value (test::SchemaGenerator::*make)(),
                  std::uint32_t schemas, std::uint32_t percent) {
    for (std::uint32_t seed = 1; seed <= schemas; ++seed)
      answer({std::string(name) + std::to_string(seed), (test::SchemaGenerator(seed).*make)()},
             Refusal::kCounts);
    EXPECT_GE(finished_ * 100, schemas * percent);
  }
};

TEST_F(RandomCorpus, RandomAnswersAreValid) {
  answer_all("random ", &test::SchemaGenerator::root, 400 / kStep, 80);
}

class ConditionalCorpus : public RandomCorpus {};

TEST_F(ConditionalCorpus, RandomAnswersAreValid) {
  answer_all("conditional ", &test::SchemaGenerator::conditional, 200 / kStep, 90);
}

}  // namespace
}  // namespace g4::grammar
