#include "api/answer_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "chat/json_members.h"
#include "grammar/schema.h"

namespace g4::api {
namespace {

namespace json = boost::json;

constexpr std::uint32_t kCallsMax = 64;  // of one answer

// An object, or the text of one.
json::value schema_of(Fields& fields, std::string_view key) {
  const json::value* value = fields.find(key);
  if (!value) return nullptr;
  if (value->is_object() || value->is_bool()) return *value;
  if (const json::string* text = value->if_string()) {
    auto parsed = chat::json_members::read_json(*text);
    if (parsed && parsed->is_object()) return *std::move(parsed);
  }
  fields.fail(key, fmt::format("\"{}\" should be a JSON schema", fields.path(key)));
  return nullptr;
}

void read_choice(Fields& fields, std::string_view key, AnswerFormat& format) {
  const json::value* value = fields.find(key);
  const json::array* list = value->if_array();
  if (!list || !std::ranges::all_of(*list, [](const json::value& v) { return v.is_string(); }))
    return fields.fail(key, fmt::format("\"{}\" should be a list of texts", fields.path(key)));
  grammar::Choice choice;
  for (const json::value& text : *list) choice.choices.emplace_back(text.get_string());
  format.form = {std::move(choice)};
}

// vLLM's kinds, by the name that stands in "structured_outputs".
void read_kind(Fields& fields, std::string_view key, std::string_view kind,
               grammar::WhiteSpace white_space, AnswerFormat& format) {
  format.path = fields.path(key);
  if (kind == "json") {
    format.form = {grammar::JsonSchema{schema_of(fields, key), white_space}};
  } else if (kind == "json_object") {
    if (fields.boolean(key, false)) format.form = {grammar::AnyJsonObject{white_space}};
  } else if (kind == "regex") {
    format.form = {grammar::Regex{fields.string(key).value_or("")}};
  } else if (kind == "choice") {
    read_choice(fields, key, format);
  } else if (kind == "grammar") {
    format.form = {grammar::ClientGrammar{fields.string(key).value_or("")}};
  } else {
    fields.fail(key, fmt::format("\"{}\" is not supported here: say it as json, regex, choice or "
                                 "grammar",
                                 fields.path(key)));
  }
}

struct Kind {
  std::string_view key, kind;
};

// Formats of all fields of `kinds` that are given.
void read_kinds(Fields& fields, std::initializer_list<Kind> kinds, grammar::WhiteSpace white_space,
                std::vector<AnswerFormat>& found) {
  for (const auto& [key, kind] : kinds)
    if (fields.find(key)) read_kind(fields, key, kind, white_space, found.emplace_back());
}

void read_structured_outputs(Fields& fields, std::vector<AnswerFormat>& found) {
  const json::value* value = fields.find("structured_outputs");
  if (!value) return;
  if (!value->is_object())
    return fields.fail("structured_outputs", "\"structured_outputs\" should be an object");
  Fields inner(value->get_object(), "structured_outputs.");
  const bool tight = inner.boolean("disable_any_whitespace", false);
  inner.refuse({"whitespace_pattern"},
               "between the parts of JSON stands little white space or, "
               "with \"disable_any_whitespace\", none");
  read_kinds(inner,
             {{"json", "json"},
              {"json_object", "json_object"},
              {"regex", "regex"},
              {"choice", "choice"},
              {"grammar", "grammar"},
              {"structural_tag", "structural_tag"}},
             tight ? grammar::WhiteSpace::kNone : grammar::WhiteSpace::kReadable, found);
  // A misspelled form would leave the answer free.
  if (const UnreadFields unread = inner.unread(); found.empty() && unread.count > 0)
    fields.fail("structured_outputs",
                fmt::format("\"{}\" says no form of the answer: expected json, json_object, regex, "
                            "choice or grammar",
                            unread.names.front()));
  fields.take(inner);
}

}  // namespace

AnswerFormat read_typed_format(Fields& format, std::string_view holder) {
  AnswerFormat found;
  const std::string type = format.string("type").value_or("");
  found.path = format.path("");
  if (!found.path.empty()) found.path.pop_back();  // the dot
  if (type == "text") return found;
  if (type == "json_object" && !format.find("schema")) {
    found.form = {grammar::AnyJsonObject{}};
    return found;
  }
  if (type != "json_schema" && type != "json_object") {
    format.fail("type", fmt::format("\"{}\" is \"{}\", expected text, json_object or json_schema",
                                    format.path("type"), type));
    return found;
  }
  found.is_told = true;
  const json::value* inner = holder.empty() ? nullptr : format.find(holder);
  if (type == "json_object" || holder.empty()) {
    if (!format.find("schema"))
      format.fail("schema", fmt::format("\"{}\" is required", format.path("schema")));
    found.form = {grammar::JsonSchema{schema_of(format, "schema")}};
    found.path = format.path("schema");
    return found;
  }
  if (!inner || !inner->is_object()) {
    format.fail(holder, fmt::format("\"{}\" should be an object", format.path(holder)));
    return found;
  }
  Fields held(inner->get_object(), format.path(holder) + ".");
  if (!held.find("schema"))
    held.fail("schema", fmt::format("\"{}\" is required", held.path("schema")));
  found.form = {grammar::JsonSchema{schema_of(held, "schema")}};
  found.path = held.path("schema");
  format.take(held);
  return found;
}

AnswerFormat read_answer_format(Fields& fields) {
  std::vector<AnswerFormat> found;
  if (const json::value* format = fields.find("response_format")) {
    if (!format->is_object()) {
      fields.fail("response_format", "\"response_format\" should be an object");
    } else {
      Fields inner(format->get_object(), "response_format.");
      found.push_back(read_typed_format(inner, "json_schema"));
      fields.take(inner);
    }
  }
  read_structured_outputs(fields, found);
  read_kinds(fields,
             {{"guided_json", "json"},
              {"guided_regex", "regex"},
              {"guided_choice", "choice"},
              {"guided_grammar", "grammar"},
              {"json_schema", "json"},
              {"grammar", "grammar"}},
             grammar::WhiteSpace::kReadable, found);
  std::erase_if(found, [](const AnswerFormat& format) { return !format.form; });
  if (found.size() > 1)
    fields.fail(found[1].path, fmt::format("\"{}\" and \"{}\" both say what the answer is",
                                           found[0].path, found[1].path));
  return found.empty() ? AnswerFormat{} : std::move(found.front());
}

void tell_format(const AnswerFormat& format, std::vector<chat::Message>& messages) {
  if (!format.form || !format.is_told) return;
  const auto* schema = std::get_if<grammar::JsonSchema>(&format.form->answer);
  if (!schema) return;
  const std::string text =
      fmt::format("Answer with JSON that satisfies this JSON schema, and with nothing else:\n{}",
                  json::serialize(schema->schema));
  const auto instructs = [](const chat::Message& message) {
    return message.role == chat::Role::kSystem || message.role == chat::Role::kDeveloper;
  };
  if (messages.empty() || !instructs(messages.front())) {
    chat::Message instructions;
    instructions.role = chat::Role::kSystem;
    instructions.content = text;
    messages.insert(messages.begin(), std::move(instructions));
    return;
  }
  chat::Content& content = messages.front().content;
  if (auto* parts = std::get_if<std::vector<chat::Part>>(&content))
    parts->push_back({chat::Part::Kind::kText, "\n\n" + text});
  else if (auto* said = std::get_if<std::string>(&content); said && !said->empty())
    *said += "\n\n" + text;
  else
    content = text;
}

namespace {

// Tools that are not strict are held to their schema too where that can be done.
grammar::CallableTool callable(const chat::Tool& tool) {
  const bool held = tool.strict || grammar::check_parameters(tool.parameters);
  return {tool.name, held ? tool.parameters : json::value()};
}

Parsed<AnswerGrammars::Grammar> write(const grammar::Constraint& constraint, std::string path,
                                      const Tokenizer& tokenizer) {
  auto text = grammar::write_grammar(constraint, grammar::MarkerTokens::of(tokenizer));
  if (!text) return invalid(path, fmt::format("{}: {}", path, text.error().message));
  return AnswerGrammars::Grammar{*std::move(text), std::move(path)};
}

}  // namespace

Parsed<AnswerGrammars> write_grammars(const AnswerFormat& format, const ToolUse& use,
                                      const Tokenizer& tokenizer) {
  AnswerGrammars grammars;
  const bool required = use.choice == ToolUse::Choice::kRequired;
  const bool strict = std::ranges::any_of(use.tools, &chat::Tool::strict);
  if (required || strict || (!use.tools.empty() && format.form)) {
    grammar::ToolCalls calls;
    for (const chat::Tool& tool : use.tools) calls.tools.push_back(callable(tool));
    calls.calls_max = use.parallel ? kCallsMax : 1;
    calls.calls_min = required || format.form ? 1 : 0;
    calls.text =
        calls.calls_min == 0 ? grammar::ToolCalls::Text::kBefore : grammar::ToolCalls::Text::kNone;
    auto written = write({std::move(calls)}, "tools", tokenizer);
    if (auto* error = std::get_if<ApiError>(&written)) return *std::move(error);
    (required || !format.form ? grammars.answer : grammars.calls) =
        std::get<AnswerGrammars::Grammar>(std::move(written));
  }
  if (required || !format.form) return grammars;
  auto written = write(*format.form, format.path, tokenizer);
  if (auto* error = std::get_if<ApiError>(&written)) return *std::move(error);
  grammars.answer = std::get<AnswerGrammars::Grammar>(std::move(written));
  grammars.of_text = true;
  return grammars;
}

}  // namespace g4::api
