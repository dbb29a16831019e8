// Arguments of a tool call in Gemma 4's own syntax, as Lark rules.
//
//   {city:<|"|>New York<|"|>,days:3,tags:[<|"|>a<|"|>]}
//
// Keys stand bare and in the order in which chat templates declare and write them: sorted, whatever
// their case. Strings stand between <|"|> tokens and hold anything but special tokens. There is no
// white space. Numbers, true, false and null are those of JSON.
//
// Looser than JSON Schema in one point: an object that names its properties has no others, unless
// it says `additionalProperties`; the model never hears of any.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "base/result.h"
#include "text/tokenizer.h"

namespace g4::grammar {

// Rules and terminals by which `rule` derives the arguments; all names begin with `prefix`, lower
// and upper case. `schema` went through check_schema(); null: any object. Fails for what this
// syntax cannot be held to: schemas combined by allOf, patternProperties, ...
struct CallGrammar {
  std::string rule;   // name of the rule of the whole argument object
  std::string rules;  // lines
};
Result<CallGrammar> write_arguments(const boost::json::object* schema, TokenId quote,
                                    const std::string& prefix);

// Rules that those lines refer to, once per grammar: any value, texts, numbers.
std::string common_call_rules(TokenId quote);

}  // namespace g4::grammar
