#include "grammar/schema_negation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/excluded_texts.h"
#include "grammar/schema_keywords.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;

constexpr int kDepthMax = 16;
constexpr std::size_t kNumbersMax = 20;  // of an enum: one interval more

constexpr auto kTypes =
    std::to_array<std::string_view>({"null", "boolean", "number", "string", "array", "object"});

std::string_view type_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
    default:
      return "number";
  }
}

json::array one(json::value value) { return json::array({std::move(value)}); }

// {"type": [all but these]}, added to `out` if there are any.
void add_other_types(const std::set<std::string_view>& types, json::array& out) {
  json::array others;
  for (const std::string_view type : kTypes)
    if (!types.contains(type)) others.emplace_back(type);
  if (others.size() == 1) out.push_back(json::object{{"type", others.front()}});
  if (others.size() > 1) out.push_back(json::object{{"type", std::move(others)}});
}

class Negator {
 public:
  Negator(const SchemaReferences& references, std::size_t& work_left)
      : references_(references), work_left_(work_left) {}

  Negation negation(const json::value& schema, int depth) {
    if (depth > kDepthMax || !spend(1)) return {{}, false};
    if (schema.is_bool() && schema.get_bool()) return {};
    if (schema.is_bool()) return {one(true), true};
    const json::object* object = schema.if_object();
    if (!object) return {{}, false};
    // A schema holds if all of its keywords do: it does not where one of them does not.
    Negation out;
    for (const auto& [key, value] : *object) {
      if (keyword(key) == Keyword::kSilent || !concerns(key, *object)) continue;
      Negation of_keyword = member(key, value, depth);
      out.is_complete = out.is_complete && of_keyword.is_complete;
      for (json::value& each : of_keyword.alternatives) out.alternatives.push_back(std::move(each));
    }
    return out;
  }

 private:
  // False once the work is used up.
  bool spend(std::size_t work) {
    const bool enough = work <= work_left_;
    work_left_ -= std::min(work, work_left_);
    return enough;
  }
  // For a copy of all that is in it.
  bool spend_on(const json::value& value) {
    if (!spend(1)) return false;
    if (const json::array* array = value.if_array())
      return std::all_of(array->begin(), array->end(),
                         [&](const json::value& each) { return spend_on(each); });
    const json::object* object = value.if_object();
    return !object || std::all_of(object->begin(), object->end(),
                                  [&](const auto& member) { return spend_on(member.value()); });
  }

  Negation member(std::string_view key, const json::value& value, int depth) {
    switch (keyword(key)) {
      case Keyword::kType:
        return type(value);
      case Keyword::kConst:
        return values(one(value));
      case Keyword::kEnum:
        return value.is_array() ? values(value.get_array()) : Negation{{}, false};
      case Keyword::kCount:
        return count(key, value);
      case Keyword::kBound:
        return bound(key, value);
      case Keyword::kNames:
        return required(value);
      case Keyword::kReference:
        return reference(value, depth);
      default:
        break;
    }
    if (key == "properties" && value.is_object()) return properties(value.get_object(), depth);
    if (key == "not") return spend_on(value) ? Negation{one(value), true} : Negation{{}, false};
    if (key == "allOf" && value.is_array()) return all_of(value.get_array(), depth);
    if (key == "anyOf" && value.is_array()) return any_of(value.get_array(), depth);
    const bool says_nothing = value.is_bool() && value.get_bool() &&
                              (keyword(key) == Keyword::kSchema || keyword(key) == Keyword::kItems);
    return {{}, says_nothing};
  }

  static Negation type(const json::value& value) {
    std::set<std::string_view> types;
    const auto add = [&](const json::value& name) {
      if (name.is_string()) types.insert(std::string_view(name.get_string()));
    };
    add(value);
    if (const json::array* names = value.if_array())
      for (const json::value& name : *names) add(name);
    Negation out;
    // Numbers that are not whole have no name.
    out.is_complete = !types.contains("integer") || types.contains("number");
    if (types.erase("integer") > 0) types.insert("number");
    add_other_types(types, out.alternatives);
    return out;
  }

  Negation values(const json::array& all) {
    Negation out;
    std::set<std::string_view> types;
    std::set<bool> booleans;
    std::vector<std::string> texts;
    std::set<double> numbers;
    for (const json::value& value : all) {
      spend(1);
      types.insert(type_of(value));
      if (value.is_bool()) booleans.insert(value.get_bool());
      if (value.is_string()) texts.emplace_back(value.get_string());
      if (value.is_number()) numbers.insert(value.to_number<double>());
      out.is_complete = out.is_complete && !value.is_array() && !value.is_object();
    }
    add_other_types(types, out.alternatives);
    if (booleans.size() == 1)
      out.alternatives.push_back(json::object{{"const", !*booleans.begin()}});
    if (!texts.empty()) add_other_texts(texts, out);
    if (!numbers.empty()) add_other_numbers(numbers, out);
    return out;
  }

  static void add_other_texts(const std::vector<std::string>& texts, Negation& out) {
    if (const auto pattern = all_texts_but(texts))
      out.alternatives.push_back(json::object{{"type", "string"}, {"pattern", *pattern}});
    else
      out.is_complete = false;
  }

  // Those between, below and above.
  static void add_other_numbers(const std::set<double>& numbers, Negation& out) {
    if (numbers.size() > kNumbersMax || !std::isfinite(*numbers.rbegin())) {
      out.is_complete = false;
      return;
    }
    const auto exact = [](double number) {  // whole ones as such: 3, not 3.0
      return number == std::floor(number) && std::abs(number) < 9e15
                 ? json::value(static_cast<std::int64_t>(number))
                 : json::value(number);
    };
    json::object below{{"type", "number"}};
    for (const double number : numbers) {
      below["exclusiveMaximum"] = exact(number);
      out.alternatives.push_back(below);
      below = {{"type", "number"}, {"exclusiveMinimum", exact(number)}};
    }
    out.alternatives.push_back(below);
  }

  // minLength 3 -> maxLength 2; the type is that of which the keyword speaks.
  static Negation count(std::string_view key, const json::value& value) {
    const double number = value.is_number() ? value.to_number<double>() : -1;
    if (!(number >= 0) || number > 1e15 || number != std::floor(number)) return {{}, false};
    const bool is_minimum = key.starts_with("min");
    if (is_minimum && number == 0) return {};
    const std::string opposite = (is_minimum ? "max" : "min") + std::string(key.substr(3));
    const std::string_view type = key.ends_with("Length")  ? "string"
                                  : key.ends_with("Items") ? "array"
                                                           : "object";
    const auto limit = static_cast<std::int64_t>(number) + (is_minimum ? -1 : 1);
    return {one(json::object{{"type", type}, {opposite, limit}}), true};
  }

  static Negation bound(std::string_view key, const json::value& value) {
    if (!value.is_number()) return {{}, false};  // draft 4 says more with two keywords
    const std::string_view opposite = key == "minimum"            ? "exclusiveMaximum"
                                      : key == "maximum"          ? "exclusiveMinimum"
                                      : key == "exclusiveMinimum" ? "maximum"
                                                                  : "minimum";
    return {one(json::object{{"type", "number"}, {opposite, value}}), true};
  }

  static Negation required(const json::value& names) {
    const json::array* list = names.if_array();
    if (!list) return {{}, false};
    Negation out;
    for (const json::value& name : *list) {
      if (!name.is_string()) return {{}, false};
      out.alternatives.push_back(
          json::object{{"type", "object"},
                       {"properties", json::object{{std::string_view(name.get_string()), false}}}});
    }
    return out;
  }

  Negation properties(const json::object& members, int depth) {
    Negation out;
    for (const auto& [name, schema] : members) {
      const Negation of_member = negation(schema, depth + 1);
      out.is_complete = out.is_complete && of_member.is_complete;
      if (!of_member.alternatives.empty())
        out.alternatives.push_back(
            json::object{{"type", "object"},
                         {"properties", json::object{{name, of_member.schema()}}},
                         {"required", json::array({json::string(name)})}});
    }
    return out;
  }

  Negation reference(const json::value& value, int depth) {
    if (!value.is_string()) return {{}, false};
    spend(SchemaReferences::kWork);
    const auto target = references_.find_last(value.get_string());
    return target ? negation(**target, depth + 1) : Negation{{}, false};
  }

  Negation all_of(const json::array& schemas, int depth) {
    Negation out;
    for (const json::value& each : schemas) {
      Negation of_one = negation(each, depth + 1);
      out.is_complete = out.is_complete && of_one.is_complete;
      for (json::value& alternative : of_one.alternatives)
        out.alternatives.push_back(std::move(alternative));
    }
    return out;
  }

  Negation any_of(const json::array& schemas, int depth) {
    json::array all;
    bool is_complete = true;
    for (const json::value& each : schemas) {
      const Negation of_one = negation(each, depth + 1);
      is_complete = is_complete && of_one.is_complete;
      if (of_one.alternatives.empty()) return {{}, is_complete};
      all.push_back(of_one.schema());
    }
    if (all.size() == 1) return {std::move(all), is_complete};
    return {one(json::object{{"allOf", std::move(all)}}), is_complete};
  }

  const SchemaReferences& references_;
  std::size_t& work_left_;
};

}  // namespace

json::value Negation::schema() const {
  if (alternatives.empty()) return false;
  return alternatives.size() == 1 ? alternatives.front()
                                  : json::value(json::object{{"anyOf", alternatives}});
}

Negation negate(const json::value& schema, const SchemaReferences& references,
                std::size_t& work_left) {
  return Negator(references, work_left).negation(schema, 0);
}

}  // namespace g4::grammar
