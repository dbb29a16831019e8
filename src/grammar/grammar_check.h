// What must hold of a client's grammar before any of it is written for llguidance.
#pragma once

#include "base/result.h"
#include "grammar/grammar_tree.h"

namespace g4::grammar {

// Of what the root reaches: each rule comes to an end and asks for no text longer than
// GrammarLimits::kShortestTextMax, terminals do not refer to themselves, counted repeats within
// counted repeats stay below pattern.h's limits, and nothing lies deeper than
// GrammarLimits::kDepthMax. Recursion of any kind is fine in rules.
Status check_grammar(const GrammarTree& tree);

// For each rule, whether an answer can hold it.
std::vector<bool> reached_rules(const GrammarTree& tree);

}  // namespace g4::grammar
