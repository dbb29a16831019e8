// Random small grammars: what their masks allow is exactly what the rules make.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "grammar/client_grammar.h"
#include "grammar/gbnf.h"
#include "grammar/test_recognise.h"
#include "grammar/test_walk.h"

namespace g4::grammar {
namespace {

using test::RealVocabulary;

class RandomGrammar {
 public:
  explicit RandomGrammar(std::uint32_t seed) : random_(seed) {}

  std::string write() {
    rules_ = 1 + below(4);
    std::string all;
    for (std::uint32_t i = 0; i < rules_; ++i)
      all += fmt::format("{} ::= {}\n", name(i), choice(3));
    return all;
  }

 private:
  std::uint32_t below(std::uint32_t count) {
    return static_cast<std::uint32_t>(random_() >> 8) % count;
  }
  static std::string name(std::uint32_t rule) {
    return rule == 0 ? "root" : fmt::format("r{}", rule);
  }

  std::string choice(int depth) {
    std::string all = sequence(depth);
    for (std::uint32_t more = below(3); more > 0; --more) all += " | " + sequence(depth);
    return all;
  }

  std::string sequence(int depth) {
    std::string all;
    for (std::uint32_t more = below(4); more > 0; --more) all += repeated(depth) + " ";
    return all.empty() ? "\"\"" : all;
  }

  std::string repeated(int depth) {
    static constexpr const char* kRepeats[] = {"", "", "", "", "*", "+", "?", "{2}", "{1,3}"};
    return atom(depth) + kRepeats[below(9)];
  }

  std::string atom(int depth) {
    static constexpr const char* kTexts[] = {"\"a\"", "\"b\"", "\"ab\"", "\"aba\"",
                                             "[ab]",  "[a]",   "\"bb\""};
    const std::uint32_t kind = below(depth > 0 ? 10 : 8);
    if (kind < 5) return kTexts[below(7)];
    if (kind < 8) return name(below(rules_));
    return fmt::format("({})", choice(depth - 1));
  }

  std::minstd_rand random_;
  std::uint32_t rules_ = 0;
};

class Comparison {
 public:
  Comparison(const GrammarTree& tree, Matcher matcher)
      : tree_(tree), matcher_(std::move(matcher)) {}

  // All texts of a and b that begin with `text`, which the matcher has accepted.
  void compare(const std::string& text) {
    EXPECT_EQ(matcher_.may_end(), test::Recogniser(tree_, text).matches()) << "'" << text << "'";
    if (text.size() == 6) return;
    for (const char c : {'a', 'b'}) {
      const TokenId id = *RealVocabulary::get().tokenizer->find(std::string(1, c));
      if (matcher_.has_ended() || matcher_.allowed({{id}}).value() == 0) {
        expect_none(text + c);
        continue;
      }
      ASSERT_TRUE(matcher_.accept(id));
      compare(text + c);
      ASSERT_TRUE(matcher_.rollback(1));
    }
  }

 private:
  void expect_none(const std::string& text) {
    EXPECT_FALSE(test::Recogniser(tree_, text).matches()) << "'" << text << "' is not allowed";
    if (text.size() == 6) return;
    expect_none(text + 'a');
    expect_none(text + 'b');
  }

  const GrammarTree& tree_;
  Matcher matcher_;
};

TEST(ClientGrammars, AllowNoMoreAndNoLessThanTheRules) {
  const RealVocabulary& real = RealVocabulary::get();
  int compared = 0;
  for (std::uint32_t seed = 1; seed <= 600 && !HasFailure(); ++seed) {
    const std::string grammar = RandomGrammar(seed).write();
    SCOPED_TRACE(grammar);
    const auto lark = write_client_grammar(grammar);
    if (!lark) continue;
    const auto compiled = CompiledGrammar::compile(real.vocabulary, "start: answer\n" + *lark);
    ASSERT_TRUE(compiled) << compiled.error().message << *lark;
    SCOPED_TRACE(*lark);
    const GrammarTree tree = read_gbnf(grammar).value();
    Comparison(tree, (*compiled)->start()).compare("");
    ++compared;
  }
  EXPECT_GT(compared, 300);
}

}  // namespace
}  // namespace g4::grammar
