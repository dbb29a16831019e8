// Tools in requests: which functions the model may call, and whether it must.
#pragma once

#include <string>
#include <vector>

#include "api/fields.h"
#include "api/generation.h"
#include "base/shared_list.h"
#include "chat/message.h"

namespace g4::api {

struct ToolUse {
  enum class Choice : std::uint8_t { kAuto, kRequired };
  enum class Form : std::uint8_t {
    kTools,
    kFunctions,  // OpenAI's first form: an answer has one call at most, its "function_call"
  };
  SharedList<chat::Tool> tools;  // those that may be called; none with "tool_choice": "none"
  Choice choice = Choice::kAuto;
  bool parallel = true;  // more than one call in an answer
  Form form = Form::kTools;
};

// "tools", "tool_choice" (none, auto, required, one by name, allowed_tools) and
// "parallel_tool_calls". A choice by name leaves that tool alone and requires it. The same by their
// first names, "functions" and "function_call".
Parsed<ToolUse> read_tools(Fields& fields, const ServedModel& model);
// The same of tools that the caller has read.
Parsed<ToolUse> choose_tools(Fields& fields, std::vector<chat::Tool> tools,
                             const ServedModel& model);

}  // namespace g4::api
