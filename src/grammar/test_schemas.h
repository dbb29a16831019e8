// JSON schemas at random, of what check_schema() supports; some of them nothing can satisfy.
// Without formats: valijson aborts where one stands in an anyOf.
#pragma once

#include <fmt/format.h>

#include <array>
#include <boost/json.hpp>
#include <random>
#include <span>
#include <string>

namespace g4::grammar::test {

class SchemaGenerator {
 public:
  explicit SchemaGenerator(std::uint32_t seed) : random_(seed) {}

  // An object of some properties; refers to definitions of its own.
  boost::json::value root() {
    boost::json::object schema = object(3);
    boost::json::object definitions;
    for (int i = 0; i < kDefinitions; ++i) definitions[fmt::format("d{}", i)] = any(1);
    schema["$defs"] = std::move(definitions);
    return boost::json::parse(
        boost::json::serialize(schema));  // numbers of the kinds that clients send
  }

  // An object under one or two conditions that schema_plain.h says otherwise, in words of draft 7.
  boost::json::value conditional() {
    boost::json::object properties{{"kind", {{"enum", {"a", "b", "c", 7, nullptr}}}}};
    for (const char* name : {"p1", "p2", "p3"}) properties[name] = simple();
    boost::json::object schema{{"type", "object"}, {"properties", std::move(properties)}};
    if (chance(50)) schema["required"] = boost::json::array({"kind"});
    if (chance(30)) schema["additionalProperties"] = false;
    boost::json::array all;
    for (std::uint32_t i = 1 + below(2); i > 0; --i) all.push_back(condition());
    if (all.size() == 1)
      for (const auto& [key, value] : all.front().as_object()) schema[key] = value;
    else
      schema["allOf"] = std::move(all);
    return boost::json::parse(boost::json::serialize(schema));
  }

 private:
  static constexpr int kDefinitions = 3;

  boost::json::object condition() {
    const boost::json::object is_a{{"properties", {{"kind", {{"const", value_of_kind()}}}}},
                                   {"required", {"kind"}}};
    switch (below(7)) {
      case 0:
        return {{"if", is_a},
                {"then", {{"required", {"p1"}}}},
                {"else", {{"properties", {{"p2", simple()}}}}}};
      case 1:
        return {{"if", {{"properties", {{"p1", simple()}}}}}, {"then", {{"required", {"p2"}}}}};
      case 2:
        return {{"not", {{"required", {"p1", "p2"}}}}};
      case 3:
        return {{"not", {{"anyOf", {is_a, {{"required", {"p3"}}}}}}}};
      case 4:
        return {
            {"dependencies",
             {{"p1", boost::json::array({"p2"})}, {"p3", {{"properties", {{"p2", simple()}}}}}}}};
      case 5:
        return {{"propertyNames", {{"enum", {"kind", "p1", "p2", "p4"}}}}};
      default:
        return {{"oneOf", {{{"required", {"p1"}}}, {{"required", {"p2"}}}, is_a}}};
    }
  }

  boost::json::value value_of_kind() {
    switch (below(4)) {
      case 0:
        return 7;
      case 1:
        return nullptr;
      default:
        return boost::json::string(one_of(std::to_array({"a", "b"})));
    }
  }

  boost::json::object simple() {
    switch (below(5)) {
      case 0:
        return {{"type", "string"}, {"maxLength", below(6)}};
      case 1:
        return {{"type", "number"}, {"minimum", below(100)}};
      case 2:
        return {{"enum", {"x", "xy", true, below(10)}}};
      case 3:
        return {{"type", "boolean"}};
      default:
        return {{"type", {"integer", "number", "null"}}};
    }
  }

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_()) % limit; }
  bool chance(std::uint32_t percent) { return below(100) < percent; }
  template <class T, std::size_t kSize>
  T one_of(const std::array<T, kSize>& choices) {
    return choices[below(kSize)];
  }

  // Deeper parts are simpler ones.
  boost::json::value any(int depth) {
    switch (below(depth > 0 ? 14 : 8)) {
      case 0:
      case 1:
        return text();
      case 2:
        return number("integer");
      case 3:
        return number("number");
      case 4:
        return boost::json::object{{"type", one_of(std::to_array({"boolean", "null"}))}};
      case 5:
        return boost::json::object{{"enum", values()}};
      case 6:
        return boost::json::object{{"const", value()}};
      case 7:
        return boost::json::object{{"type", {"string", "integer", "null"}}};
      case 8:
      case 9:
        return array(depth - 1);
      case 10:
        return boost::json::object{{"$ref", fmt::format("#/$defs/d{}", below(kDefinitions))}};
      case 11:
        return boost::json::object{{"anyOf", {any(depth - 1), any(depth - 1)}}};
      default:
        return object(depth - 1);
    }
  }

  boost::json::object text() {
    boost::json::object schema{{"type", "string"}};
    switch (below(4)) {
      case 0:
        schema["pattern"] =
            one_of(std::to_array({"^[a-z]{2,5}$", "[0-9]+", "^(yes|no)", "x$", "^\\d{3}-\\d{2}$",
                                  "^[^\"\\\\]*$", "^\\w+( \\w+)*$", "a|b", "^a/b$", "^.+$"}));
        break;
      case 1:
        schema["maxLength"] = below(12);
        if (chance(60))
          schema["minLength"] =
              below(static_cast<std::uint32_t>(schema["maxLength"].to_number<std::uint32_t>() + 1));
        break;
      default:
        break;
    }
    return schema;
  }

  boost::json::object number(const char* type) {
    boost::json::object schema{{"type", type}};
    const int least = static_cast<int>(below(2'000)) - 1'000;
    const bool multiple = chance(15);  // judges compute in doubles: such numbers stay small
    if (multiple || chance(50))
      schema[one_of(std::to_array({"minimum", "exclusiveMinimum"}))] = least;
    if (multiple || chance(50))
      schema[one_of(std::to_array({"maximum", "exclusiveMaximum"}))] =
          least + 2 + static_cast<int>(below(300));
    if (multiple) schema["multipleOf"] = one_of(std::to_array({2, 5, 7, 10, 100}));
    return schema;
  }

  boost::json::value value() {
    switch (below(6)) {
      case 0:
        return static_cast<std::int64_t>(below(1'000)) - 500;
      case 1:
        return 0.25 * below(100);
      case 2:
        return nullptr;
      case 3:
        return chance(50);
      default:
        return boost::json::string(one_of(
            std::to_array({"", "a", "two words", "\"quoted\"", "back\\slash", "line\nbreak",
                           "\u00fcml\u00e4ut", "\U0001F600", "<turn|>", "{}", "null", "7"})));
    }
  }

  boost::json::array values() {
    boost::json::array list;
    for (std::uint32_t i = 1 + below(5); i > 0; --i) list.push_back(value());
    return list;
  }

  boost::json::object array(int depth) {
    boost::json::object schema{{"type", "array"}};
    if (chance(80)) schema["items"] = any(depth);
    if (chance(40)) schema["minItems"] = below(3);
    if (chance(60)) schema["maxItems"] = 2 + below(4);
    return schema;
  }

  boost::json::object object(int depth) {
    boost::json::object properties;
    boost::json::array required;
    for (std::uint32_t i = below(5); i > 0; --i) {
      const std::string name =
          fmt::format("{}{}",
                      one_of(std::to_array({"name", "Size", "is_open", "two-parts", "a.b", "$key",
                                            "\u00e9t\u00e9", "x"})),
                      i);
      properties[name] = any(depth);
      if (chance(60)) required.push_back(boost::json::string(name));
    }
    boost::json::object schema{{"type", "object"}};
    if (!properties.empty() || chance(50)) schema["properties"] = std::move(properties);
    if (!required.empty()) schema["required"] = std::move(required);
    if (chance(50))
      schema["additionalProperties"] = false;
    else if (chance(30))
      schema["additionalProperties"] = any(depth > 0 ? depth - 1 : 0);
    return schema;
  }

  std::minstd_rand random_;
};

}  // namespace g4::grammar::test
