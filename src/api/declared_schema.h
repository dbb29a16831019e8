// A tool's JSON schema as Gemma's template can write it.
//
// The template writes type, description, properties and required, enum of texts, items and
// nullable. A reference, an alternative or a list of types it writes as nothing or as Python would
// print it, and of an object without properties it takes the other keywords for some. So these are
// said in its own words first: what is referred to stands in place of the reference, of
// alternatives the first that is not null stays. The schema that answers are held to is the
// client's own.
#pragma once

#include <boost/json.hpp>

namespace g4::api {

// `schema`: of a tool's arguments, which are an object.
boost::json::value declared_schema(const boost::json::value& schema);

}  // namespace g4::api
