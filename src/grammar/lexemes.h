// Which parts of a grammar without terminals of its own (GBNF) are matched as terminals.
//
// llguidance's lexer runs over the tokens of a vocabulary in no time, its parser of rules does not:
// a rule per character makes masks take seconds. So what is not recursive becomes a terminal - but
// a terminal is matched as far as it goes, which would lose answers: after `ws ::= [ \n]*` there
// could never be a "\n". Such terminals are cut into smaller ones, in the end into characters,
// until none can go on where another thing may begin. What is allowed stays what the grammar says.
#pragma once

#include "base/result.h"
#include "grammar/grammar_tree.h"

namespace g4::grammar {

// Sets GrammarRule::terminal and GrammarNode::lexeme. Fails for grammars too large to look through.
// `tree` has passed check_grammar() and holds no patterns, ignored things or texts of any case.
Status find_lexemes(GrammarTree& tree);

}  // namespace g4::grammar
