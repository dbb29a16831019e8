// POST /v1/chat/completions: words and media in; thoughts, words and tool calls out, whole or
// streamed. Bytes in, value out; event in, bytes out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/conversation.h"
#include "api/fields.h"
#include "api/generation.h"
#include "api/logprobs.h"

namespace g4::api {

struct ChatRequest : DeliveryFields, ConversationRequest {
  bool show_thoughts = true;
  ToolUse::Form call_form = ToolUse::Form::kTools;

  std::size_t choices() const { return n; }
  GenerateRequest choice(std::size_t i) const {
    return for_choice(prompt, static_cast<std::uint32_t>(i));
  }
};

// Fails with a sentence if the model has no chat template (a base model).
Parsed<ChatRequest> parse_chat(std::string_view body, const ServedModel& model,
                               const Tokenizer& tokenizer);

// The conversation in `fields`, for chat and /tokenize alike: what would change it and is not
// computed here is refused by name.
Parsed<Conversation> read_conversation(Fields& fields, const ServedModel& model,
                                       const Tokenizer& tokenizer);

class ChatWriter {
 public:
  ChatWriter(const ChatRequest& request, const ServedModel& model, const Tokenizer& tokenizer,
             std::string id, std::int64_t created);

  std::string whole(std::span<const Choice> choices);
  std::vector<std::string> chunks(std::size_t choice, const ServiceEvent& event);
  std::vector<std::string> last_chunks();

 private:
  struct State {
    bool begun = false;
    std::uint64_t output_tokens = 0, thought_tokens = 0;
  };
  boost::json::object head(std::string_view object) const;
  boost::json::object usage_of_all() const;
  std::string_view finish(const Finished& finished) const;
  std::string call_id(std::size_t choice, std::size_t call) const;
  void write_thought(std::string_view thought, boost::json::object& message) const;
  boost::json::object message(std::size_t index, const Choice& choice) const;
  boost::json::object call_delta(std::size_t index, boost::json::object function,
                                 boost::json::object head = {}) const;
  boost::json::object delta_of(std::size_t choice, const chat::OutputEvent& event) const;
  boost::json::object token_fields(std::span<const SampledToken> tokens, bool of_text) const;
  void add_chat_chunks(std::size_t choice, const ChatDelta& part, std::vector<std::string>& list);
  std::string chunk(std::size_t choice, boost::json::object delta, boost::json::object extra);
  bool wants_logprobs() const { return request_.prompt.sampling.logprobs.has_value(); }

  const ChatRequest& request_;
  const ServedModel& model_;
  const Tokenizer& tokenizer_;
  std::string id_;
  std::int64_t created_;
  std::vector<State> states_;  // by choice
};

}  // namespace g4::api
