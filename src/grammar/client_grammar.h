// A client's grammar, in llama.cpp's notation (gbnf.h) or Lark's (lark_reader.h), written anew.
//
// As with schemas, the client's text is never handed on: it is read into a tree by rules of our
// own, checked (grammar_check.h), and the tree is written as Lark that can name no token. Every
// Error is a sentence for the client, mostly with a line number.
//
// Meaning: in GBNF an answer is any text that the rules can make, however they cut it. In Lark a
// terminal - a literal in a rule too - takes the longest match, as with llguidance itself.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace g4::grammar {

// Rules of Lark, the first of which is `answer`.
Result<std::string> write_client_grammar(std::string_view text);

}  // namespace g4::grammar
