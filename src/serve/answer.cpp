#include "serve/answer.h"

#include <fmt/format.h>

#include <utility>

namespace g4 {

void respond_error(Exchange& exchange, const api::ApiError& error) {
  HttpResponse response = json_response(error.status, api::error_body(error));
  if (error.status == 429 || error.status == 503) response.headers.add("Retry-After", "1");
  exchange.respond(std::move(response));
}

namespace {

// Shared by the sinks of all choices and the client-gone callback.
class Answer : public std::enable_shared_from_this<Answer> {
 public:
  Answer(Service& service, ExchangePtr exchange, std::unique_ptr<AnswerWriter> writer,
         Delivery delivery)
      : service_(service),
        exchange_(std::move(exchange)),
        writer_(std::move(writer)),
        delivery_(delivery) {}

  // Choices are made one at a time: each has a prompt of its own.
  void submit() EXCLUDES(mutex_) {
    std::optional<api::ApiError> refusal;
    {
      // Held over all submissions, so that no event is handled before the stream has begun.
      Lock lock(mutex_);
      choices_.resize(writer_->choices());
      running_ = choices_.size();
      for (std::size_t i = 0; i < choices_.size() && !refusal; ++i) {
        auto submitted = service_.submit(
            writer_->choice(i),
            [self = shared_from_this(), i](ServiceEvent event) { self->handle(i, event); });
        if (const auto* id = std::get_if<StreamId>(&submitted))
          streams_.push_back(*id);
        else
          refusal = api::refused(std::get<Refusal>(submitted));
      }
      if (refusal) {
        done_ = true;
      } else if (delivery_ == Delivery::kStream) {
        stream_ = exchange_->start_stream(
            200, {{"Content-Type", std::string(kSseContentType)}, {"Cache-Control", "no-cache"}});
      }
    }
    if (refusal) {
      cancel_all();
      return respond_error(*exchange_, *refusal);
    }
    exchange_->on_client_gone([self = shared_from_this()] { self->cancel_all(); });
  }

 private:
  void cancel_all() EXCLUDES(mutex_) {
    std::vector<StreamId> streams;
    {
      Lock lock(mutex_);
      streams = streams_;
    }
    for (StreamId id : streams) service_.cancel(id);
  }

  void handle(std::size_t choice, const ServiceEvent& event) EXCLUDES(mutex_) {
    bool failed = false;
    {
      Lock lock(mutex_);
      if (done_) return;
      const auto* finished = std::get_if<Finished>(&event);
      if (finished && (finished->reason == Finished::Reason::kError ||
                       finished->reason == Finished::Reason::kCancelled)) {
        fail(*finished);
        failed = true;
      } else {
        deliver(choice, event);
        if (finished && --running_ == 0) complete();
      }
    }
    if (failed) cancel_all();
  }

  void deliver(std::size_t choice, const ServiceEvent& event) REQUIRES(mutex_) {
    if (delivery_ == Delivery::kWhole) return choices_[choice].add(event);
    for (const std::string& chunk : writer_->chunks(choice, event)) send(chunk);
  }

  void complete() REQUIRES(mutex_) {
    done_ = true;
    if (delivery_ == Delivery::kWhole)
      return exchange_->respond(json_response(200, writer_->whole(choices_)));
    for (const std::string& chunk : writer_->last_chunks()) send(chunk);
    stream_->write(sse_done());
    stream_->finish();
  }

  // A stream that broke must not read as whole: an error line, then the connection is broken off.
  void fail(const Finished& finished) REQUIRES(mutex_) {
    done_ = true;
    const bool cancelled = finished.reason == Finished::Reason::kCancelled;
    const api::ApiError error{cancelled ? 503 : 500,
                              cancelled ? "the generation was cancelled" : finished.error,
                              std::nullopt, ""};
    if (delivery_ == Delivery::kWhole) return respond_error(*exchange_, error);
    send(api::error_body(error));
    stream_->abort();
  }

  void send(const std::string& json) REQUIRES(mutex_) {
    stream_->write(sse_data(escape_line_separators(json)));
  }

  Service& service_;
  const ExchangePtr exchange_;
  const std::unique_ptr<AnswerWriter> writer_;
  const Delivery delivery_;
  Mutex mutex_;
  std::vector<api::Choice> choices_ GUARDED_BY(mutex_);
  std::vector<StreamId> streams_ GUARDED_BY(mutex_);
  std::size_t running_ GUARDED_BY(mutex_) = 0;
  bool done_ GUARDED_BY(mutex_) = false;
  StreamPtr stream_ GUARDED_BY(mutex_);
};

}  // namespace

void answer(Service& service, ExchangePtr exchange, std::unique_ptr<AnswerWriter> writer,
            Delivery delivery) {
  // No use in trying again later, so not the 429 of a full queue.
  if (writer->choices() > service.open_requests_max())
    return respond_error(
        *exchange,
        api::invalid("n", fmt::format("{} answers were asked for, but {} can run and wait "
                                      "here at once",
                                      writer->choices(), service.open_requests_max())));
  std::make_shared<Answer>(service, std::move(exchange), std::move(writer), delivery)->submit();
}

}  // namespace g4
