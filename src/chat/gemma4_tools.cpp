#include "chat/gemma4_tools.h"

#include <fmt/format.h>

#include <string>

#include "chat/python_text.h"

namespace g4::chat {
namespace {

namespace json = boost::json;

enum class Keys : std::uint8_t { kBare, kQuoted };
enum class SchemaKeys : std::uint8_t { kKeep, kSkip };

// Writes "," before every item but the first.
class Commas {
 public:
  explicit Commas(Writer& out) : out_(out) {}
  void next() {
    if (!first_) out_.text(",");
    first_ = false;
  }

 private:
  Writer& out_;
  bool first_ = true;
};

// The template's `if value['key']`: null pointer unless there and truthy.
const json::value* given(const json::value& value, std::string_view key) {
  const json::value* found = member(value, key);
  return found != nullptr && truthy(*found) ? found : nullptr;
}

// value['type'] | upper; an absent type is empty.
std::string upper_type(const json::value& value) {
  const json::value* type = member(value, "type");
  return type == nullptr ? std::string() : upper(to_str(*type));
}

bool is_schema_key(std::string_view key) {
  return key == "description" || key == "type" || key == "properties" || key == "required" ||
         key == "nullable";
}

void write_value(Writer& out, const json::value& value, Keys keys) {
  if (value.is_string()) {
    out.quoted(value.get_string());
  } else if (value.is_object()) {
    out.text("{");
    Commas commas(out);
    for (const auto& [key, item] : dictsort(value.get_object())) {
      commas.next();
      keys == Keys::kQuoted ? out.quoted(key) : out.text(key);
      out.text(":");
      write_value(out, *item, keys);
    }
    out.text("}");
  } else if (value.is_array()) {
    out.text("[");
    Commas commas(out);
    for (const json::value& item : value.get_array()) {
      commas.next();
      write_value(out, item, keys);
    }
    out.text("]");
  } else if (value.is_null()) {
    out.text("null");
  } else if (value.is_bool()) {
    out.text(value.get_bool() ? "true" : "false");
  } else {
    out.text(to_str(value));
  }
}

void write_members(Writer& out, const json::object& object) {
  Commas commas(out);
  for (const auto& [key, value] : dictsort(object)) {
    commas.next();
    out.text(key);
    out.text(":");
    write_value(out, *value, Keys::kBare);
  }
}

// required:["a","b"]
Status write_required(Writer& out, const json::value& required) {
  const auto names = G4_TRY(iterate(required, "`required` in a tool's parameters"));
  out.text("required:[");
  Commas commas(out);
  for (const std::string& name : names) {
    commas.next();
    out.quoted(name);
  }
  out.text("]");
  return {};
}

Status write_properties(Writer& out, const json::object& properties, SchemaKeys schema_keys);

// One member of an array's `items`.
Status write_items_member(Writer& out, std::string_view key, const json::value& value) {
  if (key == "properties") {
    out.text("properties:{");
    if (value.is_object()) G4_TRY(write_properties(out, value.get_object(), SchemaKeys::kKeep));
    out.text("}");
    return {};
  }
  if (key == "required") return write_required(out, value);
  if (key == "type") {
    out.text("type:");
    if (value.is_string()) {
      out.quoted(upper(value.get_string()));
      return {};
    }
    json::array types;
    for (const std::string& type : G4_TRY(iterate(value, "`type` of array items in a tool")))
      types.emplace_back(upper(type));
    write_value(out, types, Keys::kQuoted);
    return {};
  }
  out.text(key);
  out.text(":");
  write_value(out, value, Keys::kQuoted);
  return {};
}

Status write_items(Writer& out, const json::object& items) {
  out.text("items:{");
  Commas commas(out);
  for (const auto& [key, value] : dictsort(items)) {
    if (value->is_null()) continue;
    commas.next();
    G4_TRY(write_items_member(out, key, *value));
  }
  out.text("}");
  return {};
}

// The members of an OBJECT property. Without `properties` its other members count as such.
Status write_object_members(Writer& out, const json::value& schema, Commas& commas) {
  commas.next();
  out.text("properties:{");
  const json::value* properties = member(schema, "properties");
  if (properties != nullptr && properties->is_object()) {
    G4_TRY(write_properties(out, properties->get_object(), SchemaKeys::kKeep));
  } else {
    G4_TRY(write_properties(out, schema.get_object(), SchemaKeys::kSkip));
  }
  out.text("}");
  if (const json::value* required = given(schema, "required")) {
    commas.next();
    G4_TRY(write_required(out, *required));
  }
  return {};
}

// name:{description:...,enum|items:...,nullable:true,properties:...,required:...,type:...}
Status write_property(Writer& out, std::string_view name, const json::value& schema) {
  out.text(name);
  out.text(":{");
  Commas commas(out);
  if (const json::value* description = given(schema, "description")) {
    commas.next();
    out.text("description:");
    out.quoted(to_str(*description));
  }
  const std::string type = upper_type(schema);
  if (const json::value* choices = given(schema, "enum"); choices != nullptr && type == "STRING") {
    commas.next();
    out.text("enum:");
    write_value(out, *choices, Keys::kQuoted);
  }
  if (const json::value* items = given(schema, "items");
      items != nullptr && items->is_object() && type == "ARRAY") {
    commas.next();
    G4_TRY(write_items(out, items->get_object()));
  }
  if (given(schema, "nullable") != nullptr) {
    commas.next();
    out.text("nullable:true");
  }
  if (type == "OBJECT") G4_TRY(write_object_members(out, schema, commas));
  commas.next();
  out.text("type:");
  out.quoted(type);
  out.text("}");
  return {};
}

Status write_properties(Writer& out, const json::object& properties, SchemaKeys schema_keys) {
  Commas commas(out);
  for (const auto& [name, schema] : dictsort(properties)) {
    if (schema_keys == SchemaKeys::kSkip && is_schema_key(name)) continue;
    commas.next();
    G4_TRY(write_property(out, name, *schema));
  }
  return {};
}

// Without a `type` the template leaves the brace open; so do we.
Status write_parameters(Writer& out, const json::value& parameters) {
  out.text(",parameters:{");
  if (const json::value* properties = given(parameters, "properties")) {
    if (!properties->is_object())
      return Error{fmt::format("`properties` of a tool's parameters must be an object, not {}",
                               repr(*properties))};
    out.text("properties:{");
    G4_TRY(write_properties(out, properties->get_object(), SchemaKeys::kKeep));
    out.text("},");
  }
  if (const json::value* required = given(parameters, "required")) {
    G4_TRY(write_required(out, *required));
    out.text(",");
  }
  if (given(parameters, "type") != nullptr) {
    out.text("type:");
    out.quoted(upper_type(parameters));
    out.text("}");
  }
  return {};
}

void write_result_schema(Writer& out, const json::value& response) {
  out.text(",response:{");
  if (const json::value* description = given(response, "description")) {
    out.text("description:");
    out.quoted(to_str(*description));
    out.text(",");
  }
  if (upper_type(response) == "OBJECT") {
    out.text("type:");
    out.quoted("OBJECT");
    out.text("}");
  }
}

}  // namespace

Status write_declaration(Writer& out, const Tool& tool) {
  out.control(token::kTool);
  out.text("declaration:");
  out.text(tool.name);
  out.text("{description:");
  out.quoted(tool.description);
  if (truthy(tool.parameters)) G4_TRY(write_parameters(out, tool.parameters));
  if (tool.response) write_result_schema(out, *tool.response);
  out.text("}");
  out.control(token::kToolEnd);
  return {};
}

void write_tool_call(Writer& out, const ToolCall& call) {
  out.control(token::kToolCall);
  out.text("call:");
  out.text(call.name);
  out.text("{");
  write_members(out, call.arguments);
  out.text("}");
  out.control(token::kToolCallEnd);
}

void write_tool_response(Writer& out, std::string_view name, const json::value& response) {
  out.control(token::kToolResponse);
  out.text("response:");
  out.text(name);
  out.text("{");
  if (response.is_object()) {
    write_members(out, response.get_object());
  } else {
    out.text("value:");
    write_value(out, response, Keys::kBare);
  }
  out.text("}");
  out.control(token::kToolResponseEnd);
}

}  // namespace g4::chat
