// The keywords of JSON Schema, drafts 4 to 2020-12, by what has to be done with them.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string_view>

namespace g4::grammar {

enum class Keyword : std::uint8_t {
  kSilent,       // says nothing of values, or is unknown
  kType,         // a type, or a list of types
  kConst,        // a value
  kEnum,         // a list of values
  kCount,        // a whole number from 0 on
  kBound,        // a number
  kMultiple,     // multipleOf
  kPattern,      // a regular expression
  kFormat,       // a name
  kNames,        // a list of texts
  kSchema,       // a schema
  kItems,        // a schema, or a list of schemas
  kList,         // a list of schemas
  kOneOf,        // a list of schemas of which one holds
  kMap,          // schemas by name
  kReference,    // $ref
  kUnevaluated,  // as additional..., if nothing else evaluates members
  kOnlyIfFalse,  // only `false` is supported, which says nothing
  kUnsupported,
};

Keyword keyword(std::string_view key);
// The sentence about a keyword that could not be said with those that are supported.
const char* why_unsupported(std::string_view key);
bool is_type(std::string_view name);
// Whether `key` says anything of values that the schema's own `type` allows.
bool concerns(std::string_view key, const boost::json::object& schema);
// The type of which a schema without `type` speaks, if it speaks of one only; else nullptr.
const char* implied_type(const boost::json::object& schema);
// Whether a schema holds by its applicators (anyOf, $ref, ...) and by something else together.
bool combines(const boost::json::object& schema);

// By llguidance, or by a pattern of ours (formats.h).
enum class Format : std::uint8_t { kEnforced, kByPattern, kSilent };
Format format_named(std::string_view name);

}  // namespace g4::grammar
