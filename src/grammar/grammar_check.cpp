#include "grammar/grammar_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "grammar/pattern.h"

namespace g4::grammar {
namespace {

using Kind = GrammarNode::Kind;

constexpr std::uint64_t kHuge = 1'000'000'000;

// The product of all counts in a pattern: at least what its nested repeats cost.
std::uint64_t pattern_weight(std::string_view pattern) {
  std::uint64_t weight = 1, number = 0;
  bool in_count = false;
  for (const char c : pattern) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && in_count) number = std::min(kHuge, number * 10 + static_cast<unsigned>(c - '0'));
    if (digit) continue;
    if (in_count && c == '}') weight = std::min(kHuge, weight * std::max<std::uint64_t>(number, 1));
    in_count = c == '{' || (in_count && c == ',');
    if (c == '{' || (c == ',' && number == 0)) number = 0;
  }
  return weight;
}

// Walks the rules as they refer to each other, from the root on, each once.
class Walk {
 public:
  explicit Walk(const GrammarTree& tree) : tree_(tree), seen_(tree.rules.size()) {}

  Status walk() {
    const Measure root = rule(tree_.root, 0);
    if (!fault_ && root.height > GrammarLimits::kDepthMax) too_deep(tree_.rules[tree_.root]);
    for (const GrammarNode& ignored : tree_.ignored) node(ignored, tree_.rules[tree_.root], 0);
    if (fault_) return *fault_;
    return {};
  }

 private:
  struct Measure {
    std::uint64_t weight = 1;  // product of counted repeats within
    std::size_t height = 0;
  };
  struct Seen {
    bool begun = false, done = false;
    Measure measure;
  };

  Measure rule(std::size_t which, std::size_t depth) {
    Seen& seen = seen_[which];
    const GrammarRule& rule = tree_.rules[which];
    if (seen.begun && !seen.done && rule.terminal)
      fail(rule, fmt::format("the terminal {} refers to itself", rule.name));
    if (seen.begun) return seen.measure;
    seen.begun = true;
    seen.measure = node(rule.body, rule, depth + 1);
    ++seen.measure.height;
    seen.done = true;
    return seen.measure;
  }

  Measure node(const GrammarNode& node, const GrammarRule& within, std::size_t depth) {
    if (depth > GrammarLimits::kDepthMax) too_deep(within);
    if (fault_) return {};
    if (node.kind == Kind::kName) return rule(node.rule, depth + 1);
    if (node.kind == Kind::kPattern) return {pattern_weight(node.text), 0};
    Measure most;
    for (const GrammarNode& part : node.parts) {
      const Measure one = this->node(part, within, depth + 1);
      most.weight = std::max(most.weight, one.weight);
      most.height = std::max(most.height, one.height);
    }
    ++most.height;
    if (node.kind == Kind::kRepeat) most.weight = repeated(node, most.weight, within);
    return most;
  }

  std::uint64_t repeated(const GrammarNode& node, std::uint64_t weight, const GrammarRule& within) {
    const std::uint64_t times =
        node.most == GrammarNode::kEndless ? std::max<std::uint64_t>(node.least, 1) : node.most;
    const GrammarNode& part = node.parts[0];
    const bool single = part.kind == Kind::kChars || part.text.size() == 1;
    const std::uint64_t all = std::min(kHuge, weight * times);
    const std::uint64_t limit = single ? kRepeatMax : kNestedRepeatMax;
    if (all > limit && times > 1)
      fail(within, fmt::format("{} repeats something {} times, counting repeats inside repeats; at "
                               "most {} are supported",
                               within.name, all, limit));
    return all;
  }

  void too_deep(const GrammarRule& within) {
    fail(within, fmt::format("{} lies too deep: rules and groups are nested more than {} times",
                             within.name, GrammarLimits::kDepthMax));
  }

  void fail(const GrammarRule& rule, std::string what) {
    if (!fault_) fault_ = Error{fmt::format("line {}: {}", rule.line, what)};
  }

  const GrammarTree& tree_;
  std::vector<Seen> seen_;
  std::optional<Error> fault_;
};

void reach(const GrammarNode& node, std::vector<bool>& reached, std::vector<std::size_t>& open) {
  if (node.kind == Kind::kName && !reached[node.rule]) {
    reached[node.rule] = true;
    open.push_back(node.rule);
  }
  for (const GrammarNode& part : node.parts) reach(part, reached, open);
}

// Characters or bytes of the shortest text, kNone if there is none.
constexpr std::uint64_t kNone = 2 * kHuge;
std::uint64_t plus(std::uint64_t a, std::uint64_t b) {
  return a == kNone || b == kNone ? kNone : std::min(kHuge, a + b);
}

std::uint64_t shortest(const GrammarNode& node, const std::vector<std::uint64_t>& of_rules) {
  std::uint64_t all = 0;
  switch (node.kind) {
    case Kind::kText:
      return node.text.size();
    case Kind::kName:
      return of_rules[node.rule];
    case Kind::kSequence:
      for (const GrammarNode& part : node.parts) all = plus(all, shortest(part, of_rules));
      return all;
    case Kind::kChoice:
      all = kNone;
      for (const GrammarNode& part : node.parts) all = std::min(all, shortest(part, of_rules));
      return all;
    case Kind::kRepeat:
      if (node.least == 0) return 0;
      all = shortest(node.parts[0], of_rules);
      return all == kNone ? kNone : std::min(kHuge, all * node.least);
    default:
      return 1;
  }
}

bool has_long_part(const GrammarNode& node, const std::vector<std::uint64_t>& of_rules) {
  return shortest(node, of_rules) > GrammarLimits::kShortestTextMax ||
         std::ranges::any_of(
             node.parts, [&](const GrammarNode& part) { return has_long_part(part, of_rules); });
}

Status check_ends(const GrammarTree& tree) {
  std::vector<std::uint64_t> of_rules(tree.rules.size(), kNone);
  for (bool more = true; more;) {
    more = false;
    for (std::size_t rule = 0; rule < tree.rules.size(); ++rule) {
      const std::uint64_t now = shortest(tree.rules[rule].body, of_rules);
      more = more || now < of_rules[rule];
      of_rules[rule] = now;
    }
  }
  const std::vector<bool> reached = reached_rules(tree);
  const auto fault = [&](std::size_t rule, const std::string& what) {
    return Error{fmt::format("line {}: {} {}", tree.rules[rule].line, tree.rules[rule].name, what)};
  };
  for (std::size_t rule = 0; rule < tree.rules.size(); ++rule)
    if (reached[rule] && of_rules[rule] == kNone)
      return fault(rule, "never comes to an end, whatever is chosen");
  for (std::size_t rule = 0; rule < tree.rules.size(); ++rule)
    if (reached[rule] && has_long_part(tree.rules[rule].body, of_rules))
      return fault(rule, fmt::format("asks for a text of more than {} characters",
                                     GrammarLimits::kShortestTextMax));
  return {};
}

}  // namespace

std::vector<bool> reached_rules(const GrammarTree& tree) {
  std::vector<bool> reached(tree.rules.size());
  std::vector<std::size_t> open{tree.root};
  reached[tree.root] = true;
  for (const GrammarNode& ignored : tree.ignored) reach(ignored, reached, open);
  while (!open.empty()) {
    const std::size_t rule = open.back();
    open.pop_back();
    reach(tree.rules[rule].body, reached, open);
  }
  return reached;
}

Status check_grammar(const GrammarTree& tree) {
  if (Status status = Walk(tree).walk(); !status) return status;
  return check_ends(tree);
}

}  // namespace g4::grammar
