// Well-known grammars: random answers under their masks are what they ask for, as other judges see
// it, and how long the masks take.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <regex>

#include "grammar/client_grammar.h"
#include "grammar/gbnf.h"
#include "grammar/test_recognise.h"
#include "grammar/test_walk.h"

namespace g4::grammar {
namespace {

using test::RealVocabulary;

std::vector<TokenId> each_of(std::string_view characters) {
  std::vector<TokenId> ids;
  for (const char c : characters)
    if (const auto id =
            RealVocabulary::get().tokenizer->find(c == ' ' ? "\u2581" : std::string(1, c)))
      ids.push_back(*id);
  return ids;
}

std::string ascii() {
  std::string all;
  for (char c = 1; c < 127; ++c) all += c;
  return all;
}

// Draws any token or any character; after a while characters only, and rather those that lead to an
// end.
class RandomWriter {
 public:
  explicit RandomWriter(std::string_view closing)
      : words_(mask_words(*real_.vocabulary)), closing_(each_of(closing)) {}

  test::Walk write(Matcher matcher) {
    test::Walk walk;
    for (int i = 0; i < 1'500 && !walk.ended && walk.status; ++i) {
      const ProcessorTime start;
      walk.status = matcher.mask(words_);
      mask_times.push_back(start.elapsed());
      if (!walk.status) break;
      const TokenId id = draw(i);
      walk.status = matcher.accept(id);
      walk.ended = is_stop(id);
      if (!walk.ended) walk.text += real_.tokenizer->bytes(id);
    }
    return walk;
  }

  std::vector<std::chrono::nanoseconds> mask_times;

 private:
  bool is_stop(TokenId id) const { return std::ranges::count(real_.table.stops, id) > 0; }

  TokenId draw(int tokens) {
    const auto allowed = [&](TokenId id) { return mask_has(words_, id); };
    const auto stop = std::ranges::find_if(real_.table.stops, allowed);
    if (tokens > 30 && stop != real_.table.stops.end()) return *stop;
    const auto close = std::ranges::find_if(closing_, allowed);
    if (tokens > 30 && close != closing_.end() && random_() % 4 > 0) return *close;
    std::vector<TokenId> characters;
    std::ranges::copy_if(characters_, std::back_inserter(characters), allowed);
    if (!characters.empty() && (tokens > 30 || random_() % 3 > 0))
      return characters[random_() % characters.size()];
    return mask_nth(words_, random_() % mask_count(words_, real_.vocabulary->size()));
  }

  const RealVocabulary& real_ = RealVocabulary::get();
  std::minstd_rand random_{7};
  std::vector<std::uint32_t> words_;
  const std::vector<TokenId> characters_ = each_of(ascii());
  const std::vector<TokenId> closing_;  // what to choose first
};

bool is_json(const std::string& text) {
  // A lone half of a surrogate pair is what the grammar allows and the parser does not.
  if (text.find("\\uD") != std::string::npos || text.find("\\ud") != std::string::npos) return true;
  boost::json::error_code failure;
  const auto value = boost::json::parse(text, failure);
  return failure == boost::json::error::exponent_overflow || (!failure && value.is_object());
}

bool matches(const char* pattern, const std::string& text) {
  return std::regex_match(text, std::regex(pattern));
}

bool is_balanced(const std::string& text, char open, char close) {
  return std::ranges::count(text, open) == std::ranges::count(text, close);
}

struct Known {
  const char* name;
  const char* grammar;
  std::function<bool(const std::string&)> is_right;  // says another judge than our recogniser
  const char* closing = "";
};

const Known kKnown[] = {
    {"json", R"g(root ::= object
value ::= (object | array | string | number | "true" | "false" | "null") ws
object ::= "{" ws (member ("," ws member)*)? "}"
member ::= string ws ":" ws value
array ::= "[" ws (value ("," ws value)*)? "]"
string ::= "\"" char* "\""
char ::= [^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" hex{4})
hex ::= [0-9a-fA-F]
number ::= "-"? ("0" | [1-9] [0-9]*) ("." [0-9]+)? ([eE] [-+]? [0-9]{1,2})?
ws ::= | " " | "\n" [ \t]{0,20}
)g",
     is_json},
    {"arithmetic", R"g(root  ::= (expr "=" ws term "\n")+
expr  ::= term ([-+*/] term)*
term  ::= ident | num | "(" ws expr ")" ws
ident ::= [a-z] [a-z0-9_]* ws
num   ::= [0-9]+ ws
ws    ::= [ \t\n]*
)g",
     [](const std::string& text) {
       return matches("([-+*/()a-z0-9_ \\t\\n]+=[-+*/()a-z0-9_ \\t\\n]+\\n)+", text) &&
              is_balanced(text, '(', ')');
     }},
    {"sums, left-recursive", R"g(root ::= sum
sum ::= sum [+-] product | product
product ::= product [*/] factor | factor
factor ::= [0-9]{1,3} | "-" factor | "(" sum ")"
)g",
     [](const std::string& text) {
       return matches("[-+*/()0-9]+", text) && is_balanced(text, '(', ')');
     }},
    {"list", R"g(root ::= item+
item ::= "- " [^\r\n\x0b\x0c\x85\u2028\u2029]+ "\n"
)g",
     [](const std::string& text) { return matches("(- [^\\n\\r]+\\n)+", text); }},
    {"email", R"g(root ::= local "@" (label ".")+ [a-z]{2,10}
local ::= word ("." word)*
word ::= [A-Za-z0-9_+-]+
label ::= [a-z0-9] ([a-z0-9-]{0,20} [a-z0-9])?
)g",
     [](const std::string& text) {
       return matches("[\\w+-]+(\\.[\\w+-]+)*@([a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?\\.)+[a-z]{2,10}",
                      text);
     }},
    {"csv", R"g(root ::= line+
line ::= field ("," field)* "\n"
field ::= plain | quoted
plain ::= [^",\r\n]*
quoted ::= "\"" ([^"] | "\"\"")* "\""
)g",
     [](const std::string& text) {
       return text.ends_with('\n') && std::ranges::count(text, '"') % 2 == 0;
     }},
    {"sql", R"g(root ::= select ";"
select ::= "SELECT " columns " FROM " name where? (" ORDER BY " name (" DESC")?)?
columns ::= "*" | column (", " column)*
column ::= name | ("count" | "max" | "min") "(" name ")"
where ::= " WHERE " condition
condition ::= test ((" AND " | " OR ") test)*
test ::= "(" condition ")" | name " " ("=" | "<" | "<=" | "<>") " " value |
         name " IN (" select ")"
name ::= [a-z] [a-z_]{0,20} ("." [a-z_]+)?
value ::= "-"? [0-9]+ ("." [0-9]+)? | "'" ([^'\n] | "''")* "'"
)g",
     [](const std::string& text) {
       return text.starts_with("SELECT ") && text.ends_with(";") &&
              std::ranges::count(text, '\'') % 2 == 0;
     }},
    {"chess", R"g(root ::= "1. " move " " move "\n" ([1-9] [0-9]? ". " move " " move "\n")+
move ::= (pawn | nonpawn | castle) [+#]?
nonpawn ::= [NBKQR] [a-h]? [1-8]? "x"? [a-h] [1-8]
pawn ::= ([a-h] "x")? [a-h] [1-8] ("=" [NBKQR])?
castle ::= "O-O" "-O"?
)g",
     [](const std::string& text) {
       return matches("(\\d{1,2}\\. [a-hNBKQRO1-8x=+#-]+ [a-hNBKQRO1-8x=+#-]+\\n){2,}", text);
     }},
    {"elements", R"g(root ::= element
element ::= "<" name ">" (text | element)* "</" name ">"
name ::= [a-z]+
text ::= [^<>&]+ | "&" ("lt" | "gt" | "amp") ";"
)g",
     [](const std::string& text) { return is_balanced(text, '<', '>'); }, "/><"},
    {"marked text", R"g(root ::= inline "\n"
inline ::= (text | "**" inline "**" | "[" inline "](" [^)\n]+ ")")*
text ::= [^*\[\]\n]+
)g",
     [](const std::string& text) { return text.find('\n') == text.size() - 1; }, "\n])*"},
    {"lists, right-recursive", R"g(root ::= "\"" chars "\"" | "[" items "]"
chars ::= char chars | ""
char ::= [^"\\] | "\\" ["\\/bfnrt]
items ::= items "," root | root
)g",
     [](const std::string& text) { return text.starts_with('"') || text.starts_with('['); }},
    {"program", R"g(root ::= statement+
statement ::= "if (" condition ") {" statement* "}" ("else {" statement* "}")? |
              type " " name " = " sum ";" | name "(" (sum (", " sum)*)? ");" | comment
type ::= "int" | "float"
condition ::= sum ("<=" | "<" | "==" | ">") sum
sum ::= factor ((" + " | " - ") factor)*
factor ::= name | [0-9]+ | "(" sum ")" | name "(" sum ")"
name ::= [a-zA-Z_] [a-zA-Z_0-9]*
comment ::= "/*" ([^*] | "*" [^/])* "*/" | "//" [^\n]* "\n"
)g",
     [](const std::string& text) { return std::string("};/\n").find(text.back()) < 4; }},
};

TEST(ClientGrammars, RandomAnswersAreOfTheGrammar) {
  const RealVocabulary& real = RealVocabulary::get();
  for (const Known& known : kKnown) {
    SCOPED_TRACE(known.name);
    const GrammarTree tree = read_gbnf(known.grammar).value();
    const auto lark = write_client_grammar(known.grammar);
    ASSERT_TRUE(lark) << lark.error().message;
    const auto grammar = CompiledGrammar::compile(real.vocabulary, "start: answer\n" + *lark);
    ASSERT_TRUE(grammar) << grammar.error().message;
    RandomWriter writer(known.closing);
    int ended = 0;
    for (int i = 0; i < 12; ++i) {
      const test::Walk walk = writer.write((*grammar)->start());
      ASSERT_TRUE(walk.status) << walk.status.error().message << "\n" << walk.text;
      if (!walk.ended) continue;
      ++ended;
      EXPECT_TRUE(known.is_right(walk.text)) << walk.text;
      EXPECT_TRUE(test::Recogniser(tree, walk.text).matches()) << walk.text;
    }
    EXPECT_GT(ended, 6);
    auto& times = writer.mask_times;
    std::ranges::sort(times);
    const auto at = [&](std::size_t percent) {
      return static_cast<double>(times[(times.size() - 1) * percent / 100].count()) / 1e3;
    };
    std::printf("%-24s masks, us: median %.1f, p99 %.0f, max %.0f (%zu)\n", known.name, at(50),
                at(99), at(100), times.size());
  }
}

}  // namespace
}  // namespace g4::grammar
