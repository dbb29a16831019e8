// A client's grammar as it was read, whichever notation it was written in.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace g4::grammar {

struct GrammarLimits {
  static constexpr std::size_t kBytesMax = 64 * 1024;
  // Rules and terminals. A chain of 5,000 overflows llguidance's stack.
  static constexpr std::size_t kRulesMax = 500;
  static constexpr std::size_t kNestingMax = 64;   // of groups in one rule
  static constexpr std::size_t kDepthMax = 4'000;  // of groups and rules within each other
  // Of the shortest text that a rule can make. llguidance goes through it at once where nothing
  // else can come: half a minute for a million characters.
  static constexpr std::size_t kShortestTextMax = 20'000;
};

struct CharRange {
  char32_t first, last;
};

struct GrammarNode {
  enum class Kind : std::uint8_t { kText, kChars, kPattern, kName, kSequence, kChoice, kRepeat };
  static constexpr std::uint32_t kEndless = std::numeric_limits<std::uint32_t>::max();

  Kind kind = Kind::kSequence;
  std::string text{};              // kText; kPattern: for Lark's slashes (pattern.h)
  bool any_case = false;           // kText
  std::vector<CharRange> chars{};  // kChars: any one of these; in order and apart
  std::size_t rule = 0;            // kName: which
  std::vector<GrammarNode>
      parts{};  // of kSequence (none: nothing at all) and kChoice; kRepeat: one
  std::uint32_t least = 0, most = 0;  // times of kRepeat

  // Within a rule: matched as one terminal, of which the longest match counts.
  bool lexeme = false;
};

struct GrammarRule {
  std::string name;
  std::size_t line = 0;
  GrammarNode body{};
  bool terminal = false;  // can be written as a terminal: refers to terminals only, not to itself
};

struct GrammarTree {
  std::vector<GrammarRule> rules;
  std::size_t root = 0;
  std::vector<GrammarNode> ignored;  // may stand after each lexeme, and at the beginning
};

}  // namespace g4::grammar
