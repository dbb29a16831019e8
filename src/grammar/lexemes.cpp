#include "grammar/lexemes.h"

#include <algorithm>
#include <bitset>
#include <iterator>
#include <map>
#include <set>

#include "base/utf8.h"
#include "grammar/letters.h"

namespace g4::grammar {
namespace {

using Kind = GrammarNode::Kind;

constexpr std::size_t kHuge = 1'000'000'000;
constexpr std::size_t kTerminalSizeMax = 20'000;  // characters and groups, all names written out
constexpr std::size_t kWorkMax = 30'000'000;      // a fraction of a second

class Finder {
 public:
  explicit Finder(GrammarTree& tree)
      : tree_(tree), rules_(tree.rules.size()), automata_(tree, kWorkMax) {}

  Status find() {
    find_terminals();
    if (tree_.rules[tree_.root].terminal) return {};
    find_edges();
    use_as_rule(tree_.root);
    rules_[tree_.root].around.before.set(kBeginning);
    do {
      mark_new_rules();
      collect();
    } while (!is_exhausted() && cut_what_goes_on());
    if (is_exhausted())
      return Error{"the grammar is too large for its ambiguities to be worked out"};
    return {};
  }

 private:
  // The letters that may stand next to a thing.
  struct Around {
    Letters before, after;
    bool add(const Around& more) {  // whether that was news
      const Around old = *this;
      before |= more.before;
      after |= more.after;
      return before != old.before || after != old.after;
    }
  };
  struct Rule {
    std::size_t size = 0;  // of a terminal; kHuge if it cannot be one
    bool nullable = false;
    Letters first, last;
    Around around;
    bool used_as_rule = false;
  };
  // Terminals that are written alike by name, wherever they stand.
  struct Lexeme {
    std::set<GrammarNode*> places;
    Around around;
    bool goes_on = false;
  };

  bool is_exhausted() const { return work_ > kWorkMax || automata_.is_exhausted(); }

  void find_terminals() {
    using Set = std::bitset<GrammarLimits::kRulesMax>;
    std::vector<Set> reached(rules_.size());
    for (std::size_t i = 0; i < rules_.size(); ++i)
      for_each_name(tree_.rules[i].body, [&](std::size_t rule) { reached[i].set(rule); });
    for (std::size_t via = 0; via < rules_.size(); ++via)
      for (Set& from : reached)
        if (from[via]) from |= reached[via];
    for (std::size_t i = 0; i < rules_.size(); ++i)
      if (reached[i][i]) rules_[i].size = kHuge;
    for (std::size_t i = 0; i < rules_.size(); ++i)
      tree_.rules[i].terminal = rule_size(i) <= kTerminalSizeMax;
  }

  template <class Visit>
  static void for_each_name(const GrammarNode& node, const Visit& visit) {
    if (node.kind == Kind::kName) visit(node.rule);
    for (const GrammarNode& part : node.parts) for_each_name(part, visit);
  }

  std::size_t rule_size(std::size_t rule) {
    if (rules_[rule].size == 0) rules_[rule].size = size(tree_.rules[rule].body);
    return rules_[rule].size;
  }

  std::size_t size(const GrammarNode& node) {
    ++work_;
    if (node.kind == Kind::kName) return rule_size(node.rule);
    std::size_t sum = 1 + node.text.size();
    for (const GrammarNode& part : node.parts) sum = std::min(kHuge, sum + size(part));
    return sum;
  }

  bool nullable(const GrammarNode& node) const {
    const auto is = [&](const GrammarNode& part) { return nullable(part); };
    switch (node.kind) {
      case Kind::kText:
        return node.text.empty();
      case Kind::kName:
        return rules_[node.rule].nullable;
      case Kind::kSequence:
        return std::ranges::all_of(node.parts, is);
      case Kind::kChoice:
        return std::ranges::any_of(node.parts, is);
      case Kind::kRepeat:
        return node.least == 0 || is(node.parts[0]);
      default:
        return false;
    }
  }

  // With which a text of this may begin or end.
  Letters letters(const GrammarNode& node, Edge edge) {
    ++work_;
    if (node.kind == Kind::kName)
      return edge == Edge::kFirst ? rules_[node.rule].first : rules_[node.rule].last;
    Letters all = letters_of(node, edge);
    for (std::size_t i = 0; i < node.parts.size(); ++i) {
      const GrammarNode& part = node.parts[edge == Edge::kFirst ? i : node.parts.size() - 1 - i];
      all |= letters(part, edge);
      if (node.kind == Kind::kSequence && !nullable(part)) break;
    }
    return all;
  }
  Letters first(const GrammarNode& node) { return letters(node, Edge::kFirst); }
  Letters last(const GrammarNode& node) { return letters(node, Edge::kLast); }

  void find_edges() {
    for (bool more = true; more && !is_exhausted();) {
      more = false;
      for (std::size_t i = 0; i < rules_.size(); ++i) {
        const GrammarNode& body = tree_.rules[i].body;
        Rule now = rules_[i];
        now.first = first(body);
        now.last = last(body);
        now.nullable = nullable(body);
        more = more || now.first != rules_[i].first || now.last != rules_[i].last ||
               now.nullable != rules_[i].nullable;
        rules_[i] = now;
      }
    }
  }

  void use_as_rule(std::size_t rule) {
    if (rules_[rule].used_as_rule) return;
    rules_[rule].used_as_rule = true;
    new_rules_.push_back(rule);
  }

  void mark_new_rules() {
    while (!new_rules_.empty()) {
      const std::size_t rule = new_rules_.back();
      new_rules_.pop_back();
      mark(tree_.rules[rule].body);
    }
  }

  // The largest terminals that a rule can be made of.
  void mark(GrammarNode& node) {
    node.lexeme = size(node) <= kTerminalSizeMax;
    if (node.lexeme) return;
    if (node.kind == Kind::kName) use_as_rule(node.rule);
    if (node.kind == Kind::kSequence) join_terminals(node);
    if (node.kind == Kind::kChoice) gather_terminals(node);
    if (is_loop(node)) gather_in_loop(node);
    for (GrammarNode& part : node.parts) mark(part);
  }

  // Joins neighbours as far as they make a terminal together.
  void join_terminals(GrammarNode& node) {
    std::vector<GrammarNode> joined;
    std::size_t last_size = kHuge;
    for (GrammarNode& part : node.parts) {
      const std::size_t part_size = size(part);
      if (last_size + part_size > kTerminalSizeMax) {
        joined.push_back({.kind = node.kind});
        last_size = 1;
      }
      joined.back().parts.push_back(std::move(part));
      last_size += part_size;
    }
    for (GrammarNode& part : joined) {
      if (part.parts.size() != 1) continue;
      GrammarNode only = std::move(part.parts.front());
      part = std::move(only);
    }
    node.parts = std::move(joined);
  }

  // object | "a" | "b" becomes ("a" | "b") | object. Whether there was any terminal.
  bool gather_terminals(GrammarNode& choice) {
    std::vector<GrammarNode> gathered, others;
    for (GrammarNode& part : choice.parts)
      (size(part) <= kTerminalSizeMax ? gathered : others).push_back(std::move(part));
    const bool any = !gathered.empty();
    std::move(others.begin(), others.end(), std::back_inserter(gathered));
    choice.parts = std::move(gathered);
    join_terminals(choice);
    return any;
  }

  static bool is_loop(const GrammarNode& node) {
    return node.kind == Kind::kRepeat && node.most == GrammarNode::kEndless && node.least <= 1;
  }

  // (text | note)* becomes (text+ | note)*, in which a text never needs to follow a text.
  void gather_in_loop(GrammarNode& loop) {
    GrammarNode& choice = loop.parts[0];
    if (choice.kind == Kind::kName) write_out(choice);
    if (choice.kind != Kind::kChoice || !gather_terminals(choice)) return;
    GrammarNode many{.kind = Kind::kRepeat, .least = 1, .most = GrammarNode::kEndless};
    many.parts.push_back(std::move(choice.parts.front()));
    choice.parts.front() = std::move(many);
  }

  void write_out(GrammarNode& name) {
    constexpr std::size_t kNamesMax = 20;
    const GrammarNode& body = tree_.rules[name.rule].body;
    std::size_t parts = 0;
    for (const GrammarNode& part : body.parts) parts += count_nodes(part);
    if (body.kind != Kind::kChoice || parts > kNamesMax || has_loop_of_name(body)) return;
    GrammarNode copy = body;
    name = std::move(copy);
  }

  // Which would be written out in its turn, perhaps for ever.
  static bool has_loop_of_name(const GrammarNode& node) {
    return (is_loop(node) && node.parts[0].kind == Kind::kName) ||
           std::ranges::any_of(node.parts, has_loop_of_name);
  }

  static std::size_t count_nodes(const GrammarNode& node) {
    std::size_t count = 1;
    for (const GrammarNode& part : node.parts) count += count_nodes(part);
    return count;
  }

  // Where gather_terminals() has put them, as long as they are one.
  static const GrammarNode* gathered(const GrammarNode& loop) {
    if (!is_loop(loop) || loop.parts[0].kind != Kind::kChoice) return nullptr;
    const GrammarNode& many = loop.parts[0].parts[0];
    return many.lexeme && is_loop(many) && many.least == 1 ? &many : nullptr;
  }

  // All lexemes and what may stand around them.
  void collect() {
    lexemes_.clear();
    do {
      news_ = false;
      for (std::size_t i = 0; i < rules_.size(); ++i)
        if (rules_[i].used_as_rule) visit(tree_.rules[i].body, rules_[i].around);
    } while (news_ && !is_exhausted());
  }

  void visit(GrammarNode& node, Around around) {
    ++work_;
    if (node.lexeme) {
      const GrammarNode* key = node.kind == Kind::kName ? &tree_.rules[node.rule].body : &node;
      Lexeme& lexeme = lexemes_[key];
      lexeme.around.add(around);
      lexeme.places.insert(&node);
      return;
    }
    if (node.kind == Kind::kName) news_ = rules_[node.rule].around.add(around) || news_;
    if (node.kind == Kind::kSequence) return visit_sequence(node, around);
    if (gathered(node)) return visit_loop(node, around);
    if (node.kind == Kind::kRepeat && node.most > 1) around.add({last(node), first(node)});
    for (GrammarNode& part : node.parts) visit(part, around);
  }

  void visit_sequence(GrammarNode& sequence, const Around& around) {
    std::vector<Letters> after(sequence.parts.size());
    Letters next = around.after;
    for (std::size_t i = sequence.parts.size(); i-- > 0;) {
      after[i] = next;
      if (!nullable(sequence.parts[i])) next.reset();
      next |= first(sequence.parts[i]);
    }
    Letters before = around.before;
    for (std::size_t i = 0; i < sequence.parts.size(); ++i) {
      visit(sequence.parts[i], {before, after[i]});
      if (!nullable(sequence.parts[i])) before.reset();
      before |= last(sequence.parts[i]);
    }
  }

  void visit_loop(GrammarNode& loop, Around around) {
    GrammarNode& choice = loop.parts[0];
    around.add({last(loop), {}});
    for (std::size_t i = 1; i < choice.parts.size(); ++i) {
      visit(choice.parts[i], {around.before, around.after | first(loop)});
      around.add({{}, first(choice.parts[i])});
    }
    visit(choice.parts[0], around);
  }

  // Whether there was any.
  bool cut_what_goes_on() {
    bool any = false;
    for (auto& [key, lexeme] : lexemes_)
      for (const auto& [other_key, other] : lexemes_) {
        ++work_;
        if (lexeme.goes_on || is_exhausted()) break;
        lexeme.goes_on = !is_character(*key) && other.around.after.any() &&
                         (other.around.before & lexeme.around.before).any() &&
                         automata_.goes_on(start(other_key), start(key), other.around.after);
        any = any || lexeme.goes_on;
      }
    for (auto& [key, lexeme] : lexemes_)
      for (GrammarNode* place : lexeme.places)
        if (lexeme.goes_on) cut(*place);
    return any;
  }

  static bool is_character(const GrammarNode& node) {
    return node.kind == Kind::kChars ||
           (node.kind == Kind::kText &&
            (node.text.empty() || next_utf8(node.text).length == node.text.size()));
  }

  LetterAutomata::Start start(const GrammarNode* node) {
    const auto known = starts_.find(node);
    if (known != starts_.end()) return known->second;
    return starts_[node] = automata_.add(*node);
  }

  void cut(GrammarNode& node) {
    node.lexeme = false;
    if (node.kind == Kind::kName) return use_as_rule(node.rule);
    if (node.kind == Kind::kText) cut_text(node);
    for (GrammarNode& part : node.parts) part.lexeme = true;
  }

  static void cut_text(GrammarNode& node) {
    const std::string text = std::move(node.text);
    node = {.kind = Kind::kSequence};
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t length = next_utf8(std::string_view(text).substr(at)).length;
      node.parts.push_back({.kind = Kind::kText, .text = text.substr(at, length)});
      at += length;
    }
  }

  GrammarTree& tree_;
  std::vector<Rule> rules_;
  std::vector<std::size_t> new_rules_;
  std::map<const GrammarNode*, Lexeme> lexemes_;
  std::map<const GrammarNode*, LetterAutomata::Start> starts_;
  LetterAutomata automata_;
  bool news_ = false;  // of what stands around rules
  std::size_t work_ = 0;
};

}  // namespace

Status find_lexemes(GrammarTree& tree) { return Finder(tree).find(); }

}  // namespace g4::grammar
