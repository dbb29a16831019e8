#include "app/answer_format.h"

#include <fmt/format.h>

#include <utility>

#include "chat/json_members.h"
#include "grammar/grammars.h"

namespace g4::app {
namespace {

constexpr std::string_view kSchemaFlag = "--json-schema";
constexpr std::string_view kGrammarFlag = "--grammar";

Result<boost::json::value> read_schema(const std::string& text_or_file) {
  const std::size_t begin = text_or_file.find_first_not_of(" \t\r\n");
  const bool is_text = begin != std::string::npos && text_or_file[begin] == '{';
  const std::string text = is_text ? text_or_file : G4_TRY(read_text_file(text_or_file));
  auto schema = chat::json_members::read_json(text);
  if (!schema)
    return Error{
        fmt::format("{} {}", is_text ? "the schema" : text_or_file, schema.error().message)};
  return schema;
}

Error named(std::string_view flag, const Error& error) {
  return Error{fmt::format("{}: {}", flag, error.message)};
}

}  // namespace

Result<api::AnswerFormat> read_format(const FormatArguments& arguments) {
  api::AnswerFormat format;
  if (arguments.json_schema) {
    auto schema = read_schema(*arguments.json_schema);
    if (!schema) return named(kSchemaFlag, schema.error());
    format = {grammar::Constraint{grammar::JsonSchema{*std::move(schema)}},
              std::string(kSchemaFlag), true};
  } else if (arguments.grammar) {
    auto text = read_text_file(*arguments.grammar);
    if (!text) return named(kGrammarFlag, text.error());
    format = {grammar::Constraint{grammar::ClientGrammar{*std::move(text)}},
              std::string(kGrammarFlag), false};
  }
  if (!format.form) return format;
  const auto written = grammar::write_grammar(*format.form, {});
  if (!written) return named(format.path, written.error());
  return format;
}

Result<AnswerForm::Grammar> compile_format(const api::AnswerFormat& format,
                                           const Tokenizer& tokenizer) {
  const auto written = api::write_grammars(format, {}, tokenizer);
  if (const auto* error = std::get_if<api::ApiError>(&written)) return Error{error->message};
  const auto& wanted = std::get<api::AnswerGrammars>(written).answer;
  if (!wanted) return AnswerForm::Grammar();
  const std::shared_ptr<const Tokenizer> held(std::shared_ptr<const void>(), &tokenizer);
  const auto grammars = G4_TRY(grammar::Grammars::create(held));
  auto compiled = grammars->compile(wanted->text);
  if (!compiled) return Error{fmt::format("{}: {}", wanted->path, compiled.error().message)};
  return *std::move(compiled);
}

}  // namespace g4::app
