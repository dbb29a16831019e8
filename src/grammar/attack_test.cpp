// Grammars made to hang or crash the compiler; README.md has them as a table. Each is refused with
// a sentence, or costs little, by our own rules alone: the probe process has no part in it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>

#include "grammar/grammar_text.h"
#include "grammar/matcher.h"
#include "grammar/test_vocabulary.h"
#include "grammar/trial.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;
using test::RealVocabulary;

// Of compiling, and of trying some answers.
constexpr double kSecondsMax = 3;

enum class Fate : std::uint8_t { kRefused, kCompiled, kEither };

struct Attack {
  const char* name;
  std::function<Constraint()> make;
  Fate fate;
  const char* sentence = "";  // a part of what a refusal says
};

double processor_seconds() {  // of all threads: the compiler has one of its own
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

json::value parse(const std::string& text) {
  json::parse_options options;
  options.max_depth = 1'000;
  return json::parse(text, {}, options);
}

std::string repeated(std::size_t times, const std::function<std::string(std::size_t)>& part) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += part(i);
  return out;
}
// Parts with commas between.
std::string list(std::size_t times, const std::function<std::string(std::size_t)>& part) {
  return repeated(times, [&](std::size_t i) { return (i > 0 ? "," : "") + part(i); });
}
std::string same(std::size_t times, const std::string& part) {
  return repeated(times, [&](std::size_t) { return part; });
}

std::function<Constraint()> schema(std::function<std::string()> text) {
  return [text = std::move(text)] { return Constraint{JsonSchema{parse(text())}}; };
}
std::function<Constraint()> schema(std::string text) {
  return schema([text = std::move(text)] { return text; });
}
std::function<Constraint()> regex(std::string pattern) {
  return [pattern = std::move(pattern)] { return Constraint{Regex{pattern}}; };
}
std::function<Constraint()> choice(std::size_t texts,
                                   const std::function<std::string(std::size_t)>& text) {
  return [=] {
    Choice choice;
    for (std::size_t i = 0; i < texts; ++i) choice.choices.push_back(text(i));
    return Constraint{std::move(choice)};
  };
}
std::function<Constraint()> tools(std::size_t count, const std::function<std::string()>& text) {
  return [=] {
    ToolCalls calls;
    const json::value parameters = parse(text());
    for (std::size_t i = 0; i < count; ++i)
      calls.tools.push_back({fmt::format("tool_{}", i), parameters});
    return Constraint{std::move(calls)};
  };
}

std::string object_of(std::size_t properties, const std::function<std::string(std::size_t)>& value,
                      const char* rest = "") {
  return R"({"type":"object","properties":{)" +
         list(properties, [&](std::size_t i) { return fmt::format(R"("p{}":{})", i, value(i)); }) +
         "}" + rest + "}";
}
std::string text_type(std::size_t) { return R"({"type":"string"})"; }

std::string pattern(std::size_t i) {
  return fmt::format(R"({{"type":"string","pattern":"a.{{{}}}b"}})", i + 7);
}
std::string patterns(std::size_t count) { return list(count, pattern); }

// a0 leads to a1, that to a2, ...
std::string chain(std::size_t length, const char* link) {
  return R"({"$ref":"#/$defs/a0","$defs":{)" +
         repeated(length,
                  [&](std::size_t i) {
                    return fmt::format(R"("a{}":{},)", i,
                                       fmt::format(fmt::runtime(link), fmt::arg("next", i + 1)));
                  }) +
         fmt::format(R"("a{}":{{}}}}}})", length);
}

const std::vector<Attack>& attacks() {
  using enum Fate;
  static const std::vector<Attack> kAttacks{
      // What hung or killed llguidance 1.9.1 when it met it unchecked.
      {"MultipleOfALargePrime", schema(R"({"type":"integer","multipleOf":9999991})"), kRefused,
       "multipleOf is supported up to 10000"},
      {"ThreeMultiples",
       schema(R"({"allOf":[{"multipleOf":997},{"multipleOf":991},{"multipleOf":983}]})"), kRefused,
       "may have a common multiple of at most 10000"},
      {"NestedRepeats", regex("((a{100}){100}){10}"), kRefused, "it repeats something"},
      {"NestedRepeatsInASchema", schema(R"x({"pattern":"(((a{1000}){1000}){1000})"})x"), kRefused,
       "it repeats something"},
      {"NestedRepeatsAsANameOfProperties",
       schema(R"x({"patternProperties":{"(a{100}){100}":true}})x"), kRefused,
       "it repeats something"},
      {"ReferenceChain5000", schema([] { return chain(5'000, R"({{"$ref":"#/$defs/a{next}"}})"); }),
       kRefused, "leads through more than 100 others"},
      {"NestedReferences5000",
       schema([] { return chain(5'000, R"({{"items":{{"$ref":"#/$defs/a{next}"}}}})"); }), kRefused,
       "more than 500 definitions"},
      {"CombinedReferences100000", schema([] {
         return chain(100'000, R"({{"title":"a","allOf":[{{"$ref":"#/$defs/a{next}"}},{{}}]}})");
       }),
       kRefused, "more than 500 definitions"},
      {"LongNamesOfManyPatterns", schema([] {
         const std::string inner = object_of(900, pattern);
         return R"({"allOf":[{"properties":{")" + std::string(200'000, 'x') + "\":" + inner +
                "}},{}]}";
       }),
       kRefused},
      {"TenThousandOptionalProperties", schema([] { return object_of(10'000, text_type); }),
       kRefused, "more than 1000 properties"},
      {"ReferenceToItself", schema(R"({"$ref":"#"})"), kRefused, "in a circle"},
      // As large as our limits allow.
      {"NestedReferences499",
       schema([] { return chain(499, R"({{"items":{{"$ref":"#/$defs/a{next}"}}}})"); }), kCompiled},
      {"EitherOfReferences499", schema([] {
         return chain(
             499, R"({{"anyOf":[{{"type":"null"}},{{"items":{{"$ref":"#/$defs/a{next}"}}}}]}})");
       }),
       kCompiled},
      {"ThousandOptionalProperties", schema([] { return object_of(1'000, text_type); }), kRefused,
       "an object has more than 500 properties"},
      {"FiveHundredOptionalProperties", schema([] { return object_of(500, text_type); }),
       kCompiled},
      {"FiveHundredOptionalPropertiesAndMore",
       schema([] { return object_of(500, text_type, R"(,"additionalProperties":true)"); }),
       kCompiled},
      {"FiveHundredPropertiesByPattern", schema([] {
         return R"({"patternProperties":{)" +
                list(500,
                     [](std::size_t i) {
                       return fmt::format(R"("^a.*{}":{{"type":"integer"}})", i);
                     }) +
                "}}";
       }),
       kEither},
      {"FiveHundredRanges", schema([] {
         return object_of(500, [](std::size_t i) {
           return fmt::format(R"({{"type":"number","minimum":{}.25,"maximum":{}.75}})", i, 2 * i);
         });
       }),
       kEither},
      {"FiveThousandValues", schema([] {
         return R"({"enum":[)" +
                list(5'000, [](std::size_t i) { return fmt::format("\"value {}\"", i); }) + "]}";
       }),
       kCompiled},
      {"FiftyThousandValues", schema([] {
         return R"({"enum":[)" +
                list(50'000, [](std::size_t i) { return fmt::format("\"value {}\"", i); }) + "]}";
       }),
       kRefused, "more than 5000 values"},
      {"FiveThousandChoices",
       choice(5'000, [](std::size_t i) { return fmt::format("choice {}", i); }), kCompiled},
      {"LongChoices",
       choice(60, [](std::size_t i) { return std::string(1'000, 'a') + std::to_string(i); }),
       kCompiled},
      {"BracketsAsAChoice", choice(1, [](std::size_t) { return std::string(60'000, '['); }),
       kEither},
      {"MegabyteOfText",
       schema([] { return fmt::format(R"({{"const":"{}"}})", std::string(1'000'000, 'x')); }),
       kRefused, "at most 262144"},
      {"DeepArrays", schema([] { return same(60, R"({"items":)") + "{}" + std::string(60, '}'); }),
       kCompiled},
      // Counts.
      {"AMilliardItems", schema(R"({"type":"array","maxItems":1000000000})"), kEither},
      {"AMillionItemsAtLeast",
       schema(R"({"type":"array","items":{"type":"null"},"minItems":1000000})"), kEither},
      {"AMillionItemsAtLeastOfObjects",
       schema(
           R"({"type":"array","items":{"type":"object","properties":{"a":{}}},"minItems":999999})"),
       kEither},
      {"AMillionCharactersAtLeast", schema(R"({"type":"string","minLength":1000000})"), kEither},
      {"AMillionCharactersOfAPattern",
       schema(R"({"type":"string","pattern":"^[a-z]+$","minLength":900000,"maxLength":1000000})"),
       kEither},
      {"AMillionProperties", schema(R"({"type":"object","minProperties":1000000})"), kEither},
      {"ManyNestedItems", schema([] {
         return same(20, R"({"type":"array","minItems":1000,"maxItems":1000000,"items":)") + "{}" +
                std::string(20, '}');
       }),
       kEither},
      // Combinations.
      {"ThreeToTheFourteenth", schema([] {
         return R"({"allOf":[)" +
                list(
                    14,
                    [](std::size_t i) {
                      return fmt::format(
                          R"({{"anyOf":[{{"required":["a{0}"]}},{{"required":["b{0}"]}},{{"required":["c{0}"]}}]}})",
                          i);
                    }) +
                "]}";
       }),
       kEither},
      {"DoublingReferences", schema([] {
         return chain(30,
                      R"({{"anyOf":[{{"$ref":"#/$defs/a{next}"}},{{"$ref":"#/$defs/a{next}"}}]}})");
       }),
       kEither},
      {"DoublingAllOf", schema([] {
         return chain(30,
                      R"({{"allOf":[{{"$ref":"#/$defs/a{next}"}},{{"$ref":"#/$defs/a{next}"}}]}})");
       }),
       kEither},
      {"DoublingProperties", schema([] {
         return chain(
             30,
             R"({{"properties":{{"a":{{"$ref":"#/$defs/a{next}"}},"b":{{"$ref":"#/$defs/a{next}"}}}},"required":["a","b"]}})");
       }),
       kEither},
      {"AnswersWithoutEnd",
       schema(R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})"), kEither},
      {"ReferenceToItselfThroughAnyOf",
       schema(R"({"anyOf":[{"$ref":"#"},{"$ref":"#/$defs/a"}],"$defs":{"a":{"$ref":"#"}}})"),
       kRefused},
      {"ReferenceToItselfThroughAllOf", schema(R"({"allOf":[{"$ref":"#"},{"type":"string"}]})"),
       kRefused},
      {"NoValueAtAll", schema(R"({"type":"integer","minimum":3,"maximum":2})"), kRefused},
      {"ManyOneOfs", schema([] {
         const std::string alternatives = list(10, [](std::size_t i) {
           return fmt::format(
               R"({{"type":"object","properties":{{"a":{{"enum":[{}]}}}},"required":["a"]}})",
               list(4, [&](std::size_t j) { return std::to_string(i * 4 + j); }));
         });
         return object_of(100, [&](std::size_t) { return R"({"oneOf":[)" + alternatives + "]}"; });
       }),
       kEither},
      // What is said otherwise before it is compiled.
      {"ManyConditions", schema([] {
         return R"({"type":"object","allOf":[)" +
                list(200,
                     [](std::size_t i) {
                       return fmt::format(
                           R"({{"if":{{"required":["a{0}"]}},"then":{{"required":["b{0}"]}}}})", i);
                     }) +
                "]}";
       }),
       kEither},
      {"ManyOverlappingOneOfs", schema([] {
         return R"({"type":"object","oneOf":[)" +
                list(150,
                     [](std::size_t i) {
                       return fmt::format(R"({{"required":["a{}","b{}"]}})", i, i + 1);
                     }) +
                "]}";
       }),
       kEither},
      {"OverlapWithinOverlap", schema([] {
         std::string inner = R"({"required":["x"]})";
         for (int i = 0; i < 12; ++i)
           inner = fmt::format(
               R"({{"type":"object","oneOf":[{{"properties":{{"a":{0}}},"required":["b{1}"]}},)"
               R"({{"properties":{{"a":{0}}},"required":["c{1}"]}}]}})",
               inner, i);
         return inner;
       }),
       kEither},
      {"NotOfNot", schema([] {
         std::string inner = R"({"enum":["a","b",1,null]})";
         for (int i = 0; i < 60; ++i) inner = R"({"not":)" + inner + "}";
         return inner;
       }),
       kEither},
      {"NotOfManyWords",
       schema(R"({"type":"string","not":{"enum":[)" +
              list(300, [](std::size_t i) { return fmt::format("\"{:x}\"", i); }) + "]}}"),
       kEither},
      {"ManyDependencies",
       schema(R"({"type":"object","dependentRequired":{)" +
              list(100, [](std::size_t i) { return fmt::format(R"("a{}":["a{}"])", i, i + 1); }) +
              "}}"),
       kEither},
      {"ListsOfUniqueLists",
       schema(R"({"type":"object","additionalProperties":{"type":"array",)"
              R"("uniqueItems":true,"items":{"enum":[1,2,3,4,5]}}})"),
       kCompiled},
      // Expressions.
      {"PlusOfPlus", regex("(a+)+$"), kCompiled},
      {"ManyAnythings", regex("(.*a){30}"), kEither},
      {"ExponentialAutomaton", regex("(a|b)*a(a|b){20}"), kEither},
      {"LargerExponentialAutomaton", regex(".*a.{900}"), kEither},
      {"ExponentialAutomatonInAText", schema(R"({"type":"string","pattern":"a.{900}b.{900}c"})"),
       kEither},
      {"ManyPatternsAtOnce",
       schema([] { return R"({"type":"string","allOf":[)" + patterns(40) + "]}"; }), kRefused,
       "more than 10 patterns and formats hold for one text together"},
      {"TenPatternsAtOnce",
       schema([] { return R"({"type":"string","allOf":[)" + patterns(10) + "]}"; }), kEither},
      {"ManyPatternsAtOnceThroughProperties", schema([] {
         return R"({"type":"object","allOf":[)" +
                list(40,
                     [](std::size_t i) {
                       return fmt::format(R"({{"properties":{{"a":{{"items":{}}}}}}})", pattern(i));
                     }) +
                "]}";
       }),
       kRefused, "more than 10 patterns"},
      {"ManyPatternsAtOnceThroughReferences", schema([] {
         return fmt::format(
             R"({{"$ref":"#/$defs/a0","$defs":{{{},"a40":{{}}}}}})", list(40, [](std::size_t i) {
               return fmt::format(R"("a{}":{{"allOf":[{},{{"$ref":"#/$defs/a{}"}}]}})", i,
                                  pattern(i), i + 1);
             }));
       }),
       kRefused, "more than 10 patterns"},
      {"ManyAlternativesOfAText", schema([] {
         return R"({"anyOf":[)" +
                list(200,
                     [](std::size_t i) {
                       return fmt::format(R"({{"type":"string","pattern":"[ab]{{{}}}c.*d"}})",
                                          i + 1);
                     }) +
                "]}";
       }),
       kEither},
      {"LettersOfAllScripts", regex("(\\p{L}|\\p{N}|[^\\x00-\\x7f]){1,1000}"), kEither},
      {"HundredThousandOfOne", regex("a{100000}"), kEither},
      {"HundredThousandOfMany", regex(same(700, "a{100000}")), kEither},
      {"HundredThousandOptional", regex(same(500, "a{0,100000}")), kEither},
      {"HundredThousandLetters", regex("\\p{L}{0,100000}\\p{N}{0,100000}x"), kEither},
      {"ThousandOfAGroup", regex("(ab|cd?|e*f){1000}"), kEither},
      {"NestedStars", regex("((((a*)*b*)*c*)*d*)*"), kCompiled},
      {"LongExpression", regex(same(800, "(a|b)*c")), kEither},
      {"FourThousandAlternatives",
       regex(repeated(1'500, [](std::size_t i) { return fmt::format("{}a|", i); }) + "x"), kEither},
      {"MillionParentheses", regex(std::string(1'000'000, '(')), kRefused, "bytes; at most"},
      // Tools.
      {"ManyTools", tools(128, [] { return object_of(50, text_type); }), kEither},
      {"HugeTools", tools(128, [] { return object_of(500, text_type); }), kRefused,
       "the schemas of all tools together are too large"},
      {"FiveHundredOptionalArguments", tools(1, [] { return object_of(500, text_type); }),
       kCompiled},
      {"FiveHundredArgumentsAndMore",
       tools(1, [] { return object_of(500, text_type, R"(,"additionalProperties":{})"); }),
       kCompiled},
      {"NestedRepeatsInArguments",
       tools(
           1,
           [] {
             return R"x({"type":"object","properties":{"a":{"type":"string","pattern":"((a{100}){100}){10}"}}})x";
           }),
       kRefused, "it repeats something"},
      {"MillionsInArguments",
       tools(1,
             [] {
               return R"({"type":"object","properties":{
             "a":{"type":"array","minItems":1000000},
             "b":{"type":"string","minLength":1000000},
             "c":{"type":"string","maxLength":1000000,"pattern":"^[a-z]*$"}}})";
             }),
       kEither},
      {"DeepArguments",
       tools(1,
             [] {
               return same(30, R"({"type":"object","properties":{"a":)") + "{}" + same(30, "}}");
             }),
       kCompiled},
      {"DoublingArguments",
       tools(
           1,
           [] {
             std::string text = chain(
                 30,
                 R"({{"type":"object","properties":{{"a":{{"$ref":"#/$defs/a{next}"}},"b":{{"$ref":"#/$defs/a{next}"}}}}}})");
             return R"({"type":"object","properties":{"x":)" + text.substr(0, text.find(',')) +
                    "}}," + text.substr(text.find(',') + 1);
           }),
       kCompiled},
  };
  return kAttacks;
}

class Attacks : public testing::TestWithParam<Attack> {};

TEST_P(Attacks, AreRefusedOrCostLittle) {
  const Attack& attack = GetParam();
  const RealVocabulary& real = RealVocabulary::get();
  const Constraint constraint = attack.make();
  const double start = processor_seconds();
  const auto text = write_grammar(constraint, MarkerTokens::of(*real.tokenizer));
  const Status status =
      text ? try_grammar(real.vocabulary, real.table, text->lark()) : Status(text.error());
  const double seconds = processor_seconds() - start;
  std::printf("%.2f s: %s\n", seconds,
              status ? "compiled" : status.error().message.substr(0, 200).c_str());
  EXPECT_LT(seconds, kSecondsMax);
  if (attack.fate != Fate::kEither) {
    EXPECT_EQ(bool(status), attack.fate == Fate::kCompiled);
  }
  if (status) return;
  EXPECT_NE(status.error().message.find(attack.sentence), std::string::npos);
  EXPECT_LT(status.error().message.size(), 1'000U);
}

INSTANTIATE_TEST_SUITE_P(, Attacks, testing::ValuesIn(attacks()),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace g4::grammar
