#include "api/declared_schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

namespace g4::api {
namespace {

namespace json = boost::json;

// Of one argument; `beside`: more members of the schema around it.
json::value declared(const std::string& property, const std::string& beside = "") {
  const json::value schema = declared_schema(
      json::parse(R"({"type": "object", "properties": {"a": )" + property + "}" + beside + "}"));
  return schema.at("properties").at("a");
}

void expect_declared(const std::string& property, const std::string& as,
                     const std::string& beside = "") {
  EXPECT_EQ(declared(property, beside), json::parse(as)) << property;
}

TEST(DeclaredSchema, WhatTheTemplateWritesStays) {
  const char* plain[] = {
      R"({"type": "string", "enum": ["x"], "description": "d", "nullable": true})",
      R"({"type": "array", "items": {"type": "integer", "minimum": 1}})",
      R"({"type": "object", "properties": {"b": {"type": "number"}}, "required": ["b"]})", "{}"};
  for (const char* schema : plain) expect_declared(schema, schema);
  for (const char* nothing : {"null", "{}"})
    EXPECT_EQ(declared_schema(json::parse(nothing)), json::parse(nothing));
}

TEST(DeclaredSchema, ArgumentsAreAnObject) {
  EXPECT_EQ(declared_schema(json::parse(R"({"properties": {}})")),
            json::parse(R"({"type": "object", "properties": {}})"));
}

TEST(DeclaredSchema, NullIsAWordOfItsOwn) {
  const std::string text = R"({"type": "string", "nullable": true})";
  expect_declared(R"({"type": ["string", "null"]})", text);
  expect_declared(R"({"anyOf": [{"type": "string"}, {"type": "null"}]})", text);
  expect_declared(R"({"oneOf": [{"type": "null"}, {"type": "string"}]})", text);
  expect_declared(R"({"enum": ["x", null]})",
                  R"({"type": "string", "enum": ["x"], "nullable": true})");
  expect_declared(R"({"type": ["null"]})", R"({"type": "null", "nullable": true})");
}

TEST(DeclaredSchema, OfAlternativesTheFirstStays) {
  expect_declared(R"({"anyOf": [{"type": "integer"}, {"type": "string"}], "description": "d"})",
                  R"({"type": "integer", "description": "d"})");
  expect_declared(R"({"oneOf": [{"const": "x", "title": "t"}, {"const": "y"}]})",
                  R"({"type": "string", "enum": ["x", "y"], "title": "t"})");
  // Not where they only say what must come together.
  expect_declared(R"({"type": "object", "properties": {}, "anyOf": [{"required": ["b"]}]})",
                  R"({"type": "object", "properties": {}})");
  // Of an array's items the template writes all.
  expect_declared(
      R"({"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/T"}, {"type": "integer"}]}})",
      R"({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}})",
      R"(, "$defs": {"T": {"type": "string"}})");
}

TEST(DeclaredSchema, ReferencesAreFollowed) {
  const std::string defs = R"(, "$defs": {
      "City": {"type": "object", "description": "A city", "properties": {"name": {"type": "string"},
               "twin": {"$ref": "#/$defs/City"}}, "required": ["name"]},
      "Alias": {"$ref": "#/$defs/City"}, "Unit": {"enum": ["c", "f"]},
      "Loop": {"$ref": "#/$defs/Loop"}})";
  const std::string city = R"("properties": {"name": {"type": "string"}, "twin": {"type": "object",
      "description": "A city", "properties": {}}}, "required": ["name"], "type": "object"})";
  expect_declared(R"({"$ref": "#/$defs/City"})", R"({"description": "A city", )" + city, defs);
  expect_declared(R"({"$ref": "#/$defs/Alias", "description": "Where"})",
                  R"({"description": "Where", )" + city, defs);
  expect_declared(R"({"allOf": [{"$ref": "#/$defs/Unit"}], "default": "c"})",
                  R"({"type": "string", "enum": ["c", "f"], "default": "c"})", defs);
  expect_declared(R"({"anyOf": [{"$ref": "#/$defs/Unit"}, {"type": "null"}]})",
                  R"({"type": "string", "enum": ["c", "f"], "nullable": true})", defs);
  for (const char* nowhere : {"#/$defs/Loop", "#/$defs/None", "#x", "http://x/y", ""})
    expect_declared(fmt::format(R"({{"$ref": "{}"}})", nowhere), "{}", defs);
}

// Else the template takes other keywords for properties.
TEST(DeclaredSchema, AnObjectHasProperties) {
  expect_declared(
      R"({"type": "object", "additionalProperties": {"type": "string"}})",
      R"({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}})");
  expect_declared(R"({"properties": {"b": true}})",
                  R"({"type": "object", "properties": {"b": {}}})");
  expect_declared(R"({"items": [{"type": "string"}, {"type": "integer"}]})",
                  R"({"type": "array", "items": {"type": "string"}})");
}

TEST(DeclaredSchema, PartsAreJoined) {
  expect_declared(R"({"allOf": [{"properties": {"b": {"type": "string"}}, "required": ["b"]},
                                {"properties": {"c": {}}, "required": ["c", "b"]}]})",
                  R"({"type": "object", "properties": {"b": {"type": "string"}, "c": {}},
                      "required": ["b", "c"]})");
}

// Each definition names the next one twice: 2 to the 40th texts, if nothing stopped it.
TEST(DeclaredSchema, ReferencesThatMultiplyEnd) {
  std::string defs;
  for (int i = 0; i < 40; ++i)
    defs += fmt::format(R"({}"D{}": {{"type": "object", "properties": {{
                            "x": {{"$ref": "#/$defs/D{}"}}, "y": {{"$ref": "#/$defs/D{}"}}}}}})",
                        i == 0 ? "" : ", ", i, i + 1, i + 1);
  const json::value made = declared(R"({"$ref": "#/$defs/D0"})", ", \"$defs\": {" + defs + "}");
  EXPECT_LT(json::serialize(made).size(), 2'000'000U);
  EXPECT_EQ(made.at("properties").at("x").at("type"), "object");
}

}  // namespace
}  // namespace g4::api
