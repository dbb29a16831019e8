// A client's JSON schema, read by rules of our own before llguidance sees any of it.
//
// The walk writes a new schema that holds only what it understood and found within limits; that one
// is compiled, never the client's. Sentences name the place: "#/properties/age/multipleOf: ...".
//
// Meaning, where JSON Schema leaves room or drafts differ:
//   - Unknown keywords and formats say nothing, as the specification wants it. Keywords that the
//     compiler does not know are said with those that it does (schema_plain.h); what cannot be said
//     so (contains, uniqueItems of free texts, ...) is refused.
//   - A schema without `type` that speaks of members only is one of an object, and so on.
//   - `oneOf` is taken if its alternatives can be shown, or made, not to overlap.
//   - References lead to places of the same document.
// The result's references are to "#" or "#/$defs/NAME" with a definition there.
#pragma once

#include <boost/json.hpp>

#include "base/result.h"

namespace g4::grammar {

struct SchemaLimits {
  // What llguidance needs a limit for, as measured; see README.md.
  static constexpr std::size_t kBytesMax = 256 * 1024;  // of the schema written out
  static constexpr std::size_t kDepthMax = 64;
  static constexpr std::size_t kNodesMax = 10'000;
  static constexpr std::size_t kPropertiesMax = 1'000;      // in all
  static constexpr std::size_t kMembersMax = 500;           // properties of one object
  static constexpr std::size_t kConditionsMax = 10;         // patterns and formats of one text
  static constexpr std::size_t kPartsToCountMax = 200'000;  // for that, in all
  static constexpr std::size_t kEnumValuesMax = 5'000;      // in all
  static constexpr std::size_t kDefinitionsMax = 500;       // that are referred to
  static constexpr std::size_t kComparisonsMax = 500'000;   // of what oneOf chooses among, in all
  static constexpr std::size_t kPlainWorkMax = 200'000;     // values looked at to say it plainly
  static constexpr std::uint64_t kMultipleMax = 10'000;     // digits of multipleOf, without a point
  static constexpr std::uint64_t kMultipleWorkMax = 50'000;  // of all of them, added up
  static constexpr std::uint64_t kCountMax = 1'000'000;      // of minLength, maxItems, ...
  // The last whole number before 2^63 that is a double too: llguidance reads bounds as doubles and
  // counts in 64 bits.
  static constexpr std::int64_t kIntegerMax = 9'223'372'036'854'774'784;
};

Result<boost::json::object> check_schema(const boost::json::value& schema);

}  // namespace g4::grammar
