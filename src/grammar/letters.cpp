#include "grammar/letters.h"

#include <algorithm>
#include <unordered_set>

namespace g4::grammar {
namespace {

using Kind = GrammarNode::Kind;

constexpr std::size_t kOther = 128;

Letters letter(char c) {
  Letters letters;
  letters.set(std::min<std::size_t>(static_cast<unsigned char>(c), kOther));
  return letters;
}

bool is_continuation(char c) { return (c & 0xC0) == 0x80; }  // of a character's UTF-8

}  // namespace

Letters letters_of(const GrammarNode& node, Edge edge) {
  Letters letters;
  if (node.kind == Kind::kText && !node.text.empty())
    return letter(edge == Edge::kFirst ? node.text.front() : node.text.back());
  for (const CharRange range : node.chars) {
    for (char32_t c = range.first; c <= range.last && c < kOther; ++c) letters.set(c);
    if (range.last >= kOther) letters.set(kOther);
  }
  return letters;
}

std::uint32_t LetterAutomata::add_state(Letters on, std::vector<std::uint32_t> next) {
  work_ += 20;
  states_.push_back({on, std::move(next)});
  return static_cast<std::uint32_t>(states_.size() - 1);
}

std::uint32_t LetterAutomata::build(const GrammarNode& node, std::uint32_t next) {
  if (is_exhausted()) return next;
  switch (node.kind) {
    case Kind::kText:
      for (std::size_t i = node.text.size(); i-- > 0;)
        if (!is_continuation(node.text[i])) next = add_state(letter(node.text[i]), {next});
      return next;
    case Kind::kName:
      return build(tree_.rules[node.rule].body, next);
    case Kind::kSequence:
      for (std::size_t i = node.parts.size(); i-- > 0;) next = build(node.parts[i], next);
      return next;
    case Kind::kChoice: {
      std::vector<std::uint32_t> starts;
      for (const GrammarNode& part : node.parts) starts.push_back(build(part, next));
      return add_state({}, std::move(starts));
    }
    case Kind::kRepeat: {
      if (node.most == 1) return add_state({}, {next, build(node.parts[0], next)});
      const std::uint32_t again = add_state({}, {next});
      const std::uint32_t start = build(node.parts[0], again);
      states_[again].next.push_back(start);
      return node.least > 0 ? start : again;
    }
    default:
      return add_state(letters_of(node, Edge::kFirst), {next});
  }
}

const LetterAutomata::Closure& LetterAutomata::closure(std::uint32_t state) {
  const auto [entry, is_new] = closures_.try_emplace(state);
  Closure& closure = entry->second;
  if (!is_new) return closure;
  std::unordered_set<std::uint32_t> seen{state};
  std::vector<std::uint32_t> open{state};
  while (!open.empty()) {
    const std::uint32_t at = open.back();
    open.pop_back();
    work_ += 10;
    if (at == kAccept) closure.accepts = true;
    if (states_[at].on.any()) {
      closure.states.push_back(at);
      closure.first |= states_[at].on;
    } else {
      for (const std::uint32_t next : states_[at].next)
        if (seen.insert(next).second) open.push_back(next);
    }
  }
  return closure;
}

bool LetterAutomata::goes_on(Start one, Start other, const Letters& letters) {
  if (++work_; (first(one) & first(other)).none()) return false;
  std::unordered_set<std::uint64_t> seen;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> open;
  const auto meet = [&](const Closure& left, const Closure& right) {
    for (const std::uint32_t l : left.states)
      for (const std::uint32_t r : right.states) {
        if (++work_; is_exhausted()) return;
        if ((states_[l].on & states_[r].on).none()) continue;
        work_ += 10;
        if (seen.insert(std::uint64_t{l} << 32 | r).second) open.emplace_back(l, r);
      }
  };
  meet(closure(one), closure(other));
  while (!open.empty() && !is_exhausted()) {
    const auto [l, r] = open.back();
    open.pop_back();
    work_ += 10;
    const Closure& left = closure(states_[l].next[0]);
    const Closure& right = closure(states_[r].next[0]);
    if (left.accepts && (right.first & letters).any()) return true;
    meet(left, right);
  }
  return false;
}

}  // namespace g4::grammar
