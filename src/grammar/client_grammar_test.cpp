// Grammars of clients: what they allow, what is refused, and what hostile ones cost.
#include "grammar/client_grammar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/sanitizers.h"
#include "grammar/gbnf.h"
#include "grammar/test_walk.h"
#include "grammar/trial.h"

namespace g4::grammar {
namespace {

using test::RealVocabulary;

// A text that must come has one spelling in masks, but all of them are accepted.
bool accepts(Matcher matcher, std::span<const TokenId> tokens) {
  for (const TokenId token : tokens)
    if (!matcher.accept(token)) return false;
  return matcher.may_end();
}

bool takes(Matcher matcher, std::span<const TokenId> tokens) {
  std::vector<std::uint32_t> words(mask_words(*RealVocabulary::get().vocabulary));
  for (const TokenId token : tokens) {
    if (Status status = matcher.mask(words); !status) {
      ADD_FAILURE() << status.error().message;
      return false;
    }
    if (!mask_has(words, token) || !matcher.accept(token)) return false;
  }
  return matcher.may_end();
}

// A token for each character.
std::vector<TokenId> spelled(std::string_view text) {
  std::vector<TokenId> tokens;
  for (const char c : text) {
    const auto token =
        RealVocabulary::get().tokenizer->find(c == ' ' ? "\u2581" : std::string(1, c));
    if (token) tokens.push_back(*token);
  }
  return tokens;
}

// Whether an answer may be this text, be its tokens large or small.
bool takes(const std::string& grammar, std::string_view text) {
  const RealVocabulary& real = RealVocabulary::get();
  const bool large = takes(test::start(real, {ClientGrammar{grammar}}),
                           real.tokenizer->encode(text, Tokenizer::Special::kText));
  const std::vector<TokenId> small = spelled(text);
  if (small.size() == text.size()) {
    EXPECT_EQ(accepts(test::start(real, {ClientGrammar{grammar}}), small), large) << text;
  }
  return large;
}

struct Case {
  const char* grammar;
  std::vector<const char*> right, wrong;
};

void check(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    SCOPED_TRACE(each.grammar);
    for (const char* text : each.right) EXPECT_TRUE(takes(each.grammar, text)) << text;
    for (const char* text : each.wrong) EXPECT_FALSE(takes(each.grammar, text)) << text;
  }
}

TEST(ClientGrammar, GbnfMeansWhatLlamaCppMeansByIt) {
  check({
      {"root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "y", "yesno", "Yes"}},
      {"root ::= \"a\"*", {"", "aaa"}, {"b"}},
      {"root ::= \"ab\"+ \"c\"? \"d\"{2} \"e\"{1,} \"f\"{0,2} \"g\"{,1}",
       {"abdde", "ababcddeeeffg"},
       {"dde", "abde", "abdd", "abddefff", "abddegg"}},
      {"root ::= [a-c] [^a-c\\n] [-x] [x-] [\\]\\[^]",
       {"ad--]", "cxxx^", "b x-["},
       {"aa--]", "ad--a"}},
      {"root ::= \"\\x41\\u00e9\\U0001F600\\\"\\\\\\t\\n\"", {"A\u00e9\U0001F600\"\\\t\n"}, {"A"}},
      {"root ::= . . [\u00e0-\u00ef]", {"x\u4e2d\u00e9", "\n\n\u00e9"}, {"x\u00e9", "xxx"}},
      {"# a comment\nroot ::= # another\n  a |\n  b\na ::= \"a\" # and\n\nb ::= (\"b\"\n | "
       "\"c\")\n",
       {"a", "b", "c"},
       {"ab"}},
      {"root ::= a\n  | b_2\na::=\"1\"\nb_2::=\"2\"", {"1", "2"}, {"12"}},
      {"root ::= | \"x\" | (\"\" \"y\")", {"", "x", "y"}, {"xy"}},
      {"root ::= \"x\"{0} \"y\"{1}", {"y"}, {"xy", ""}},
      {"root ::= \"<turn|>\" \"<|tool_call>\"", {"<turn|><|tool_call>"}, {""}},
  });
}

TEST(ClientGrammar, ATextMayBeCutInAnyWayThatTheRulesAllow) {
  check({
      // A longest match of ws would leave no line break for the rule to end with.
      {"root ::= (expr \"=\" ws term \"\\n\")+\nexpr ::= term ([-+*/] term)*\n"
       "term ::= ident | num | \"(\" ws expr \")\" ws\nident ::= [a-z] [a-z0-9_]* ws\n"
       "num ::= [0-9]+ ws\nws ::= [ \\t\\n]*",
       {"a = 1\n", "(a +1)*2=3 \n\nb=4\n", "x=(((y)))\n"},
       {"a = 1", "a = \n", "(a=1\n"}},
      {"root ::= a \"!\"\na ::= \"(\" a \")\" | \"x\" [a-z]* \"end\" \"y\"?",
       {"(xendend)!", "xabendy!"},
       {"xen!", "xend", "(xend!"}},
      {"root ::= (\"a\" b | \"ab\" c)\nb ::= \"bc\" | \"(\" b \")\"\nc ::= \"d\" | \"(\" c \")\"",
       {"abc", "abd", "a(bc)", "ab((d))"},
       {"abbc", "ab(bc)"}},
      {"root ::= p \"aa\"\np ::= \"a\"* | \"(\" p \")\"", {"aa", "aaaaa", "(aa)aa"}, {"a", "(a)a"}},
      {"root ::= node\nnode ::= [a-z ]+ (\" (\" node \")\")?",
       {"a b (c (d))", "a "},
       {"a(b)", "a ("}},
      // Keywords that are beginnings of names and of each other.
      {"root ::= s\ns ::= \"if\" \" \" s | \"iff\" \"x\" s | [a-z]+ \";\"",
       {"if if ab;", "iffxiffy;", "iff;"},
       {"if ;", "if"}},
      {"root ::= q\nq ::= \"\u00e9\" q \"x\" | \"\u00e9\u00e8\" | [\u00e0-\u00ef] \"y\"",
       {"\u00e9\u00e9\u00e8x", "\u00e9\u00e8yx"},
       {"\u00e9"}},
      {"root ::= (a | \"[\" root \"]\")* \"b\"\na ::= \"ab\" | \"a\"",
       {"b", "ab", "abb", "a[ab]abab"},
       {"a", "aba"}},
      {"root ::= (a | \"[\" root \"]\"){3}\na ::= \"a\"+", {"aaa", "aaaaa", "a[aaa]a"}, {"aa"}},
  });
}

TEST(ClientGrammar, RecursionIsFreeInRules) {
  check({
      {"root ::= \"<\" c \">\"\nc ::= [a-z] c | \"\"", {"<>", "<abc>"}, {"<a", "<A>"}},
      {"root ::= e\ne ::= e \"+\" t | e \"-\" t | t\nt ::= \"1\" | \"(\" e \")\"",
       {"1", "1+1-1", "(1-1)+1"},
       {"1+", "+1", "()"}},
      {"root ::= e\ne ::= e \"*\" e | \"1\" | e", {"1", "1*1*1"}, {"1*", "11"}},
      {"root ::= a\na ::= b \"x\" | \"y\"\nb ::= a \"z\" | \"\"",
       {"y", "x", "yzx", "xzxzx"},
       {"z", "yx"}},
      {"root ::= s\ns ::= \"(\" s \")\" s | \"\"", {"", "()", "(())()"}, {"(", ")("}},
      {"root ::= n n\nn ::= m*\nm ::= n \"x\" n \"y\"?", {"", "xx", "xyx"}, {"y", "yx"}},
      {"root ::= root | \"a\" root | root \"b\" | \"c\"", {"c", "aacb", "cbb"}, {"ab", "ca"}},
  });
}

TEST(ClientGrammar, LarkMeansWhatLlguidanceMeansByIt) {
  check({
      {"start: \"yes\" | \"no\"i", {"yes", "No"}, {"YES", ""}},
      {"?start: item (\",\" item)* -> list\n      | \"none\"\n"
       "!item: WORD | /[0-9]{2}/ | \"x\"..\"z\" \"!\"\n"
       "WORD: LETTER+ // letters\n%import common.LETTER\n",
       {"ab,12", "none", "y!"},
       {"1", "a,", "w!"}},
      {"start: [\"a\"] \"b\"~2 \"c\" ~ 1..2 \"d\"? (\"e\" | \"f\")+",
       {"abbce", "bbccdfe"},
       {"bce", "bbcccd"}},
      {"%llguidance {}\nstart: A B\nA: \"a\" C?\nC: /c/i\nB: /[^\\/]\\/\\d/",
       {"acx/1", "aCy/2"},
       {"ac//1"}},
      {"start: \"\\x41\\n\\t\\\"\\u00e9\"", {"A\n\t\"\u00e9"}, {"A"}},
      {"start: x\nx: \"(\" x \")\" | /a.c/s\n# comment", {"((a\nc))", "abc"}, {"(abc", "ac"}},
      {"%import common (NUMBER, ESCAPED_STRING)\n%import common.CNAME -> NAME\n"
       "start: NAME \"=\" (NUMBER|ESCAPED_STRING)",
       {"a_1=2.5e3", "b=\"x\\\"y\""},
       {"1=2", "b=\"x"}},
      {"start: NUMBER (\"+\" NUMBER)*\n%import common.NUMBER\n%import common.WS\n%ignore WS\n"
       "%ignore /#[a-z]*/",
       {"1+2", " 1 + 2 ", "1#x\n+ 2"},
       {"1 2", "+ 1"}},
      {"start: sum\nsum: product | sum \"+\" product\nproduct: atom | product \"*\" atom\n"
       "atom: /[0-9]+/ | \"-\" atom | \"(\" sum \")\"",
       {"1+2*-(3+4)"},
       {"1+", "1 + 2"}},
  });
}

TEST(ClientGrammar, TellsTheNotationsApart) {
  EXPECT_TRUE(is_gbnf("# x: y\n\nroot\n::= \"a\""));
  EXPECT_TRUE(is_gbnf("a-b ::= \"a\""));
  EXPECT_FALSE(is_gbnf("start: \"::=\""));
  EXPECT_FALSE(is_gbnf("// root ::= \"a\"\nstart: \"a\""));
  EXPECT_FALSE(is_gbnf(""));
}

TEST(ClientGrammar, NamesNoToken) {
  const RealVocabulary& real = RealVocabulary::get();
  const auto takes_marked = [&](std::string_view text) {
    return takes(test::start(real, {ClientGrammar{"root ::= [^x]+"}}),
                 real.tokenizer->encode(text, Tokenizer::Special::kParse));
  };
  EXPECT_TRUE(takes_marked("42"));
  EXPECT_FALSE(takes_marked("a<|tool_call>"));
  for (const char* grammar : {"root ::= .*", "start: /(?s:.)*/", "start: /[^a]*/ \"b\""}) {
    Matcher matcher = test::start(real, {ClientGrammar{grammar}});
    std::vector<std::uint32_t> words(mask_words(*real.vocabulary));
    ASSERT_TRUE(matcher.mask(words));
    for (const char* mark : {"<|tool_call>", "<|channel>", "<bos>", "<unused99>"})
      EXPECT_FALSE(mask_has(words, *real.tokenizer->find(mark))) << mark;
  }
}

std::string refusal(const std::string& grammar) {
  const auto text = write_client_grammar(grammar);
  return text ? "" : text.error().message;
}

TEST(ClientGrammar, SaysWhatIsWrongAndWhere) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"", "there is no rule start"},
      {"  \n# nothing\n", "there is no rule start"},
      {"rot ::= \"a\"", "there is no rule root"},
      {"root ::= digit\n", "line 1: digit is not defined"},
      {"root ::= \"a\"\nroot ::= \"b\"", "line 2: root is defined twice"},
      {"root ::= \"a", "line 1: a text is not closed"},
      {"root ::= [a-z", "line 1: a class of characters is not closed"},
      {"root ::= [z-a]", "ends before it begins"},
      {"root ::= []", "a class of characters is empty"},
      {"root ::= [^\\x00-\\U0010FFFF]", "a class of characters is empty"},
      {"root ::=\n(\"a\"", "line 2: a group is not closed"},
      {"root ::= \"a\")", "line 1: unexpected )"},
      {"root ::= \"a\"**", "two repeats"},
      {"root ::= *", "line 1: unexpected *"},
      {"root ::= \"a\"{3,2}", "at least 3 and at most 2"},
      {"root ::= \"a\"{x}", "a number should stand here"},
      {"root ::= \"a\"{99999999999}", "a number is too large"},
      {"root ::= \"\\q\"", "an unknown escape"},
      {"root ::= \"\\x4\"", "2 hexadecimal digits"},
      {"root ::= \"\\ud800\"", "surrogate"},
      {"root ::= \"\\U00110000\"", "beyond U+10FFFF"},
      {"root ::= [a-z]{30000}", "line 1: root asks for a text of more than 20000 characters"},
      {"root ::= <[48]>", "tokens (<...>) are not supported"},
      {"root ::= !<[48]>", "tokens (<...>) are not supported"},
      {"root ::= <|tool_call>", "tokens (<...>) are not supported"},
      {"root ::= a\na ::= \"x\" a", "never comes to an end"},
      {"root ::= \"b\" | a\na ::= b\nb ::= a", "never comes to an end"},
      {"root ::= \"\xff\"", "bytes that are no text"},
      {"root ::= %json {}", "unexpected %"},
      {"root ::= (([a-z]{100}){100}){10}", "line 1: root repeats something"},
      {"root ::= a{50}\na ::= b{50}\nb ::= \"xy\"", "counting repeats inside repeats"},
      {"root ::= [a-z]{0,100001}", "at most 100000"},
      {"start: x", "line 1: x is not defined"},
      {"start: %json {\"type\":\"object\"}", "%json is not supported"},
      {"start: %regex {\"substring_words\":\"a\"}", "%regex is not supported"},
      {"start: %lark { start: \"a\" }", "%lark is not supported"},
      {"%llguidance {\"no_forcing\":true}\nstart: \"a\"", "%llguidance is not supported"},
      {"%declare A\nstart: A", "%declare is not supported"},
      {"start: <|tool_call>", "special tokens (<...>) are not supported"},
      {"start: <[48]>", "special tokens (<...>) are not supported"},
      {"start: @other", "references to other grammars"},
      {"start: \"a\"\nx.2: \"b\"", "line 2: x has a priority"},
      {"start: x{\"a\"}\nx{p}: p", "is a template"},
      {"x{p}: p", "x is a template"},
      {"start[capture]: \"a\"", "has attributes"},
      {"start: x::1", "parameters of rules"},
      {"start: /(?=a)b/", "look-ahead"},
      {"start: /a/l", "the flag l"},
      {"start: /a", "a regular expression is not closed"},
      {"start: /((a{100}){100}){10}/", "counting repeats inside repeats"},
      {"start: A~100\nA: /b{100}/", "counting repeats inside repeats"},
      {"start: A\nA: \"x\" b\nb: \"c\"", "line 2: a terminal can be made of terminals only"},
      {"start: A\nA: \"x\" B\nB: A?", "the terminal A refers to itself"},
      {"start: \"a\" & /b/", "& is not supported"},
      {"start: A\nA: ~\"a\"", "~ is not supported"},
      {"start: Mixed", "lower case"},
      {"%import python.NAME\nstart: NAME", "only terminals of common"},
      {"%import common.NOTHING\nstart: NOTHING", "common.NOTHING is not supported"},
      {"start \"a\"", "after start there should be a colon"},
  };
  for (const auto& [grammar, sentence] : cases)
    EXPECT_NE(refusal(grammar).find(sentence), std::string::npos)
        << grammar << "\n-> " << refusal(grammar);
}

std::string times(int n, const std::string& text) {
  std::string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

TEST(ClientGrammar, LimitsWhatIsLarge) {
  EXPECT_NE(refusal("root ::= \"" + std::string(70'000, 'a') + "\"").find("bytes"),
            std::string::npos);
  std::string many = "root ::= r0\n";
  for (int i = 0; i < 600; ++i) many += fmt::format("r{} ::= \"a\"\n", i);
  EXPECT_NE(refusal(many).find("601 rules; at most 500"), std::string::npos) << refusal(many);
  const std::string deep = "root ::= " + times(70, "(") + "\"a\"" + times(70, ")");
  EXPECT_NE(refusal(deep).find("nested more than 64"), std::string::npos);
  EXPECT_TRUE(takes("root ::= " + times(60, "(") + "\"a\"" + times(60, ")*"), "aa"));
}

// Whatever passes our rules may cost some processor time, but neither seconds nor the process.
TEST(ClientGrammar, SurvivesWhatIsHostile) {
  const RealVocabulary& real = RealVocabulary::get();
  std::string chain, doubling = "root ::= r0\n", deep, cross = "root ::= \"(\" root \")\" | \"\"";
  for (int i = 0; i < 498; ++i) {
    const std::string name = i == 0 ? "root" : fmt::format("r{}", i);
    chain += fmt::format("{} ::= \"a\" r{} | \"(\" root \")\"\n", name, i + 1);
    deep += fmt::format("{} ::= {}r{}{}|\"b\" root \"c\"\n", name, times(50, "("), i + 1,
                        times(50, ")"));
  }
  for (int i = 0; i < 40; ++i) doubling += fmt::format("r{} ::= r{} r{}\n", i, i + 1, i + 1);
  for (int i = 0; i < 2'000; ++i) cross += fmt::format("|[a-z]* root \"a{}\"", i);
  const std::vector<std::pair<const char*, std::string>> hostile{
      {"chain", chain + "r498 ::= \"b\""},
      {"deep chain", deep + "r498 ::= \"b\""},
      {"doubling", doubling + "r40 ::= \"b\""},
      {"doubling nothing", doubling + "r40 ::= \"b\"?"},
      {"ambiguous", "root ::= root root root | \"a\" | \"b\" | \"\""},
      {"ambiguous text", "root ::= (a b)*\na ::= [a-z]*\nb ::= a | \"(\" root \")\""},
      {"nested stars", "root ::= " + times(60, "(") + "[a-z]*" + times(60, ")*")},
      {"exponential", "root ::= ([ab]* \"a\" [ab]{500}) | \"(\" root \")\""},
      {"many texts", "root ::= \"(\" root \")\"" + times(9'000, "|\"ab\"")},
      {"many stars", "root ::= \"(\" root \")\" | " + times(8'000, "\"ab\"* ")},
      {"many loops", cross},
      {"cyclic", "root ::= a | \"x\"\na ::= b\nb ::= a | root"},
      {"counted", "root ::= (\"(\" root \")\"){0,1000} | \"x\""},
      {"long terminal", "start: A\nA: " + times(6'000, "\"ab\" ")},
      {"long alternative", "start: " + times(6'000, "\"ab\"? ")},
  };
  const auto ms = [](auto time) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  };
  for (const auto& [name, grammar] : hostile) {
    const ProcessorTime start;
    const auto text = write_client_grammar(grammar);
    const auto written = start.elapsed();
    std::string outcome = text ? "" : text.error().message;
    if (text) {
      const Status status = try_grammar(real.vocabulary, real.table, "start: answer\n" + *text);
      if (!status) outcome = status.error().message;
    }
    const auto tried = start.elapsed() - written;
    std::printf("%-18s %4ld ms to write, %4ld ms to try: %s\n", name, ms(written), ms(tried),
                outcome.substr(0, 90).c_str());
    EXPECT_LT(ms(written), kShadowMemory ? 15'000 : 1'500) << name;
    EXPECT_LT(ms(tried), 5'000) << name;
  }
}

}  // namespace
}  // namespace g4::grammar
