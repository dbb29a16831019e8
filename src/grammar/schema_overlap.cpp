#include "grammar/schema_overlap.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

namespace g4::grammar {
namespace {

namespace json = boost::json;

// Kinds of values. Whole numbers and others are told apart because "integer" is not "number".
enum Kinds : std::uint8_t {
  kNull = 1,
  kBoolean = 2,
  kWhole = 4,
  kFraction = 8,
  kString = 16,
  kArray = 32,
  kObject = 64,
  kAny = 127,
};

std::uint8_t kind_named(std::string_view type) {
  static const std::map<std::string_view, std::uint8_t> kNames{
      {"null", kNull},     {"boolean", kBoolean},
      {"integer", kWhole}, {"number", kWhole | kFraction},
      {"string", kString}, {"array", kArray},
      {"object", kObject}};
  const auto found = kNames.find(type);
  return found == kNames.end() ? static_cast<std::uint8_t>(kAny) : found->second;
}

std::uint8_t kind_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return kNull;
    case json::kind::bool_:
      return kBoolean;
    case json::kind::int64:
    case json::kind::uint64:
      return kWhole;
    case json::kind::double_:
      return kWhole | kFraction;
    case json::kind::string:
      return kString;
    case json::kind::array:
      return kArray;
    case json::kind::object:
      return kObject;
  }
  return kAny;
}

// 1 and 1.0 are one value of JSON.
bool same(const json::value& a, const json::value& b) {
  if (a.is_number() && b.is_number()) return a.to_number<double>() == b.to_number<double>();
  return a == b;
}

// What is known of the values that a schema takes.
struct Facts {
  std::uint8_t kinds = kAny;
  std::optional<std::vector<const json::value*>> values;  // of enum or const
  std::vector<const json::object*> objects;               // what must all hold of objects
};

class Comparison {
  static constexpr int kDepth = 8;

 public:
  Comparison(const SchemaReferences& references, std::size_t& work_left)
      : references_(references), work_left_(work_left) {}

  bool apart(const json::value& left, const json::value& right, int depth = kDepth) {
    if (depth == 0 || !spend(1)) return false;
    Facts a, b;
    learn(left, a, kDepth);
    learn(right, b, kDepth);
    const auto both = static_cast<std::uint8_t>(a.kinds & b.kinds);
    if (both == 0) return true;
    if (a.values && b.values) return no_common_value(*a.values, *b.values);
    return both == kObject && (objects_apart(a, b, depth) || objects_apart(b, a, depth));
  }

 private:
  bool spend(std::size_t work) {
    work_left_ -= std::min(work, work_left_);
    return work_left_ > 0;
  }

  void learn(const json::value& schema, Facts& facts, int depth) {
    if (schema.is_bool() && !schema.get_bool()) facts.kinds = 0;
    const json::object* object = schema.if_object();
    if (!object || depth == 0 || !spend(1)) return;
    facts.objects.push_back(object);
    if (const json::value* type = object->if_contains("type")) facts.kinds &= kinds_of_type(*type);
    if (const json::value* value = object->if_contains("const")) narrow(facts, {value});
    if (const json::value* list = object->if_contains("enum"); list && list->is_array()) {
      if (!spend(list->get_array().size())) return;
      std::vector<const json::value*> values;
      for (const json::value& value : list->get_array()) values.push_back(&value);
      narrow(facts, std::move(values));
    }
    if (const json::value* reference = object->if_contains("$ref");
        reference && reference->is_string() && spend(SchemaReferences::kWork)) {
      const auto target = references_.find_last(reference->get_string());
      if (target) learn(**target, facts, depth - 1);
    }
    if (const json::value* all = object->if_contains("allOf"); all && all->is_array())
      for (const json::value& each : all->get_array()) learn(each, facts, depth - 1);
    for (const char* either : {"anyOf", "oneOf"})
      if (const json::value* some = object->if_contains(either); some && some->is_array())
        facts.kinds &= kinds_of_any(some->get_array(), depth - 1);
  }

  static std::uint8_t kinds_of_type(const json::value& type) {
    if (const json::string* name = type.if_string()) return kind_named(*name);
    const json::array* names = type.if_array();
    if (!names) return kAny;
    std::uint8_t kinds = 0;
    for (const json::value& name : *names)
      kinds |= name.is_string() ? kind_named(name.get_string()) : static_cast<std::uint8_t>(kAny);
    return kinds;
  }

  std::uint8_t kinds_of_any(const json::array& alternatives, int depth) {
    std::uint8_t kinds = 0;
    for (const json::value& each : alternatives) {
      Facts facts;
      learn(each, facts, depth);
      kinds |= facts.kinds;
    }
    return kinds;
  }

  static void narrow(Facts& facts, std::vector<const json::value*> values) {
    std::uint8_t kinds = 0;
    for (const json::value* value : values) kinds |= kind_of(*value);
    facts.kinds &= kinds;
    if (!facts.values || values.size() < facts.values->size()) facts.values = std::move(values);
  }

  bool no_common_value(const std::vector<const json::value*>& left,
                       const std::vector<const json::value*>& right) {
    for (const json::value* a : left)
      for (const json::value* b : right) {
        if (!spend(1) || same(*a, *b)) return false;
      }
    return true;
  }

  // A member that `a` requires and `b` forbids, or wants to be something else.
  bool objects_apart(const Facts& a, const Facts& b, int depth) {
    for (const json::object* left : a.objects) {
      const json::value* required = left->if_contains("required");
      if (!required || !required->is_array()) continue;
      for (const json::value& name : required->get_array())
        if (spend(b.objects.size()) && name.is_string() &&
            member_apart(name.get_string(), a, b, depth))
          return true;
    }
    return false;
  }

  bool member_apart(const json::string& name, const Facts& a, const Facts& b, int depth) {
    for (const json::object* right : b.objects) {
      if (forbids(*right, name)) return true;
      const json::value* theirs = member(*right, name);
      if (!theirs) continue;
      for (const json::object* left : a.objects)
        if (const json::value* ours = member(*left, name); ours && apart(*ours, *theirs, depth - 1))
          return true;
    }
    return false;
  }

  static const json::value* member(const json::object& schema, const json::string& name) {
    const json::value* properties = schema.if_contains("properties");
    return properties && properties->is_object() ? properties->get_object().if_contains(name)
                                                 : nullptr;
  }

  static bool forbids(const json::object& schema, const json::string& name) {
    const json::value* more = schema.if_contains("additionalProperties");
    return more && more->is_bool() && !more->get_bool() && !member(schema, name) &&
           !schema.contains("patternProperties");
  }

  const SchemaReferences& references_;
  std::size_t& work_left_;
};

}  // namespace

bool apart(const json::value& left, const json::value& right, const SchemaReferences& references,
           std::size_t& work_left) {
  return Comparison(references, work_left).apart(left, right);
}

bool all_apart(const json::array& alternatives, const SchemaReferences& references,
               std::size_t& work_left) {
  Comparison comparison(references, work_left);
  for (std::size_t i = 0; i < alternatives.size(); ++i)
    for (std::size_t j = i + 1; j < alternatives.size(); ++j)
      if (!comparison.apart(alternatives[i], alternatives[j])) return false;
  return true;
}

}  // namespace g4::grammar
