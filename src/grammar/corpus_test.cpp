// Random answers under the masks of 400 schemas are always what the schema asks for, as valijson
// sees it; and how long masks take.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "grammar/test_walk.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;
using test::RealVocabulary;
using valijson::adapters::BoostJsonAdapter;

struct NamedSchema {
  std::string name;
  json::value schema;
};

json::value parse(std::string_view text) {
  json::parse_options options;
  options.max_depth = 200;
  return json::parse(json::string_view(text.data(), text.size()), {}, options);
}

std::vector<NamedSchema> read_corpus(const char* file) {
  std::ifstream lines(std::string(G4_SOURCE_DIR) + "/tests/data/schemas/" + file);
  std::vector<NamedSchema> corpus;
  for (std::string line; std::getline(lines, line);) {
    const json::value row = parse(line);
    corpus.push_back({std::string(row.at("name").as_string()), row.at("schema")});
  }
  return corpus;
}

// Nothing, or what is wrong with the answer.
std::string complaint(const json::value& schema, std::string_view answer) {
  json::error_code failure;
  json::parse_options options;
  options.max_depth = 200;
  const json::value value =
      json::parse(json::string_view(answer.data(), answer.size()), failure, {}, options);
  // JSON knows no bounds of numbers, Boost.JSON does.
  if (failure == json::error::exponent_overflow) return "";
  if (failure) return "no JSON: " + failure.message();
  valijson::Schema compiled;
  valijson::SchemaParser parser;
  parser.populateSchema(BoostJsonAdapter(schema), compiled);
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(compiled, BoostJsonAdapter(value), &results)) return "";
  valijson::ValidationResults::Error error;
  std::string all = "it does not satisfy the schema";
  while (results.popError(error)) all += "; " + error.description;
  return all;
}

// valijson knows drafts up to 7, in which some of these say nothing, and computes 0.01 in binary.
bool is_beyond_valijson(const std::string& name) {
  static const std::set<std::string> kNames{"tuple_2020", "draft4_exclusive", "cents", "invoice"};
  return kNames.contains(name);
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

class Corpus : public testing::TestWithParam<const char*> {};

TEST_P(Corpus, RandomAnswersAreValid) {
  const RealVocabulary& real = RealVocabulary::get();
  const MarkerTokens tokens = MarkerTokens::of(*real.tokenizer);
  std::size_t answers = 0, unfinished = 0;
  std::vector<std::chrono::nanoseconds> compiling;
  test::RandomModel model(real);
  for (const NamedSchema& each : read_corpus(GetParam())) {
    SCOPED_TRACE(each.name);
    for (const WhiteSpace white_space : {WhiteSpace::kReadable, WhiteSpace::kNone}) {
      const auto start = std::chrono::steady_clock::now();
      const auto text = write_grammar({JsonSchema{each.schema, white_space}}, tokens);
      ASSERT_TRUE(text) << text.error().message;
      const auto grammar = CompiledGrammar::compile(real.vocabulary, text->lark());
      ASSERT_TRUE(grammar) << grammar.error().message;
      compiling.push_back(std::chrono::steady_clock::now() - start);
      const auto walk = model.walk((*grammar)->start(), 40, 400);
      EXPECT_TRUE(walk.status) << walk.status.error().message << "\n" << walk.text;
      ++(walk.ended ? answers : unfinished);
      if (!walk.ended || is_beyond_valijson(each.name)) continue;
      EXPECT_EQ(complaint(each.schema, walk.text), "") << walk.text;
    }
  }
  std::printf("%zu answers, %zu unfinished\n", answers, unfinished);
  EXPECT_GT(answers, 100U);
  EXPECT_LT(unfinished * 20, answers);
  print("masks", model.mask_times());
  print("checking and compiling", compiling);
}

INSTANTIATE_TEST_SUITE_P(
    , Corpus, testing::Values("own.jsonl", "functions.jsonl", "schemastore.jsonl"),
    [](const auto& param) {
      return std::string(param.param).substr(0, std::string_view(param.param).find('.'));
    });

}  // namespace
}  // namespace g4::grammar
