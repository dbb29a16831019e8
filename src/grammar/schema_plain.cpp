#include "grammar/schema_plain.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/formats.h"
#include "grammar/schema_keywords.h"
#include "grammar/schema_negation.h"
#include "grammar/schema_overlap.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;

constexpr std::size_t kUniqueValuesMax = 5;  // of which there are 326 lists
constexpr int kFlattenDepthMax = 8;

json::object absent(std::string_view name) {
  return {{"type", "object"}, {"properties", json::object{{name, false}}}};
}

std::string_view type_of(const json::object& schema) {
  if (const json::value* type = schema.if_contains("type"))
    return type->is_string() ? std::string_view(type->get_string()) : std::string_view();
  const char* implied = implied_type(schema);
  return implied ? std::string_view(implied) : std::string_view();
}

// A schema under work: `out` begins as a copy of the client's.
class Rewriting {
 public:
  Rewriting(const json::object& schema, const SchemaReferences& references, std::size_t& work_left)
      : out_(schema), references_(references), work_left_(work_left) {}

  json::object all() {
    if (const std::string_view type = type_of(out_); !type.empty() && !out_.contains("type"))
      out_["type"] = type;
    negated();
    conditional();
    dependencies("dependentRequired");
    dependencies("dependentSchemas");
    dependencies("dependencies");
    names();
    one_of();
    unevaluated();
    unique();
    return std::move(out_);
  }

 private:
  void require_either(json::array alternatives) {
    require(json::object{{"anyOf", std::move(alternatives)}}, out_);
  }

  void negated() {
    const json::value* schema = out_.if_contains("not");
    if (!schema) return;
    const Negation other = negate(*schema, references_, work_left_);
    if (!other.is_complete) return;
    out_.erase("not");
    require(other.schema(), out_);
  }

  void conditional() {
    const json::value* condition = out_.if_contains("if");
    if (!condition) return;
    const auto branch = [&](const char* key) {
      const json::value* schema = out_.if_contains(key);
      return schema ? *schema : json::value(true);
    };
    const json::value yes = branch("then"), no = branch("else");
    const Negation other = negate(*condition, references_, work_left_);
    if (!other.is_complete) return;
    json::array alternatives{json::object{{"allOf", json::array({*condition, yes})}}};
    if (!other.alternatives.empty())
      alternatives.push_back(json::object{{"allOf", json::array({other.schema(), no})}});
    for (const char* key : {"if", "then", "else"}) out_.erase(key);
    if (!yes.is_bool() || !no.is_bool() || !yes.get_bool() || !no.get_bool())
      require_either(std::move(alternatives));
  }

  // {"a": ["b"]} or {"a": schema}: what holds if the object has an a.
  void dependencies(const char* keyword) {
    const json::value* value = out_.if_contains(keyword);
    const json::object* members = value ? value->if_object() : nullptr;
    if (!members) return;
    std::vector<json::array> all;
    for (const auto& [name, wanted] : *members) {
      json::value schema = wanted;
      if (wanted.is_array()) schema = json::object{{"type", "object"}, {"required", wanted}};
      if (wanted.is_string())  // draft 3, and still met
        schema = json::object{{"type", "object"}, {"required", json::array({wanted})}};
      all.push_back({absent(name), std::move(schema)});
    }
    out_.erase(keyword);
    for (json::array& either : all) require_either(std::move(either));
  }

  void names() {
    const json::value* value = out_.if_contains("propertyNames");
    if (!value) return;
    const json::value* names = value;
    if (const json::object* object = names->if_object())
      if (const json::value* reference = object->if_contains("$ref");
          reference && reference->is_string())
        if (const auto target = references_.find_last(reference->get_string())) names = *target;
    const json::object* object = names->if_object();
    if (!object) return;
    std::vector<std::string_view> says;
    for (const auto& member : *object)
      if (keyword(member.key()) != Keyword::kSilent && member.key() != "type")
        says.push_back(member.key());
    if (type_of(*object) != "string" && object->contains("type")) return;
    if (says.empty()) {
      out_.erase("propertyNames");
    } else if (says.size() == 1 && (says[0] == "enum" || says[0] == "const")) {
      listed_names(*object);
    } else {
      described_names(*object, says);
    }
  }

  json::value additional() const {
    const json::value* schema = out_.if_contains("additionalProperties");
    return schema ? *schema : json::value(true);
  }

  void listed_names(const json::object& names) {
    if (out_.contains("patternProperties")) return;
    json::array list;
    if (const json::value* only = names.if_contains("const")) list.push_back(*only);
    if (const json::value* some = names.if_contains("enum"); some && some->is_array())
      list = some->get_array();
    json::object properties;
    if (const json::value* named = out_.if_contains("properties"); named && named->is_object())
      properties = named->get_object();
    std::set<std::string_view> allowed;
    for (const json::value& name : list) {
      if (!name.is_string()) continue;
      allowed.insert(std::string_view(name.get_string()));
      if (!properties.contains(name.get_string())) properties[name.get_string()] = additional();
    }
    for (auto& [name, schema] : properties)
      if (!allowed.contains(std::string_view(name))) schema = false;
    out_["properties"] = std::move(properties);
    out_["additionalProperties"] = false;
    out_.erase("propertyNames");
  }

  // By a pattern, a format or by length, where no property is named or has patterns of its own.
  void described_names(const json::object& names, const std::vector<std::string_view>& says) {
    for (const char* other : {"properties", "patternProperties", "required"})
      if (out_.contains(other)) return;
    const auto count = [&](const char* key) {
      const json::value* value = names.if_contains(key);
      return value && value->is_number() && value->to_number<double>() >= 0
                 ? std::to_string(
                       static_cast<std::uint64_t>(std::min(value->to_number<double>(), 1e6)))
                 : std::string();
    };
    std::string pattern;
    const json::value& first = names.at(says[0]);
    if (says.size() == 1 && says[0] == "pattern" && first.is_string()) {
      pattern = first.get_string();
    } else if (says.size() == 1 && says[0] == "format" && first.is_string()) {
      if (format_named(first.get_string()) == Format::kSilent) return;
      pattern = fmt::format("^(?:{})$", format_pattern(first.get_string()));
    } else if (std::all_of(says.begin(), says.end(), [](std::string_view key) {
                 return key == "minLength" || key == "maxLength";
               })) {
      const std::string least = count("minLength");
      pattern = fmt::format("^[\\s\\S]{{{},{}}}$", least.empty() ? "0" : least, count("maxLength"));
    } else {
      return;
    }
    out_["patternProperties"] = json::object{{pattern, additional()}};
    out_["additionalProperties"] = false;
    out_.erase("propertyNames");
  }

  // Each alternative, and of those that it may overlap none.
  void one_of() {
    const json::value* value = out_.if_contains("oneOf");
    const json::array* all = value ? value->if_array() : nullptr;
    if (!all || all->empty() || all_apart(*all, references_, work_left_)) return;
    json::array alternatives;
    for (std::size_t i = 0; i < all->size(); ++i) {
      json::array parts{(*all)[i]};
      for (std::size_t j = 0; j < all->size(); ++j) {
        if (i == j || apart((*all)[i], (*all)[j], references_, work_left_)) continue;
        const Negation other = negate((*all)[j], references_, work_left_);
        if (!says_enough(other) || work_left_ == 0) return;
        parts.push_back(other.schema());
      }
      alternatives.push_back(parts.size() == 1 ? parts.front()
                                               : json::value(json::object{{"allOf", parts}}));
    }
    out_.erase("oneOf");
    require_either(std::move(alternatives));
  }

  // Part of a negation will do, if it says more than that values of another type are not meant.
  static bool says_enough(const Negation& other) {
    return other.is_complete ||
           std::any_of(other.alternatives.begin(), other.alternatives.end(),
                       [](const json::value& each) {
                         return each.is_object() && each.get_object().size() > 1;
                       });
  }

  // What allOf combines becomes one object, if its parts only name properties.
  void unevaluated() {
    const json::value* value = out_.if_contains("unevaluatedProperties");
    const json::value* parts = out_.if_contains("allOf");
    if (!value || !value->is_bool() || value->get_bool() || out_.contains("additionalProperties"))
      return;
    if (!parts && !out_.contains("$ref")) return;
    json::object properties;
    if (!collect(out_, properties, 0)) return;
    // The parts say what the properties are; that there are no others stands here.
    json::object named;
    if (const json::value* own = out_.if_contains("properties"); own && own->is_object())
      named = own->get_object();
    for (const auto& member : properties)
      if (!named.contains(member.key())) named[member.key()] = true;
    out_["properties"] = std::move(named);
    out_["additionalProperties"] = false;
    out_.erase("unevaluatedProperties");
  }

  // The names that a schema evaluates; false if they cannot be told.
  bool collect(const json::object& schema, json::object& names, int depth) {
    if (depth > kFlattenDepthMax || work_left_ == 0) return false;
    --work_left_;
    for (const char* unclear : {"anyOf", "oneOf", "if", "not", "patternProperties",
                                "additionalProperties", "dependentSchemas", "dependencies"})
      if (schema.contains(unclear)) return false;
    if (const json::value* own = schema.if_contains("properties"); own && own->is_object())
      for (const auto& member : own->get_object()) names[member.key()] = true;
    if (const json::value* reference = schema.if_contains("$ref")) {
      if (!reference->is_string()) return false;
      const auto target = references_.find_last(reference->get_string());
      if (!target || !(*target)->is_object() || !collect((*target)->get_object(), names, depth + 1))
        return false;
    }
    const json::value* parts = schema.if_contains("allOf");
    if (!parts || !parts->is_array()) return true;
    const json::array& all = parts->get_array();
    return std::all_of(all.begin(), all.end(), [&](const json::value& part) {
      return part.is_object() && collect(part.get_object(), names, depth + 1);
    });
  }

  void unique() {
    const json::value* value = out_.if_contains("uniqueItems");
    if (!value || !value->is_bool() || !value->get_bool() || type_of(out_) != "array") return;
    const auto count = [&](const char* key, std::size_t otherwise) {
      const json::value* number = out_.if_contains(key);
      return number && number->is_number() && number->to_number<double>() >= 0
                 ? static_cast<std::size_t>(std::min(number->to_number<double>(), 1e6))
                 : otherwise;
    };
    const std::size_t most = count("maxItems", 1'000'000), least = count("minItems", 0);
    if (most <= 1) {
      out_.erase("uniqueItems");
      return;
    }
    const auto values = few_values();
    if (!values) return;
    for (const char* other : {"prefixItems", "additionalItems", "contains", "enum", "const"})
      if (out_.contains(other)) return;
    json::array lists, begun;
    add_lists(*values, least, std::min(most, values->size()), begun, lists);
    if (lists.empty()) return;
    for (const char* key : {"uniqueItems", "items", "minItems", "maxItems"}) out_.erase(key);
    out_["enum"] = std::move(lists);
  }

  // The values of `items`, if they are few and simple.
  std::optional<json::array> few_values() {
    const json::value* items = out_.if_contains("items");
    const json::object* schema = items ? items->if_object() : nullptr;
    if (schema)
      if (const json::value* reference = schema->if_contains("$ref");
          reference && reference->is_string())
        if (const auto target = references_.find_last(reference->get_string()))
          schema = (*target)->if_object();
    if (!schema) return {};
    for (const auto& member : *schema)
      if (keyword(member.key()) != Keyword::kSilent && member.key() != "type" &&
          member.key() != "enum" && member.key() != "const")
        return {};
    json::array values;
    if (const json::value* only = schema->if_contains("const")) values.push_back(*only);
    if (const json::value* some = schema->if_contains("enum"); some && some->is_array())
      values = some->get_array();
    const std::string_view type = type_of(*schema);
    if (values.empty() && type == "boolean") values = {true, false};
    if (values.empty() || values.size() > kUniqueValuesMax) return {};
    for (std::size_t i = 0; i < values.size(); ++i) {
      const bool known = std::find(values.begin(), values.begin() + static_cast<long>(i),
                                   values[i]) != values.begin() + static_cast<long>(i);
      const bool fits = type.empty()
                            ? !schema->contains("type")
                            : (type == "string"    ? values[i].is_string()
                               : type == "integer" ? values[i].is_int64() || values[i].is_uint64()
                               : type == "boolean" ? values[i].is_bool()
                                                   : false);
      if (known || !fits || values[i].is_double() || values[i].is_structured()) return {};
    }
    return values;
  }

  static void add_lists(const json::array& values, std::size_t least, std::size_t most,
                        json::array& begun, json::array& lists) {
    if (begun.size() >= least) lists.push_back(begun);
    if (begun.size() == most) return;
    for (const json::value& value : values) {
      if (std::find(begun.begin(), begun.end(), value) != begun.end()) continue;
      begun.push_back(value);
      add_lists(values, least, most, begun, lists);
      begun.pop_back();
    }
  }

  json::object out_;
  const SchemaReferences& references_;
  std::size_t& work_left_;
};

}  // namespace

void require(json::value condition, json::object& schema) {
  json::value& all = schema["allOf"];
  if (!all.is_array()) all = json::array();
  all.get_array().push_back(std::move(condition));
}

std::optional<json::object> said_plainly(const json::object& schema,
                                         const SchemaReferences& references,
                                         std::size_t& work_left) {
  static constexpr auto kKeywords = std::to_array<std::string_view>(
      {"not", "if", "dependentRequired", "dependentSchemas", "dependencies", "propertyNames",
       "oneOf", "unevaluatedProperties", "uniqueItems"});
  const bool has_any = std::any_of(kKeywords.begin(), kKeywords.end(), [&](std::string_view key) {
    return schema.contains(key) && concerns(key, schema);
  });
  if (!has_any || work_left == 0) return {};
  return Rewriting(schema, references, work_left).all();
}

}  // namespace g4::grammar
