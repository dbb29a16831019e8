// How many conditions on one text a schema combines.
//
// llguidance intersects the patterns and formats that hold together, by allOf or beside a $ref. Its
// work doubles with each of them, and it cannot be stopped meanwhile.
#pragma once

#include <boost/json.hpp>

#include "grammar/schema_references.h"

namespace g4::grammar {

// The most patterns and formats that hold for any one text of an answer. Takes from `work_left`,
// which one schema has for all of its parts; what is left then, lies 200 deep or in a circle of
// references, is not counted.
std::size_t conditions_on_one_text(const boost::json::object& schema,
                                   const SchemaReferences& references, std::size_t& work_left);

}  // namespace g4::grammar
