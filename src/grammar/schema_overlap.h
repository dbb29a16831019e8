// Whether two JSON schemas can both hold for one value. What cannot be shown apart counts as
// overlapping.
#pragma once

#include <boost/json.hpp>

#include "grammar/schema_references.h"

namespace g4::grammar {

// For `oneOf`: if no two of its alternatives overlap, it is an `anyOf`. Takes from `work_left`,
// which one schema has for all of its comparisons; once that is used up, everything overlaps.
bool all_apart(const boost::json::array& alternatives, const SchemaReferences& references,
               std::size_t& work_left);

// The same of two schemas.
bool apart(const boost::json::value& left, const boost::json::value& right,
           const SchemaReferences& references, std::size_t& work_left);

}  // namespace g4::grammar
