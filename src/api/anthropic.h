// Anthropic's Messages: POST /v1/messages, whole or streamed, and /v1/messages/count_tokens. Bytes
// in, value out; event in, bytes out.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/conversation.h"
#include "api/fields.h"
#include "api/generation.h"

namespace g4::api {

struct MessagesRequest : ConversationRequest {
  bool stream = false;
  bool show_thoughts = true;  // else a client gets their signature only
};

Parsed<MessagesRequest> parse_messages(std::string_view body, const ServedModel& model,
                                       const Tokenizer& tokenizer);
// The same fields; those that only shape an answer are not looked at.
Parsed<ConversationRequest> parse_count_tokens(std::string_view body, const ServedModel& model,
                                               const Tokenizer& tokenizer);
std::string count_tokens_answer(const ConversationRequest& request);

// Whether `path` is one of this dialect, whose errors have a shape of their own.
bool is_anthropic_path(std::string_view path);
std::string anthropic_error_body(const ApiError& error, std::string_view request_id);
// The same as the last event of a stream.
StreamChunk anthropic_failure(const ApiError& error, std::string_view request_id);

class MessagesWriter {
 public:
  // The ids of the message and of its calls are made from `id`.
  MessagesWriter(const MessagesRequest& request, const ServedModel& model, std::string id);

  std::string whole(const Choice& choice) const;
  std::vector<StreamChunk> first_chunks() const;
  std::vector<StreamChunk> chunks(const ServiceEvent& event);
  std::vector<StreamChunk> last_chunks() const;

 private:
  boost::json::object head() const;
  boost::json::object usage(const Finished& finished) const;
  boost::json::object ending(const Finished& finished) const;
  std::string call_id(std::size_t call) const;
  std::string block_json(const AnswerBlock& block, std::size_t call) const;
  void add(const chat::OutputEvent& event, std::vector<StreamChunk>& list);
  void open(AnswerBlock::Kind kind, boost::json::object block, std::vector<StreamChunk>& list);
  void close(std::vector<StreamChunk>& list);
  void add_delta(boost::json::object delta, std::vector<StreamChunk>& list) const;

  const MessagesRequest& request_;
  const ServedModel& model_;
  const std::string id_;
  // Of a stream.
  std::optional<AnswerBlock::Kind> open_;
  std::size_t blocks_ = 0, calls_ = 0;  // begun
};

}  // namespace g4::api
