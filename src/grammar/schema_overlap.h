// Whether two JSON schemas can both hold for one value. What cannot be shown apart counts as
// overlapping.
#pragma once

#include <boost/json.hpp>

#include "grammar/schema_references.h"

namespace g4::grammar {

// For `oneOf`: if no two of its alternatives overlap, it is an `anyOf`.
bool all_apart(const boost::json::array& alternatives, const SchemaReferences& references);

}  // namespace g4::grammar
