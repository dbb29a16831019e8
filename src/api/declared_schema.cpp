#include "api/declared_schema.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace g4::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kDepthMax = 32;
// What references may add, in values and bytes of texts: they can make gigabytes of a short schema.
constexpr std::size_t kAddedMax = 256 * 1024;

// Of the members of an array's items the template writes all, elsewhere only those it knows.
enum class Place : std::uint8_t { kProperty, kItems };

bool erase_from(json::array& list, const json::value& value) {
  const auto end = std::remove(list.begin(), list.end(), value);
  const bool found = end != list.end();
  list.erase(end, list.end());
  return found;
}

bool says_what_it_is(const json::object& schema) {
  for (const char* key : {"type", "properties", "items", "enum"})
    if (schema.contains(key)) return true;
  return false;
}

// What `more` says beside `schema`, whose own words win.
void add(json::object more, json::object& schema) {
  for (auto& [key, value] : more) {
    json::value* own = schema.if_contains(key);
    if (!own) {
      schema[key] = std::move(value);
    } else if (key == "properties" && own->is_object() && value.is_object()) {
      for (auto& [name, property] : value.get_object())
        own->get_object().emplace(name, std::move(property));
    } else if (key == "required" && own->is_array() && value.is_array()) {
      for (json::value& name : value.get_array())
        if (std::ranges::find(own->get_array(), name) == own->get_array().end())
          own->get_array().push_back(std::move(name));
    }
  }
}

std::string_view type_of(const json::value& value) {
  if (value.is_string()) return "string";
  if (value.is_bool()) return "boolean";
  if (value.is_int64() || value.is_uint64()) return "integer";
  if (value.is_double()) return "number";
  return value.is_array() ? "array" : "object";
}

// {"type": ["string", "null"]}
void choose_type(json::object& schema) {
  json::value* type = schema.if_contains("type");
  if (!type || !type->is_array()) return;
  json::array types = std::move(type->get_array());
  if (erase_from(types, "null")) schema["nullable"] = true;
  schema["type"] = types.empty() ? json::value("null") : std::move(types.front());
}

// {"const": "a"}, {"enum": ["a", null]}
void choose_values(json::object& schema) {
  if (const json::value* only = schema.if_contains("const")) {
    json::array values{*only};
    schema.erase("const");
    schema["enum"] = std::move(values);
  }
  json::value* found = schema.if_contains("enum");
  if (!found || !found->is_array()) return;
  json::array values = std::move(found->get_array());
  if (erase_from(values, nullptr)) schema["nullable"] = true;
  if (!schema.contains("type") && !values.empty()) {
    const std::string_view type = type_of(values.front());
    if (std::ranges::all_of(values, [&](const json::value& v) { return type_of(v) == type; }))
      schema["type"] = type;
  }
  schema["enum"] = std::move(values);
}

class Declaration {
 public:
  explicit Declaration(const json::object& root) : root_(root) {}
  json::object of(json::value schema, Place place);

 private:
  const json::object* find(std::string_view reference) const;
  bool may_add(const json::value& value);
  void follow_reference(json::object& schema);
  void join_all(json::object& schema, Place place);
  void choose_alternative(json::object& schema, Place place);
  void declare_parts(json::object& schema);

  const json::object& root_;
  std::vector<std::string> following_;  // references, from the outermost
  std::size_t depth_ = 0, added_ = 0;
};

json::object Declaration::of(json::value given, Place place) {
  if (!given.is_object() || depth_ == kDepthMax) return {};
  ++depth_;
  const std::size_t outer = following_.size();
  json::object schema = std::move(given.get_object());
  follow_reference(schema);
  join_all(schema, place);
  choose_alternative(schema, place);
  choose_type(schema);
  choose_values(schema);
  declare_parts(schema);
  following_.resize(outer);
  --depth_;
  return schema;
}

// "#/$defs/City"; the names that generators make need no escapes.
const json::object* Declaration::find(std::string_view reference) const {
  if (!reference.starts_with("#")) return nullptr;
  const json::object* at = &root_;
  reference.remove_prefix(1);
  while (!reference.empty()) {
    if (reference.front() != '/') return nullptr;
    reference.remove_prefix(1);
    const std::size_t end = std::min(reference.find('/'), reference.size());
    const json::value* inner = at->if_contains(reference.substr(0, end));
    if (!inner || !inner->is_object()) return nullptr;
    at = &inner->get_object();
    reference.remove_prefix(end);
  }
  return at;
}

bool Declaration::may_add(const json::value& value) {
  added_ += 1;
  if (const json::string* text = value.if_string()) added_ += text->size();
  if (const json::array* list = value.if_array())
    return std::ranges::all_of(*list, [&](const json::value& item) { return may_add(item); });
  if (const json::object* object = value.if_object())
    return std::ranges::all_of(*object, [&](const json::key_value_pair& member) {
      added_ += member.key().size();
      return may_add(member.value());
    });
  return added_ <= kAddedMax;
}

void Declaration::follow_reference(json::object& schema) {
  while (const json::value* reference = schema.if_contains("$ref")) {
    const std::string name(reference->is_string() ? std::string_view(reference->get_string())
                                                  : std::string_view());
    schema.erase("$ref");
    const json::object* target = find(name);
    if (!target) return;
    if (std::ranges::find(following_, name) == following_.end()) {
      if (added_ > kAddedMax || !may_add(*target)) return;
      following_.push_back(name);
      add(*target, schema);
      continue;
    }
    for (const char* key : {"type", "description"})  // it is a part of itself
      if (const json::value* value = target->if_contains(key)) schema.emplace(key, *value);
  }
}

void Declaration::join_all(json::object& schema, Place place) {
  json::value* found = schema.if_contains("allOf");
  if (!found || !found->is_array()) return;
  json::array parts = std::move(found->get_array());
  schema.erase("allOf");
  for (json::value& part : parts) add(of(std::move(part), place), schema);
}

void Declaration::choose_alternative(json::object& schema, Place place) {
  for (const char* key : {"anyOf", "oneOf"}) {
    json::value* found = schema.if_contains(key);
    if (!found || !found->is_array()) continue;
    json::array given = std::move(found->get_array());
    schema.erase(key);
    std::vector<json::object> declared;
    for (json::value& alternative : given) {
      json::object one = of(std::move(alternative), place);
      const json::value* type = one.if_contains("type");
      if (type && *type == "null")
        schema["nullable"] = true;
      else
        declared.push_back(std::move(one));
    }
    if (place == Place::kItems && declared.size() > 1) {
      schema[key] = json::array(declared.begin(), declared.end());
      continue;
    }
    if (declared.empty() || says_what_it_is(schema)) continue;
    const bool all_list = std::ranges::all_of(declared, [](const json::object& one) {
      const json::value* values = one.if_contains("enum");
      return values && values->is_array();
    });
    json::array values;
    for (json::object& one : declared)
      if (all_list)
        values.insert(values.end(), one["enum"].get_array().begin(), one["enum"].get_array().end());
    add(std::move(declared.front()), schema);
    if (all_list) schema["enum"] = std::move(values);
  }
}

void Declaration::declare_parts(json::object& schema) {
  if (!schema.contains("type")) {
    if (schema.contains("properties"))
      schema["type"] = "object";
    else if (schema.contains("items"))
      schema["type"] = "array";
  }
  if (json::value* items = schema.if_contains("items")) {
    json::array* list = items->if_array();  // one for each place: all are as the first
    const bool many = list && !list->empty();
    json::value first = many ? std::move(list->front()) : std::move(*items);
    *items = of(std::move(first), Place::kItems);
  }
  json::value* properties = schema.if_contains("properties");
  if (properties && properties->is_object()) {
    for (auto& member : properties->get_object())
      member.value() = of(std::move(member.value()), Place::kProperty);
  } else if (const json::value* type = schema.if_contains("type");
             !properties && type && *type == "object") {
    schema["properties"] = json::object();
  }
}

}  // namespace

json::value declared_schema(const json::value& schema) {
  const json::object* object = schema.if_object();
  if (!object || object->empty()) return schema;
  json::object declared = Declaration(*object).of(schema, Place::kProperty);
  declared["type"] = "object";
  return declared;
}

}  // namespace g4::api
