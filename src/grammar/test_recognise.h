// Whether a text is one of a grammar's, worked out slowly from the tree alone: for tests of what
// llguidance makes of the same grammar. Without patterns and ignored things.
#pragma once

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "grammar/grammar_tree.h"

namespace g4::grammar::test {

class Recogniser {
 public:
  Recogniser(const GrammarTree& tree, std::string_view text) : tree_(tree), text_(text) {}

  bool matches() {
    do {  // left recursion needs what the round before has found
      changed_ = false;
      begun_.clear();
      rule(tree_.root, 0);
    } while (changed_);
    return rule(tree_.root, 0).contains(text_.size());
  }

 private:
  using Ends = std::set<std::size_t>;
  using Kind = GrammarNode::Kind;

  Ends rule(std::size_t which, std::size_t at) {
    const std::pair place{which, at};
    if (!begun_.insert(place).second) return known_[place];
    Ends ends = node(tree_.rules[which].body, at);
    Ends& known = known_[place];
    const std::size_t before = known.size();
    known.merge(ends);
    changed_ = changed_ || known.size() != before;
    return known;
  }

  Ends node(const GrammarNode& node, std::size_t at) {
    switch (node.kind) {
      case Kind::kText:
        return text_.substr(at).starts_with(node.text) ? Ends{at + node.text.size()} : Ends{};
      case Kind::kChars:
        return character(node, at);
      case Kind::kName:
        return rule(node.rule, at);
      case Kind::kChoice: {
        Ends all;
        for (const GrammarNode& part : node.parts) all.merge(this->node(part, at));
        return all;
      }
      case Kind::kRepeat:
        return repeat(node, at);
      default: {
        Ends ends{at};
        for (const GrammarNode& part : node.parts) ends = after(part, ends);
        return ends;
      }
    }
  }

  Ends character(const GrammarNode& node, std::size_t at) {
    if (at == text_.size()) return {};
    const Utf8Step step = next_utf8(text_.substr(at));
    if (step.kind != Utf8Step::Kind::kCharacter) return {};
    for (const CharRange range : node.chars)
      if (step.code_point >= range.first && step.code_point <= range.last)
        return {at + step.length};
    return {};
  }

  Ends after(const GrammarNode& part, const Ends& starts) {
    Ends ends;
    for (const std::size_t at : starts) ends.merge(node(part, at));
    return ends;
  }

  Ends repeat(const GrammarNode& node, std::size_t at) {
    Ends all, last{at};
    for (std::uint32_t times = 0; !last.empty(); ++times) {
      if (times >= node.least) {
        const std::size_t before = all.size();
        all.insert(last.begin(), last.end());
        if (all.size() == before) break;
      }
      if (times == node.most) break;
      last = after(node.parts[0], last);
    }
    return all;
  }

  const GrammarTree& tree_;
  std::string_view text_;
  std::map<std::pair<std::size_t, std::size_t>, Ends> known_;
  std::set<std::pair<std::size_t, std::size_t>> begun_;
  bool changed_ = false;
};

}  // namespace g4::grammar::test
