// A conversation of any chat dialect on its way to a prompt: what all dialects check and do alike.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/answer_format.h"
#include "api/fields.h"
#include "api/generation.h"
#include "api/media.h"
#include "api/tools.h"
#include "chat/message.h"
#include "chat/render.h"
#include "service/media_prompt.h"

namespace g4::api {

struct Thinking {
  bool wanted = false;
  std::optional<std::uint64_t> tokens_max;
  bool shown = true;
};

struct Conversation {
  chat::Rendered rendered;           // with one placeholder for each of...
  std::vector<RequestMedium> media;  // ...these
  ToolUse tool_use;
  std::string list;  // the request's name for its messages, for errors
  Thinking thinking;
  AnswerGrammars grammars;
};

// A conversation whose media have been looked at.
struct SeenConversation {
  MediaPrompt prompt;
  boost::json::object media_usage;
};

struct ConversationRequest {
  Conversation conversation;        // with media: its caller looks at them, then calls take()
  GenerateRequest prompt;           // without media: complete
  boost::json::object media_usage;  // empty without media
  UnreadFields unread;

  const AnswerGrammars& grammars() const { return conversation.grammars; }
  void take(CompiledGrammars compiled);  // before the media are seen
  void take(SeenConversation seen);
};

// A conversation in the words of chat/.
struct Talk {
  std::string list;  // "messages"
  std::vector<chat::Message> messages;
  ToolUse tool_use;
  chat::ChatOptions options;
  std::optional<std::uint64_t> thought_tokens_max = {};
  AnswerFormat format = {};
  bool thoughts_shown = true;
};

// `fields`: the request, for what it says of all media. Refuses what this model does not perceive.
Parsed<Conversation> to_conversation(Fields& fields, Talk talk, const ServedModel& model,
                                     const Tokenizer& tokenizer);
// How the answer to it is read, and what it must be.
void shape_answer(const Conversation& conversation, GenerateRequest& prompt);

// OpenAI's efforts: none (as if it were absent) does not think; minimal, low and medium think
// within 256, 1,024 and 8,192 tokens, the others without a bound.
Thinking read_effort(Fields& fields, std::string_view key);
// "thinking": {"type": "enabled", "budget_tokens"}, "adaptive" or "disabled", as Anthropic's
// clients say it and others took it over. An adaptive model decides for itself, so one that cannot
// think just does not.
Thinking read_thinking(Fields& fields, const ServedModel& model);
// Fails at `key` if thoughts are wanted of a model that has none.
void check_thinking(Fields& fields, std::string_view key, bool wanted, const ServedModel& model);

// chat/ says "messages[2].content: why"; the part before the colon is the parameter. What names no
// place is the list's fault.
ApiError from_chat(const Error& error, std::string_view list);

}  // namespace g4::api
