// What a request asks its answer to be: "response_format", "structured_outputs" and their like,
// strict tools, "tool_choice": required. Read here, checked, and brought to the grammars that the
// service compiles.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "api/fields.h"
#include "api/tools.h"
#include "chat/message.h"
#include "grammar/constraint.h"
#include "grammar/grammar_text.h"
#include "service/answer_rule.h"
#include "text/tokenizer.h"

namespace g4::api {

struct AnswerFormat {
  std::optional<grammar::Constraint> form;  // none: anything
  std::string path;                         // of the field that says so
  bool is_told = false;                     // the model is shown the schema, in its instructions
};

// OpenAI's "response_format", vLLM's "structured_outputs" and "guided_...", llama-server's
// "json_schema" and "grammar"; at most one of them.
AnswerFormat read_answer_format(Fields& fields);

// A format of the type json_schema, json_object or text. `holder`: its member that holds the
// schema ("json_schema" in chat; "" if the format itself does).
AnswerFormat read_typed_format(Fields& format, std::string_view holder);

// Puts the schema into the instructions, so that the model knows what it is held to: a grammar
// alone lets it run into members that it did not think of.
void tell_format(const AnswerFormat& format, std::vector<chat::Message>& messages);

// Grammars that a request calls for, not compiled yet.
struct AnswerGrammars {
  struct Grammar {
    grammar::GrammarText text;
    std::string path;  // of the field that calls for it
  };
  std::optional<Grammar> answer;
  std::optional<Grammar> calls;  // that may come in the answer's place
  bool of_text = false;          // `answer` is the text's, not that of calls

  bool empty() const { return !answer && !calls; }
};
struct CompiledGrammars {
  AnswerForm::Grammar answer, calls;
};
Parsed<AnswerGrammars> write_grammars(const AnswerFormat& format, const ToolUse& use,
                                      const Tokenizer& tokenizer);

}  // namespace g4::api
