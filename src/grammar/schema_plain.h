// JSON Schema's keywords that the compiler does not know, said with those that it does.
//
//   not, if/then/else              what holds where a schema does not (schema_negation.h)
//   dependentRequired, ...         the property is not there, or the others are
//   propertyNames                  names as properties, or as one pattern
//   oneOf of schemas that overlap  one of them, and none of the others
//   unevaluatedProperties: false   additionalProperties: false over what allOf combines
//   uniqueItems: true              of a few values: all lists of them
//
// What is written means the same, or less: every value that it takes the schema takes too.
#pragma once

#include <boost/json.hpp>
#include <optional>

#include "grammar/schema_references.h"

namespace g4::grammar {

// `schema` without those of these keywords that could be said otherwise; nothing if there are none.
// Takes from `work_left`, which one schema has for all of its parts.
std::optional<boost::json::object> said_plainly(const boost::json::object& schema,
                                                const SchemaReferences& references,
                                                std::size_t& work_left);

// Adds `condition` to what `schema` combines by allOf.
void require(boost::json::value condition, boost::json::object& schema);

}  // namespace g4::grammar
