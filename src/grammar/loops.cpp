#include "grammar/loops.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace g4::grammar {
namespace {

using Kind = GrammarNode::Kind;
using Nodes = std::vector<GrammarNode>;

enum class End : std::uint8_t { kLast, kFirst };

GrammarNode one_of(Nodes nodes) {
  if (nodes.size() != 1) return {.kind = Kind::kChoice, .parts = std::move(nodes)};
  GrammarNode only = std::move(nodes.front());
  return only;
}

bool is_name(const GrammarNode& node, std::size_t rule) {
  return node.kind == Kind::kName && node.rule == rule;
}

bool recurs(const GrammarNode& alternative, std::size_t rule, End end) {
  return alternative.kind == Kind::kSequence && alternative.parts.size() > 1 &&
         is_name(end == End::kLast ? alternative.parts.back() : alternative.parts.front(), rule);
}

// Whether `rule` was such a recursion.
bool write_loop(GrammarNode& body, std::size_t rule, End end) {
  Nodes alternatives;
  if (body.kind == Kind::kChoice)
    alternatives = body.parts;
  else
    alternatives.push_back(body);
  std::erase_if(alternatives, [&](const GrammarNode& node) { return is_name(node, rule); });
  Nodes again, once;
  std::partition_copy(
      alternatives.begin(), alternatives.end(), std::back_inserter(again), std::back_inserter(once),
      [&](const GrammarNode& alternative) { return recurs(alternative, rule, end); });
  if (again.empty() || once.empty()) return false;
  for (GrammarNode& step : again)
    step.parts.erase(end == End::kLast ? step.parts.end() - 1 : step.parts.begin());
  GrammarNode loop{.kind = Kind::kRepeat, .least = 0, .most = GrammarNode::kEndless};
  loop.parts.push_back(one_of(std::move(again)));
  body = {.kind = Kind::kSequence};
  body.parts.push_back(one_of(std::move(once)));
  body.parts.insert(end == End::kLast ? body.parts.begin() : body.parts.end(), std::move(loop));
  return true;
}

}  // namespace

void write_loops(GrammarTree& tree) {
  for (std::size_t rule = 0; rule < tree.rules.size(); ++rule)
    if (!write_loop(tree.rules[rule].body, rule, End::kLast))
      write_loop(tree.rules[rule].body, rule, End::kFirst);
}

}  // namespace g4::grammar
