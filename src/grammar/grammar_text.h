// A constraint as the Lark text that llguidance compiles.
//
// Pure; the same constraint gives the same text, so that the text is what a cache goes by. Clients'
// schemas, patterns and grammars are checked on the way (schema.h, pattern.h, client_grammar.h); an
// Error is a sentence for them. Lark itself never comes from a client, whose own is written anew:
// it can name control tokens and has no limits that hold.
#pragma once

#include <string>

#include "base/result.h"
#include "grammar/constraint.h"

namespace g4::grammar {

// Distinct from std::string, so that no other text is ever compiled.
class GrammarText {
 public:
  const std::string& lark() const { return lark_; }

 private:
  friend Result<GrammarText> write_grammar(const Constraint& constraint,
                                           const MarkerTokens& tokens);
  friend struct UncheckedText;  // of tests of the probe: what our own rules keep out
  explicit GrammarText(std::string lark) : lark_(std::move(lark)) {}
  std::string lark_;
};

Result<GrammarText> write_grammar(const Constraint& constraint, const MarkerTokens& tokens);

// Whether calls can be held to this schema of a tool's arguments: fails where write_grammar()
// would.
Status check_parameters(const boost::json::value& parameters);

}  // namespace g4::grammar
