// Recursion that is no more than repetition, written as repetition: `a ::= x a | y` as `x* y`, and
// `a ::= a x | y` as `y x*`. What is not recursive can become a terminal (lexemes.h).
#pragma once

#include "grammar/grammar_tree.h"

namespace g4::grammar {

void write_loops(GrammarTree& tree);

}  // namespace g4::grammar
