// What holds exactly where a JSON schema does not, said without `not`.
//
//   {"type":"string","minLength":3}  ->  {"type":["null","boolean","number","array","object"]} or
//                                        {"type":"string","maxLength":2}
#pragma once

#include <boost/json.hpp>

#include "grammar/schema_references.h"

namespace g4::grammar {

struct Negation {
  // Schemas of which one holds; none if the schema holds for every value. Each of them holds only
  // where the negated schema does not.
  boost::json::array alternatives;
  bool is_complete = true;  // false: some values are in no alternative, for want of words

  // As one schema.
  boost::json::value schema() const;
};

// Takes from `work_left`, which one schema has for all of its parts; what is left then is not
// said.
Negation negate(const boost::json::value& schema, const SchemaReferences& references,
                std::size_t& work_left);

}  // namespace g4::grammar
