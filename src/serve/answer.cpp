#include "serve/answer.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>
#include <vector>

#include "base/thread_annotations.h"
#include "serve/request_meter.h"

namespace g4 {

void respond_error(Exchange& exchange, const api::ApiError& error) {
  respond_error(exchange, error, api::error_body(error));
}

void respond_error(Exchange& exchange, const api::ApiError& error, std::string body) {
  HttpResponse response = json_response(error.status, std::move(body));
  if (error.status == 429 || error.status == 503) response.headers.add("Retry-After", "1");
  exchange.respond(std::move(response));
}

void respond_parsed(Exchange& exchange, const api::Parsed<std::string>& parsed) {
  if (const auto* error = std::get_if<api::ApiError>(&parsed))
    return respond_error(exchange, *error);
  exchange.respond(json_response(200, std::get<std::string>(parsed)));
}

namespace {

std::string to_sse(const api::StreamChunk& chunk) {
  const std::string json = escape_line_separators(chunk.json);
  return chunk.event.empty() ? sse_data(json) : sse_event(chunk.event, json);
}

std::string to_sse(const std::vector<api::StreamChunk>& chunks) {
  std::string lines;
  for (const api::StreamChunk& chunk : chunks) lines += to_sse(chunk);
  return lines;
}

// Shared by the sinks of all choices and the client-gone callback.
//
// Events are queued and handled by one thread at a time, in order: first by the one that submits,
// so that none is handled before the stream has begun, then by whoever brings one. The lock is held
// for the queue alone: the engine thread never waits while another submits or writes.
class Answer : public std::enable_shared_from_this<Answer> {
 public:
  Answer(Service& service, Metrics& metrics, ExchangePtr exchange,
         std::unique_ptr<AnswerWriter> writer, Delivery delivery)
      : service_(service),
        metrics_(metrics),
        exchange_(std::move(exchange)),
        writer_(std::move(writer)),
        delivery_(delivery),
        choices_(writer_->choices()),
        running_(choices_.size()) {}

  // Choices are made one at a time: each has a prompt of its own.
  void submit() EXCLUDES(mutex_) {
    std::optional<api::ApiError> refusal;
    for (std::size_t i = 0; i < choices_.size() && !refusal; ++i) {
      GenerateRequest request = writer_->choice(i);
      RequestMeter meter(metrics_, std::chrono::steady_clock::now());
      auto submitted = service_.submit(
          std::move(request), [self = shared_from_this(), i, meter](ServiceEvent event) mutable {
            meter.see(event, std::chrono::steady_clock::now());
            self->take({i, std::move(event)});
          });
      if (const auto* id = std::get_if<StreamId>(&submitted))
        streams_.push_back(*id);
      else
        refusal = refused(std::get<Refusal>(submitted));
    }
    if (refusal) {
      done_ = true;
      cancel_all();
      respond_error(*exchange_, *refusal, writer_->error_body(*refusal));
    } else {
      if (delivery_ == Delivery::kStream) begin_stream();
      exchange_->on_client_gone([self = shared_from_this()] { self->cancel_all(); });
    }
    handle_queued();
  }

 private:
  struct Event {
    std::size_t choice;
    ServiceEvent event;
  };

  api::ApiError refused(const Refusal& refusal) {
    metrics_.count_refused(refusal.kind);
    return api::refused(refusal);
  }

  void begin_stream() {
    stream_ = exchange_->start_stream(
        200, {{"Content-Type", std::string(kSseContentType)}, {"Cache-Control", "no-cache"}});
    if (const std::string first = to_sse(writer_->first_chunks()); !first.empty())
      stream_->write(first);
  }

  void cancel_all() {
    for (StreamId id : streams_) service_.cancel(id);
  }

  void take(Event event) EXCLUDES(mutex_) {
    {
      Lock lock(mutex_);
      queue_.push_back(std::move(event));
      if (std::exchange(handling_, true)) return;
    }
    handle_queued();
  }

  // By the thread that set handling_.
  void handle_queued() EXCLUDES(mutex_) {
    std::vector<Event> events;
    while (true) {
      {
        Lock lock(mutex_);
        events.clear();
        events.swap(queue_);
        handling_ = !events.empty();
        if (!handling_) return;
      }
      for (const Event& event : events) handle(event.choice, event.event);
    }
  }

  void handle(std::size_t choice, const ServiceEvent& event) {
    if (done_) return;
    const auto* finished = std::get_if<Finished>(&event);
    if (finished && (finished->reason == Finished::Reason::kError ||
                     finished->reason == Finished::Reason::kCancelled))
      return fail(*finished);
    deliver(choice, event);
    if (finished && --running_ == 0) complete();
  }

  void deliver(std::size_t choice, const ServiceEvent& event) {
    if (delivery_ == Delivery::kWhole) return choices_[choice].add(event);
    // One piece: what one event calls for is no sign of a slow reader.
    stream_->write(to_sse(writer_->chunks(choice, event)));
  }

  void complete() {
    done_ = true;
    if (delivery_ == Delivery::kWhole)
      return exchange_->respond(json_response(200, writer_->whole(choices_)));
    stream_->write(to_sse(writer_->last_chunks()));
    if (writer_->says_done()) stream_->write(sse_done());
    stream_->finish();
  }

  // A stream that broke must not read as whole: an error line, then the connection is broken off.
  void fail(const Finished& finished) {
    done_ = true;
    const bool cancelled = finished.reason == Finished::Reason::kCancelled;
    const api::ApiError error{cancelled ? 503 : 500,
                              cancelled ? "the generation was cancelled" : finished.error,
                              std::nullopt, ""};
    if (delivery_ == Delivery::kWhole) {
      respond_error(*exchange_, error, writer_->error_body(error));
    } else {
      stream_->write(to_sse(writer_->failure(error)));
      stream_->abort();
    }
    cancel_all();
  }

  Service& service_;
  Metrics& metrics_;
  const ExchangePtr exchange_;
  const std::unique_ptr<AnswerWriter> writer_;
  const Delivery delivery_;

  // Of the thread that handles; streams_ no longer changes once others may read it.
  std::vector<StreamId> streams_;
  std::vector<api::Choice> choices_;
  std::size_t running_;
  bool done_ = false;
  StreamPtr stream_;

  Mutex mutex_;
  std::vector<Event> queue_ GUARDED_BY(mutex_);
  bool handling_ GUARDED_BY(mutex_) = true;  // submit() is the first
};

}  // namespace

void answer(Service& service, Metrics& metrics, ExchangePtr exchange,
            std::unique_ptr<AnswerWriter> writer, Delivery delivery) {
  // No use in trying again later, so not the 429 of a full queue.
  if (writer->choices() > service.open_requests_max()) {
    const api::ApiError error = api::invalid(
        "n", fmt::format("{} answers were asked for, but {} can run and wait here at once",
                         writer->choices(), service.open_requests_max()));
    metrics.count_refused(Refusal::Kind::kInvalid);
    return respond_error(*exchange, error, writer->error_body(error));
  }
  std::make_shared<Answer>(service, metrics, std::move(exchange), std::move(writer), delivery)
      ->submit();
}

}  // namespace g4
