#include "grammar/client_grammar.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "grammar/gbnf.h"
#include "grammar/grammar_check.h"
#include "grammar/lark.h"
#include "grammar/lark_reader.h"
#include "grammar/lexemes.h"
#include "grammar/loops.h"

namespace g4::grammar {
namespace {

using Kind = GrammarNode::Kind;

constexpr std::size_t kParenthesesMax = 12;  // llguidance takes 28 in each other

std::string char_class(const std::vector<CharRange>& ranges) {
  std::string out = "/[";
  for (const CharRange range : ranges)
    out += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", static_cast<std::uint32_t>(range.first),
                       static_cast<std::uint32_t>(range.last));
  return out + "]/";
}

// Names are numbers: g_7 is rule 7, G_7 the same as a terminal, gx_ and GX_ are parts of others.
class Writer {
 public:
  explicit Writer(const GrammarTree& tree)
      : tree_(tree), rules_(tree.rules.size()), terminals_(tree.rules.size()) {}

  std::string write() {
    std::string skip;
    if (!tree_.ignored.empty()) {
      skip = "g_skip ";
      lines_ += fmt::format("g_skip: G_SKIP?\nG_SKIP: ({})+\n", ignored());
    }
    const bool terminal = tree_.rules[tree_.root].terminal;
    const std::string answer = fmt::format(
        "answer: {}{}\n", skip, terminal ? use_terminal(tree_.root) : use_rule(tree_.root));
    while (!open_.empty()) {
      const auto [rule, as] = open_.back();
      open_.pop_back();
      const std::string body = as == As::kRule ? rule_text(tree_.rules[rule].body, 0)
                                               : terminal_text(tree_.rules[rule].body, 0);
      lines_ += fmt::format("{}_{}: {}\n", as == As::kRule ? "g" : "G", rule, body);
    }
    return answer + lines_;
  }

 private:
  enum class As : std::uint8_t { kRule, kTerminal };

  std::string use_rule(std::size_t rule) {
    if (!rules_[rule]) open_.emplace_back(rule, As::kRule);
    rules_[rule] = true;
    return fmt::format("g_{}", rule);
  }

  std::string use_terminal(std::size_t rule) {
    if (!terminals_[rule]) open_.emplace_back(rule, As::kTerminal);
    terminals_[rule] = true;
    return fmt::format("G_{}", rule);
  }

  std::string ignored() {
    std::string all;
    for (const GrammarNode& node : tree_.ignored)
      all += (all.empty() ? "" : " | ") + grouped(node, 1, As::kTerminal);
    return all;
  }

  std::string rule_text(const GrammarNode& node, std::size_t depth) {
    if (node.lexeme) return lexeme_text(node);
    if (node.kind == Kind::kName) return use_rule(node.rule);
    return text(node, depth, As::kRule);
  }

  std::string terminal_text(const GrammarNode& node, std::size_t depth) {
    if (node.kind == Kind::kName) return use_terminal(node.rule);
    return text(node, depth, As::kTerminal);
  }

  std::string lexeme_text(const GrammarNode& node) {
    std::string lexeme = terminal_text(node, 0);
    if (!is_one_word(node)) lexeme = part_of_its_own(lexeme, As::kTerminal);
    return tree_.ignored.empty() ? lexeme : fmt::format("({} g_skip)", lexeme);
  }

  std::string part_of_its_own(const std::string& body, As as) {
    const std::string name = fmt::format("{}_{}", as == As::kRule ? "gx" : "GX", ++parts_);
    lines_ += fmt::format("{}: {}\n", name, body);
    return name;
  }

  static bool is_one_word(const GrammarNode& node) {
    return node.kind != Kind::kSequence && node.kind != Kind::kChoice && node.kind != Kind::kRepeat;
  }

  std::string text(const GrammarNode& node, std::size_t depth, As as) {
    switch (node.kind) {
      case Kind::kText:
        return lark_string(node.text) + (node.any_case && !node.text.empty() ? "i" : "");
      case Kind::kChars:
        return char_class(node.chars);
      case Kind::kPattern:
        return fmt::format("/{}/", node.text);
      case Kind::kRepeat:
        return grouped(node.parts[0], depth + 1, as) + times(node);
      default:
        return joined(node, depth, as);
    }
  }

  std::string joined(const GrammarNode& node, std::size_t depth, As as) {
    std::string all;
    for (const GrammarNode& part : node.parts) {
      if (!all.empty()) all += node.kind == Kind::kChoice ? " | " : " ";
      all += grouped(part, depth + 1, as);
    }
    return all.empty() ? "\"\"" : all;
  }

  // In parentheses, if it needs any.
  std::string grouped(const GrammarNode& node, std::size_t depth, As as) {
    const bool whole = is_one_word(node) || (as == As::kRule && node.lexeme);
    if (!whole && depth > kParenthesesMax) return part_of_its_own(written(node, 0, as), as);
    const std::string body = written(node, depth, as);
    return whole ? body : fmt::format("({})", body);
  }

  std::string written(const GrammarNode& node, std::size_t depth, As as) {
    return as == As::kRule ? rule_text(node, depth) : terminal_text(node, depth);
  }

  static std::string times(const GrammarNode& repeat) {
    if (repeat.most != GrammarNode::kEndless)
      return repeat.least == 0 && repeat.most == 1
                 ? "?"
                 : fmt::format("~{}..{}", repeat.least, repeat.most);
    if (repeat.least > 1) return fmt::format("{{{},}}", repeat.least);
    return repeat.least == 0 ? "*" : "+";
  }

  const GrammarTree& tree_;
  std::vector<bool> rules_, terminals_;  // that are written or wait for it
  std::vector<std::pair<std::size_t, As>> open_;
  std::string lines_;
  std::size_t parts_ = 0;
};

}  // namespace

Result<std::string> write_client_grammar(std::string_view text) {
  if (text.size() > GrammarLimits::kBytesMax)
    return Error{fmt::format("the grammar has {} bytes; at most {} are supported", text.size(),
                             GrammarLimits::kBytesMax)};
  if (!is_utf8(text) || text.find('\0') != std::string_view::npos)
    return Error{"the grammar holds bytes that are no text"};
  const bool gbnf = is_gbnf(text);
  GrammarTree tree = G4_TRY(gbnf ? read_gbnf(text) : read_lark(text));
  if (Status status = check_grammar(tree); !status) return std::move(status).error();
  if (gbnf) {
    write_loops(tree);
    if (Status status = find_lexemes(tree); !status) return std::move(status).error();
  }
  return Writer(tree).write();
}

}  // namespace g4::grammar
