// answer(): one generation request from its parsed form to the last byte of its answer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "api/api_error.h"
#include "api/generation.h"
#include "http/exchange.h"
#include "http/sse.h"
#include "serve/metrics.h"
#include "service/service.h"

namespace g4 {

// What a dialect must offer: the generations that a request asks for, and whole answers and chunks
// from the same events of them.
class AnswerWriter {
 public:
  virtual ~AnswerWriter() = default;
  virtual std::size_t choices() const = 0;
  virtual GenerateRequest choice(std::size_t i) const = 0;
  virtual std::string whole(std::span<const api::Choice> choices) = 0;
  // What a stream begins with, before anything is generated.
  virtual std::vector<api::StreamChunk> first_chunks() { return {}; }
  virtual std::vector<api::StreamChunk> chunks(std::size_t choice, const ServiceEvent& event) = 0;
  virtual std::vector<api::StreamChunk> last_chunks() = 0;
  // What tells the client of a stream that it broke.
  virtual std::vector<api::StreamChunk> failure(const api::ApiError& error) = 0;
  virtual std::string error_body(const api::ApiError& error) = 0;
  virtual bool says_done() const = 0;  // OpenAI's "data: [DONE]" ends the stream
};

enum class Delivery : std::uint8_t { kWhole, kStream };

void respond_error(Exchange& exchange, const api::ApiError& error);
void respond_error(Exchange& exchange, const api::ApiError& error, std::string body);
// A body of JSON, or why there is none.
void respond_parsed(Exchange& exchange, const api::Parsed<std::string>& parsed);

// Submits one generation for each choice. If one is refused none runs, and the client is told why.
// `service` and `metrics` outlive the answer.
void answer(Service& service, Metrics& metrics, ExchangePtr exchange,
            std::unique_ptr<AnswerWriter> writer, Delivery delivery);

}  // namespace g4
