// The notation of llama.cpp, GBNF, which xgrammar's EBNF is too as far as it goes here:
//
//   root ::= "yes" | [a-z]+ digit{2,3}   # rules, literals, classes, repeats, groups, any char: .
//
// A rule ends where the next `name ::=` begins. Tokens, <think> or <[12]>, are refused.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/grammar_tree.h"

namespace g4::grammar {

bool is_gbnf(std::string_view text);  // or else it may be Lark
Result<GrammarTree> read_gbnf(std::string_view text);

}  // namespace g4::grammar
