#include "grammar/gemma_call.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/utf8.h"
#include "grammar/formats.h"
#include "grammar/lark.h"
#include "grammar/pattern.h"
#include "grammar/schema_keywords.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return text;
}

// Whether chat/arguments_to_json.h reads the key as it stands: it ends one at some characters, and
// forgives blanks and quotation marks around it. KEY below says the same.
bool can_stand_bare(std::string_view key) {
  constexpr std::string_view kBlanks = " \t\r\n";
  return !key.empty() && key.find_first_of(":,{}[]<>|\"=\n") == std::string_view::npos &&
         key.front() != '\'' && key.front() != '`' &&
         kBlanks.find(key.front()) == std::string_view::npos &&
         kBlanks.find(key.back()) == std::string_view::npos;
}

bool has(const json::object& schema, std::string_view key) { return schema.contains(key); }

std::optional<std::uint64_t> count(const json::object& schema, std::string_view key) {
  const json::value* value = schema.if_contains(key);
  if (!value) return {};
  return value->to_number<std::uint64_t>();
}

std::string repeat(std::uint64_t least, std::optional<std::uint64_t> most) {
  return most ? fmt::format("{{{},{}}}", least, *most) : fmt::format("{{{},}}", least);
}

class CallWriter {
 public:
  CallWriter(const json::object& root, TokenId quote, const std::string& prefix)
      : root_(root), quote_(lark_token(quote)), prefix_(prefix) {}

  Result<CallGrammar> write() {
    std::string arguments = G4_TRY(definition("#"));
    while (!waiting_.empty()) {
      const std::string reference = waiting_.back();
      waiting_.pop_back();
      if (Status status = define(reference); !status) return std::move(status).error();
    }
    return CallGrammar{std::move(arguments), std::move(lines_)};
  }

 private:
  std::string new_name() { return fmt::format("{}_{}", prefix_, ++names_); }
  static std::string upper(std::string name) {
    for (char& c : name)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c & ~0x20);
    return name;
  }
  std::string rule(const std::string& body) {
    std::string name = new_name();
    lines_ += fmt::format("{}: {}\n", name, body);
    return name;
  }
  std::string terminal(const std::string& body) {
    std::string name = upper(new_name());
    lines_ += fmt::format("{}: {}\n", name, body);
    return name;
  }

  // The rule of what a reference leads to; its lines follow later.
  Result<std::string> definition(const std::string& reference) {
    auto [found, is_new] = definitions_.try_emplace(reference);
    if (is_new) {
      found->second = new_name();
      waiting_.push_back(reference);
    }
    return found->second;
  }

  Status define(const std::string& reference) {
    const json::value* target = nullptr;
    if (reference != "#")
      target = &root_.at("$defs").as_object().at(reference.substr(reference.rfind('/') + 1));
    std::string body;
    if (!target) {
      auto written = schema(root_);
      if (!written) return std::move(written).error();
      body = *std::move(written);
    } else {
      auto written = value(*target);
      if (!written) return std::move(written).error();
      body = *std::move(written);
    }
    lines_ += fmt::format("{}: {}\n", definitions_[reference], body);
    return {};
  }

  // The body of a rule for one schema.
  Result<std::string> value(const json::value& in) {
    if (in.is_object()) return schema(in.get_object());
    if (in.get_bool()) return std::string("any");
    return Error{"a schema that nothing satisfies has no place in arguments"};
  }

  Result<std::string> schema(const json::object& in) {
    json::object rest = in;
    rest.erase("$defs");
    if (const json::value* all = rest.if_contains("allOf")) {
      const json::array& members = all->get_array();
      if (rest.size() == 1 && members.size() == 1) return value(members.front());
      if (is_text_of_patterns(rest)) return string(rest);
      return Error{"schemas combined by allOf are not supported in arguments"};
    }
    if (const json::value* reference = rest.if_contains("$ref")) {
      if (rest.size() > 1) return beside("$ref");
      return definition(std::string(reference->get_string()));
    }
    if (const json::value* some = rest.if_contains("anyOf")) {
      // A type beside it says once more what the alternatives say, or narrows them.
      if (rest.size() > (has(rest, "type") ? 2U : 1U)) return beside("anyOf");
      return alternatives(some->get_array(), rest.if_contains("type"));
    }
    for (const char* key : {"const", "enum"})
      if (has(rest, key) && rest.size() > (has(rest, "type") ? 2U : 1U)) return beside(key);
    if (const json::value* constant = rest.if_contains("const")) {
      if (!allows(rest, *constant)) return Error{"a constant is not of the type beside it"};
      return literal(*constant);
    }
    if (const json::value* values = rest.if_contains("enum"))
      return literals(values->get_array(), rest);
    return typed(rest);
  }

  // A text that must match several patterns.
  static bool is_text_of_patterns(const json::object& in) {
    const json::value* type = in.if_contains("type");
    if (!type || *type != "string" || has(in, "anyOf") || has(in, "$ref") || has(in, "enum") ||
        has(in, "const"))
      return false;
    const json::array& all = in.at("allOf").as_array();
    return std::all_of(all.begin(), all.end(), [](const json::value& each) {
      const json::object* object = each.if_object();
      return object && has(*object, "pattern") &&
             object->size() == (has(*object, "type") ? 2U : 1U);
    });
  }

  static Error beside(const char* keyword) {
    return Error{fmt::format("{} beside other keywords is not supported in arguments", keyword)};
  }

  Result<std::string> alternatives(const json::array& schemas, const json::value* type) {
    std::vector<std::string> bodies;
    for (const json::value& each : schemas) {
      if (type && each.is_object() && !has(each.get_object(), "type") &&
          !has(each.get_object(), "$ref") && !has(each.get_object(), "enum") &&
          !has(each.get_object(), "const"))
        return beside("anyOf");
      bodies.push_back(G4_TRY(value(each)));
    }
    return fmt::format("({})", fmt::join(bodies, " | "));
  }

  Result<std::string> typed(const json::object& in) {
    const json::value* type = in.if_contains("type");
    if (!type) return std::string("any");
    if (const json::string* one = type->if_string()) return of_type(std::string(*one), in);
    std::vector<std::string> bodies;
    for (const json::value& each : type->get_array())
      bodies.push_back(G4_TRY(of_type(std::string(each.get_string()), in)));
    return fmt::format("({})", fmt::join(bodies, " | "));
  }

  Result<std::string> of_type(const std::string& type, const json::object& in) {
    if (type == "null") return std::string("\"null\"");
    if (type == "boolean") return std::string("(\"true\" | \"false\")");
    if (type == "integer" || type == "number") return number(type, in);
    if (type == "string") return string(in);
    if (type == "array") return array(in);
    return object(in);
  }

  // JSON's numbers with JSON Schema's bounds: llguidance writes that part.
  Result<std::string> number(const std::string& type, const json::object& in) {
    json::object bounds;
    for (const char* key :
         {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
      if (const json::value* bound = in.if_contains(key)) bounds[key] = *bound;
    if (bounds.empty()) return std::string(type == "integer" ? "INTEGER" : "NUMBER");
    bounds["type"] = type;
    return rule("%json " + json::serialize(bounds));
  }

  Result<std::string> string(const json::object& in) {
    std::vector<std::string> conditions;
    const auto match = [&](const json::value& pattern) {
      conditions.push_back(
          fmt::format("/{}/", search_pattern(std::string_view(pattern.get_string()))));
    };
    if (const json::value* pattern = in.if_contains("pattern")) match(*pattern);
    if (const json::value* all = in.if_contains("allOf"))
      for (const json::value& each : all->get_array()) match(each.at("pattern"));
    if (const json::value* format = in.if_contains("format"))
      conditions.push_back(fmt::format("/{}/", format_pattern(format->get_string())));
    const auto least = count(in, "minLength").value_or(0);
    const auto most = count(in, "maxLength");
    if (least > 0 || most) conditions.push_back(fmt::format("/(?s:.){}/", repeat(least, most)));
    if (conditions.empty()) return std::string("text");
    const bool may_be_empty = conditions.size() == 1 && least == 0 && most;
    if (may_be_empty && *most == 0) return fmt::format("{} {}", quote_, quote_);
    if (may_be_empty) conditions.front() = fmt::format("/(?s:.){}/", repeat(1, most));
    const std::string name = terminal(fmt::format("{}", fmt::join(conditions, " & ")));
    return fmt::format("{} {}{} {}", quote_, name, may_be_empty ? "?" : "", quote_);
  }

  Result<std::string> array(const json::object& in) {
    const auto least = count(in, "minItems").value_or(0);
    const auto most = count(in, "maxItems");
    if (most && *most < least) return Error{"an array has minItems above maxItems"};
    const json::value* items = in.if_contains("items");
    if (has(in, "prefixItems") || has(in, "additionalItems") || (items && items->is_array()))
      return Error{"arrays with a schema for each place are not supported in arguments"};
    const std::string item = items ? rule(G4_TRY(value(*items))) : "any";
    if (most && *most == 0) return std::string("\"[]\"");
    const std::string more = rule(fmt::format("\",\" {}", item));
    const std::string some =
        fmt::format("{} {}{}", item, more,
                    repeat(least > 0 ? least - 1 : 0, most ? std::optional(*most - 1) : most));
    return fmt::format("\"[\" ({}){} \"]\"", some, least > 0 ? "" : "?");
  }

  struct Property {
    std::string key;
    std::string body;  // key:value
    bool required;
    std::size_t place;  // in the schema
  };

  Result<std::string> object(const json::object& in) {
    for (const char* key : {"patternProperties", "minProperties", "maxProperties"})
      if (has(in, key)) return Error{fmt::format("\"{}\" is not supported in arguments", key)};
    const More more = G4_TRY(additional(in));
    const std::vector<Property> properties = G4_TRY(properties_of(in, more.value));
    return members(properties, more.member);
  }

  // Bodies of a member that is no property, and of its value; empty if there are none.
  struct More {
    std::string member, value;
  };
  Result<More> additional(const json::object& in) {
    const json::value* schema = in.if_contains("additionalProperties");
    const json::value* named = in.if_contains("properties");
    if (!schema && named && !named->get_object().empty()) return More();
    if (schema && schema->is_bool() && !schema->get_bool()) return More();
    const std::string value_rule = schema ? rule(G4_TRY(value(*schema))) : "any";
    std::string key = "KEY";
    if (named && !named->get_object().empty()) {
      // A name that has a schema of its own is not met here.
      std::vector<std::string> names;
      for (const auto& member : named->get_object()) names.push_back(lark_string(member.key()));
      key = terminal(fmt::format("KEY & ~({})", fmt::join(names, " | ")));
    }
    return More{fmt::format("{} \":\" {}", key, value_rule), value_rule};
  }

  // `other`: the value of what is required without being a property.
  Result<std::vector<Property>> properties_of(const json::object& in, const std::string& other) {
    std::set<std::string> required;
    if (const json::value* names = in.if_contains("required"))
      for (const json::value& name : names->get_array())
        required.insert(std::string(name.get_string()));
    std::vector<Property> properties;
    const auto add = [&](const std::string& key, const std::string& body) -> Status {
      if (!can_stand_bare(key))
        return Error{fmt::format("the name \"{}\" cannot be written in Gemma's calls",
                                 utf8_beginning(key, 100))};
      properties.push_back({key, rule(fmt::format("{} {}", lark_string(key + ":"), body)),
                            required.contains(key), properties.size()});
      return {};
    };
    if (const json::value* named = in.if_contains("properties"))
      for (const auto& member : named->get_object()) {
        const std::string body = rule(G4_TRY(value(member.value())));
        if (Status status = add(std::string(member.key()), body); !status)
          return std::move(status).error();
        required.erase(std::string(member.key()));
      }
    for (const std::string& key : std::set<std::string>(required)) {
      if (other.empty())
        return Error{
            fmt::format("\"{}\" is required, but is no property", utf8_beginning(key, 100))};
      if (Status status = add(key, other); !status) return std::move(status).error();
    }
    // Not std::stable_sort, which g++ 12's library and clang 19 cannot have together without a
    // warning.
    std::sort(properties.begin(), properties.end(), [](const Property& a, const Property& b) {
      return std::pair(lower(a.key), a.place) < std::pair(lower(b.key), b.place);
    });
    return properties;
  }

  // Members in order, with those left out that may be, and commas between what is left.
  std::string members(const std::vector<Property>& properties, const std::string& more) {
    std::string rest = more.empty() ? "" : rule(fmt::format("(\",\" {})*", more));
    std::vector<std::string> beginnings;  // what the object may begin with, from the last on
    if (!more.empty()) beginnings.push_back(fmt::format("{} {}", more, rest));
    bool may_be_empty = true;
    for (auto property = properties.rbegin(); property != properties.rend(); ++property) {
      if (property->required) {
        beginnings.clear();
        may_be_empty = false;
      }
      beginnings.push_back(fmt::format("{} {}", property->body, rest));
      rest = rule(property->required ? fmt::format("\",\" {} {}", property->body, rest)
                                     : fmt::format("(\",\" {})? {}", property->body, rest));
    }
    if (beginnings.empty()) return "\"{}\"";
    std::reverse(beginnings.begin(), beginnings.end());
    const std::string inside = rule(fmt::format("{}", fmt::join(beginnings, " | ")));
    return fmt::format("\"{{\" {}{} \"}}\"", inside, may_be_empty ? "?" : "");
  }

  Result<std::string> literal(const json::value& value) {
    if (const json::string* text = value.if_string())
      return text->empty() ? fmt::format("{0} {0}", quote_)
                           : fmt::format("{0} {1} {0}", quote_, lark_string(*text));
    if (value.is_array() || value.is_object())
      return Error{"lists and objects as constants are not supported in arguments"};
    if (value.is_number()) return rule("%json " + json::serialize(json::object{{"const", value}}));
    return lark_string(json::serialize(value));
  }

  Result<std::string> literals(const json::array& values, const json::object& in) {
    std::vector<std::string> texts, bodies;
    bool empty_text = false;
    for (const json::value& each : values) {
      if (!allows(in, each)) continue;
      if (const json::string* text = each.if_string()) {
        if (text->empty())
          empty_text = true;
        else
          texts.push_back(lark_string(*text));
      } else {
        bodies.push_back(G4_TRY(literal(each)));
      }
    }
    if (!texts.empty() || empty_text) {
      const std::string name =
          texts.empty() ? "" : terminal(fmt::format("{}", fmt::join(texts, " | ")));
      bodies.push_back(
          fmt::format("{0} {1}{2} {0}", quote_, name, empty_text && !texts.empty() ? "?" : ""));
    }
    if (bodies.empty()) return Error{"no value of an enum is of the type beside it"};
    return fmt::format("({})", fmt::join(bodies, " | "));
  }

  static bool allows(const json::object& in, const json::value& value) {
    const json::value* type = in.if_contains("type");
    if (!type) return true;
    const auto is = [&](std::string_view name) {
      if (name == "null") return value.is_null();
      if (name == "boolean") return value.is_bool();
      if (name == "integer") return value.is_int64() || value.is_uint64();
      if (name == "number") return value.is_number();
      if (name == "string") return value.is_string();
      return name == (value.is_array() ? "array" : value.is_object() ? "object" : "");
    };
    if (const json::string* name = type->if_string()) return is(*name);
    return std::any_of(type->get_array().begin(), type->get_array().end(),
                       [&](const json::value& name) { return is(name.get_string()); });
  }

  const json::object& root_;
  const std::string quote_, prefix_;
  std::string lines_;
  std::size_t names_ = 0;
  std::map<std::string, std::string> definitions_;  // reference to rule
  std::vector<std::string> waiting_;                // references whose lines are still to come
};

}  // namespace

Result<CallGrammar> write_arguments(const json::object* schema, TokenId quote,
                                    const std::string& prefix) {
  if (!schema) return CallGrammar{"any_object", ""};
  const json::value* type = schema->if_contains("type");
  if (!type && schema->empty()) return CallGrammar{"any_object", ""};
  if (type && (!type->is_string() || type->get_string() != "object"))
    return Error{"arguments are an object: the schema's type is \"object\""};
  return CallWriter(*schema, quote, prefix).write();
}

// Numbers have an end here, as those of JSON schemas mostly have: a model that repeats itself never
// closes one, and a double holds neither 400 digits nor an exponent of three.
std::string common_call_rules(TokenId quote) {
  return fmt::format(
      "any: text | NUMBER | \"true\" | \"false\" | \"null\" | any_array | any_object\n"
      "any_array: \"[\" (any (\",\" any)*)? \"]\"\n"
      "any_object: \"{{\" (any_member (\",\" any_member)*)? \"}}\"\n"
      "any_member: KEY \":\" any\n"
      "text: {0} TEXT? {0}\n"
      "TEXT: /(?s:.)+/\n"
      "KEY: "
      "/[^:,{{}}\\[\\]<>|\"=\\s'`]([^:,{{}}\\[\\]<>|\"=\\n]{{0,98}}[^:,{{}}\\[\\]<>|\"=\\s])?/\n"
      "INTEGER: /-?(0|[1-9][0-9]{{0,17}})/\n"
      "NUMBER: /-?(0|[1-9][0-9]{{0,30}})(\\.[0-9]{{1,30}})?([eE][+-]?[0-9]{{1,2}})?/\n",
      lark_token(quote));
}

}  // namespace g4::grammar
