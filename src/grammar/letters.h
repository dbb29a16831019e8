// Which texts of one part of a grammar go on where those of another end, by automata over letters.
#pragma once

#include <bitset>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "grammar/grammar_tree.h"

namespace g4::grammar {

// ASCII, all other characters as if they were one - coarse on the careful side -, and what stands
// before the beginning of an answer.
using Letters = std::bitset<130>;
inline constexpr std::size_t kBeginning = 129;

enum class Edge : std::uint8_t { kFirst, kLast };
Letters letters_of(const GrammarNode& node, Edge edge);  // that of kText, all of kChars

// Counted repeats are taken as endless, on the careful side too.
class LetterAutomata {
 public:
  // After so many steps of `work_max` (some nanoseconds each) answers are wrong.
  LetterAutomata(const GrammarTree& tree, std::size_t work_max)
      : tree_(tree), work_max_(work_max), states_(1) {}

  using Start = std::uint32_t;
  Start add(const GrammarNode& node) { return build(node, kAccept); }
  Letters first(Start start) { return closure(start).first; }

  // Whether a text of `one` can be the beginning of a text of `other` that goes on with one of
  // `letters`.
  bool goes_on(Start one, Start other, const Letters& letters);

  bool is_exhausted() const { return work_ > work_max_; }

 private:
  static constexpr std::uint32_t kAccept = 0;
  struct State {
    Letters on;  // none: it leads on at once
    std::vector<std::uint32_t> next;
  };
  struct Closure {
    std::vector<std::uint32_t> states;  // that wait for a letter
    Letters first;                      // which
    bool accepts = false;
  };

  std::uint32_t build(const GrammarNode& node, std::uint32_t next);
  std::uint32_t add_state(Letters on, std::vector<std::uint32_t> next);
  const Closure& closure(std::uint32_t state);

  const GrammarTree& tree_;
  const std::size_t work_max_;
  std::vector<State> states_;
  std::unordered_map<std::uint32_t, Closure> closures_;
  std::size_t work_ = 0;
};

}  // namespace g4::grammar
