// OpenAI's Responses, POST /v1/responses: items in; thoughts, words and calls out as items, whole
// or as named events. Bytes in, value out; event in, bytes out.
//
// Thoughts are told as they are (reasoning_text), never summed up. A call that was cut off gets no
// `done` event and is "incomplete": agents run a call as soon as it is done.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/conversation.h"
#include "api/fields.h"
#include "api/generation.h"
#include "api/stored_response.h"

namespace g4::api {

struct ResponsesRequest : ConversationRequest {
  bool stream = false;
  bool store = true;
  bool carries_thoughts = false;           // include: reasoning.encrypted_content
  boost::json::array input;                // as it is stored; empty if it is not
  ResponseTurns earlier;                   // what it goes on from
  boost::json::object echo;                // members of the answer that repeat the request
  std::vector<std::string> skipped_tools;  // types that are not for this server

  std::size_t choices() const { return 1; }
  GenerateRequest choice(std::size_t) const { return prompt; }
};

// `find`: responses that "previous_response_id" and item references may name.
Parsed<ResponsesRequest> parse_responses(std::string_view body, const ServedModel& model,
                                         const Tokenizer& tokenizer, const FindResponse& find);

// POST /v1/responses/input_tokens
std::string input_tokens(const ResponsesRequest& request);

// Whole and streamed answers are made of the same items: those of the blocks of a Choice.
// `now`: seconds since the epoch.
class ResponsesWriter {
 public:
  // `key` names the response (stored_response.h); `request` outlives the writer.
  ResponsesWriter(const ResponsesRequest& request, const ServedModel& model,
                  const Tokenizer& tokenizer, std::string key, std::int64_t created);

  std::string whole(const Choice& choice, std::int64_t now);
  std::vector<StreamChunk> first_chunks();
  std::vector<StreamChunk> chunks(const ServiceEvent& event, std::int64_t now);
  std::vector<StreamChunk> failure(const ApiError& error);

  // Once the answer is complete: what is to be kept of it, unless the request asks not to.
  std::optional<ResponseToStore> take_to_store() { return std::exchange(to_store_, std::nullopt); }

 private:
  enum class Status : std::uint8_t { kInProgress, kCompleted, kIncomplete, kFailed };
  static std::string_view name(Status status);

  boost::json::object part(const AnswerBlock& block) const;
  boost::json::object item_head(const AnswerBlock& block, std::size_t index, Status status) const;
  boost::json::object item(const Choice& choice, std::size_t index) const;
  boost::json::object response(const Choice& choice, Status status) const;
  boost::json::object finished(const Choice& choice, std::int64_t now);
  boost::json::array logprobs(std::span<const SampledToken> tokens) const;

  StreamChunk event(std::string_view type, boost::json::object fields);
  StreamChunk block_event(std::string_view type, boost::json::object fields);
  void add(const chat::OutputEvent& output, std::vector<StreamChunk>& list);
  void begin(std::vector<StreamChunk>& list);
  void tell(std::string_view text, std::vector<StreamChunk>& list);
  void end(std::vector<StreamChunk>& list);

  const ResponsesRequest& request_;
  const ServedModel& model_;
  const Tokenizer& tokenizer_;
  const std::string key_;
  const std::int64_t created_;
  std::optional<ResponseToStore> to_store_;

  // Of a stream.
  Choice choice_;
  std::uint64_t sequence_ = 0;
  std::optional<std::size_t> open_;  // the block that may go on
  std::size_t tokens_told_ = 0;      // of that block
};

}  // namespace g4::api
