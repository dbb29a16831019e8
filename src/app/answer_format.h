// What --json-schema and --grammar hold an answer to, by the rules and the grammars of the server.
#pragma once

#include <string>

#include "api/answer_format.h"
#include "app/options.h"
#include "base/result.h"
#include "text/tokenizer.h"

namespace g4::app {

// What the flags say. Nothing is asked of a model, so that a wrong file is told before one loads.
Result<api::AnswerFormat> read_format(const FormatArguments& arguments);

// Null if the format says nothing. Else takes a second, and 250 MB while it works.
Result<AnswerForm::Grammar> compile_format(const api::AnswerFormat& format,
                                           const Tokenizer& tokenizer);

}  // namespace g4::app
