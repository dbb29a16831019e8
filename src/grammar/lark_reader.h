// A part of Lark's notation, as llguidance's users write it:
//
//   start: "yes" | item ("," item)*      // rules are lower-case, TERMINALS upper-case
//   item: WORD | /[0-9]{2}/ | "a".."f"
//   WORD: LETTER+
//   %import common.LETTER
//   %ignore " "
//
// What only shapes a parse tree (aliases, ? and ! before names) says nothing here. Refused by name:
// priorities, templates, attributes, special tokens, %json and all other directives.
#pragma once

#include <string_view>

#include "base/result.h"
#include "grammar/grammar_tree.h"

namespace g4::grammar {

Result<GrammarTree> read_lark(std::string_view text);

}  // namespace g4::grammar
