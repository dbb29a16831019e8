#include "grammar/schema_keywords.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace g4::grammar {
namespace {

namespace json = boost::json;

struct Row {
  Keyword action;
  const char* type;  // that it speaks of; nullptr: of all
};

const std::unordered_map<std::string_view, Row>& rows() {
  static const std::unordered_map<std::string_view, Row> kRows{
      {"type", {Keyword::kType, nullptr}},
      {"const", {Keyword::kConst, nullptr}},
      {"enum", {Keyword::kEnum, nullptr}},
      {"allOf", {Keyword::kList, nullptr}},
      {"anyOf", {Keyword::kList, nullptr}},
      {"oneOf", {Keyword::kOneOf, nullptr}},
      {"$ref", {Keyword::kReference, nullptr}},
      {"minLength", {Keyword::kCount, "string"}},
      {"maxLength", {Keyword::kCount, "string"}},
      {"pattern", {Keyword::kPattern, "string"}},
      {"format", {Keyword::kFormat, "string"}},
      {"minimum", {Keyword::kBound, "number"}},
      {"maximum", {Keyword::kBound, "number"}},
      {"exclusiveMinimum", {Keyword::kBound, "number"}},
      {"exclusiveMaximum", {Keyword::kBound, "number"}},
      {"multipleOf", {Keyword::kMultiple, "number"}},
      {"items", {Keyword::kItems, "array"}},
      {"prefixItems", {Keyword::kList, "array"}},
      {"additionalItems", {Keyword::kSchema, "array"}},
      {"minItems", {Keyword::kCount, "array"}},
      {"maxItems", {Keyword::kCount, "array"}},
      {"uniqueItems", {Keyword::kOnlyIfFalse, "array"}},
      {"contains", {Keyword::kUnsupported, "array"}},
      {"unevaluatedItems", {Keyword::kUnevaluated, "array"}},
      {"properties", {Keyword::kMap, "object"}},
      {"patternProperties", {Keyword::kMap, "object"}},
      {"additionalProperties", {Keyword::kSchema, "object"}},
      {"required", {Keyword::kNames, "object"}},
      {"minProperties", {Keyword::kCount, "object"}},
      {"maxProperties", {Keyword::kCount, "object"}},
      {"propertyNames", {Keyword::kUnsupported, "object"}},
      {"dependencies", {Keyword::kUnsupported, "object"}},
      {"dependentRequired", {Keyword::kUnsupported, "object"}},
      {"dependentSchemas", {Keyword::kUnsupported, "object"}},
      {"unevaluatedProperties", {Keyword::kUnevaluated, "object"}},
      {"not", {Keyword::kUnsupported, nullptr}},
      {"if", {Keyword::kUnsupported, nullptr}},
      {"$dynamicRef", {Keyword::kUnsupported, nullptr}},
      {"$recursiveRef", {Keyword::kUnsupported, nullptr}},
  };
  return kRows;
}

bool is_applicator(std::string_view key) {
  return key == "allOf" || key == "anyOf" || key == "oneOf" || key == "$ref";
}

bool includes(std::string_view type, std::string_view wanted) {
  return type == wanted || (wanted == "number" && type == "integer");
}

}  // namespace

Keyword keyword(std::string_view key) {
  const auto found = rows().find(key);
  return found == rows().end() ? Keyword::kSilent : found->second.action;
}

const char* why_unsupported(std::string_view key) {
  if (key == "not" || key == "if")
    return "this keyword is supported over types, constants, bounds, lengths, counts, required and "
           "properties, and what anyOf, allOf and $ref make of these, not over more";
  if (key == "uniqueItems")
    return "this keyword is supported for items of at most 5 values (enum, const, boolean), or "
           "beside maxItems of at most 1";
  if (key == "propertyNames")
    return "this keyword is supported with enum, or where no properties are named with pattern, "
           "format or lengths";
  return "this keyword is not supported";
}

bool is_type(std::string_view name) {
  static constexpr auto kTypes = std::to_array<std::string_view>(
      {"null", "boolean", "integer", "number", "string", "array", "object"});
  return std::find(kTypes.begin(), kTypes.end(), name) != kTypes.end();
}

bool concerns(std::string_view key, const json::object& schema) {
  const auto found = rows().find(key);
  const json::value* type = schema.if_contains("type");
  if (found == rows().end() || found->second.type == nullptr || type == nullptr) return true;
  const std::string_view wanted = found->second.type;
  if (const json::string* name = type->if_string()) return includes(*name, wanted);
  const json::array* names = type->if_array();
  return !names || std::any_of(names->begin(), names->end(), [&](const json::value& name) {
    return !name.is_string() || includes(name.get_string(), wanted);
  });
}

const char* implied_type(const json::object& schema) {
  const char* type = nullptr;
  for (const auto& member : schema) {
    const auto found = rows().find(member.key());
    if (found == rows().end()) continue;
    const char* spoken_of = found->second.type;
    if (!spoken_of || (type && std::string_view(type) != spoken_of)) return nullptr;
    type = spoken_of;
  }
  return type;
}

bool combines(const json::object& schema) {
  const bool applies = std::any_of(schema.begin(), schema.end(),
                                   [](const auto& member) { return is_applicator(member.key()); });
  const json::value* all = schema.if_contains("allOf");
  return (applies && schema.size() > 1) || (all && all->is_array() && all->get_array().size() > 1);
}

// Those of the specification; llguidance's formats.rs says which of them can be enforced.
Format format_named(std::string_view name) {
  static constexpr auto kEnforced =
      std::to_array<std::string_view>({"date-time", "time", "date", "duration", "email", "hostname",
                                       "ipv4", "ipv6", "uuid", "uri"});
  static constexpr auto kOurs = std::to_array<std::string_view>(
      {"idn-email", "idn-hostname", "uri-reference", "iri", "iri-reference", "uri-template",
       "json-pointer", "relative-json-pointer", "regex"});
  if (std::find(kEnforced.begin(), kEnforced.end(), name) != kEnforced.end())
    return Format::kEnforced;
  return std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end() ? Format::kByPattern
                                                                    : Format::kSilent;
}

}  // namespace g4::grammar
