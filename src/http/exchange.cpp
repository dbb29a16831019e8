#include "http/exchange.h"

#include <fmt/format.h>

#include <cassert>
#include <chrono>
#include <utility>

#include "http/exchange_core.h"
#include "http/sse.h"

namespace g4 {
namespace {

std::int64_t now_seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

StreamWriter::~StreamWriter() { core_->abort(); }
bool StreamWriter::write(std::string_view piece) { return core_->write(piece); }
void StreamWriter::finish() { core_->finish(); }
void StreamWriter::abort() { core_->abort(); }

Exchange::~Exchange() { core_->respond_if_unanswered(); }
const HttpRequest& Exchange::request() const { return core_->request(); }
void Exchange::respond(HttpResponse response) { core_->respond(std::move(response)); }
StreamPtr Exchange::start_stream(int status, const HttpHeaders& headers) {
  core_->start_stream(status, headers);
  return std::make_shared<StreamWriter>(core_);
}
void Exchange::on_client_gone(std::function<void()> callback) {
  core_->on_client_gone(std::move(callback));
}
bool Exchange::client_gone() const { return core_->client_gone(); }

ExchangeCore::ExchangeCore(HttpRequest request, Setup setup)
    : request_(std::move(request)), setup_(std::move(setup)) {}

void ExchangeCore::append_head(int status, const HttpHeaders& headers, Framing framing,
                               std::size_t body_bytes) {
  assert(status_ == 0 && "a request is answered once");
  status_ = status;
  framing_ = framing;
  keep_alive_ = request_.keep_alive && framing != Framing::kUntilClose && setup_.may_keep_alive();
  queue_ += response_head({.status = status,
                           .framing = framing,
                           .body_bytes = body_bytes,
                           .version_minor = request_.version_minor,
                           .keep_alive = keep_alive_,
                           .request_id = request_.id,
                           .now_seconds = now_seconds()},
                          headers, setup_.extra_headers);
}

void ExchangeCore::wake() {
  if (std::exchange(wake_posted_, true)) return;
  setup_.wake();
}

void ExchangeCore::respond(HttpResponse response) {
  std::function<void()> let_go;  // destroyed after the lock: it may own the exchange
  Lock lock(mutex_);
  if (gone_) return;
  const bool bodyless = response.status == 204 || response.status == 304;
  append_head(response.status, response.headers, bodyless ? Framing::kNone : Framing::kLength,
              response.body.size());
  if (!bodyless && request_.method != "HEAD") queue_ += response.body;
  bytes_queued_ += queue_.size();
  end_ = End::kComplete;
  let_go.swap(client_gone_callback_);
  wake();
}

void ExchangeCore::start_stream(int status, const HttpHeaders& headers) {
  Lock lock(mutex_);
  if (gone_) return;
  const bool bodyless = status == 204 || status == 304;
  append_head(status, headers,
              bodyless                      ? Framing::kNone
              : request_.version_minor == 0 ? Framing::kUntilClose
                                            : Framing::kChunked,
              0);
  if (bodyless) framing_ = Framing::kNone;
  const auto type = headers.find("content-type");
  event_stream_ = !bodyless && type && type->starts_with(kSseContentType);
  bytes_queued_ += queue_.size();
  wake();
}

bool ExchangeCore::write(std::string_view piece) {
  Lock lock(mutex_);
  if (gone_ || end_ != End::kOpen) return false;
  assert(status_ != 0);
  const bool silent = framing_ == Framing::kNone || request_.method == "HEAD";
  if (silent || piece.empty()) return true;  // an empty chunk would end the body
  // The first piece in the queue is not counted: however large, it must be given the time to leave.
  if (queue_.size() - first_bytes_ >= setup_.queue_bytes_max) {
    end_ = End::kReset;
    queue_.clear();
    setup_.wake();  // even if one is posted: the connection may be stuck in a write
    return false;
  }
  const std::size_t before = queue_.size();
  if (framing_ == Framing::kChunked) {
    fmt::format_to(std::back_inserter(queue_), "{:x}\r\n", piece.size());
    queue_ += piece;
    queue_ += "\r\n";
  } else {
    queue_ += piece;
  }
  bytes_queued_ += queue_.size() - before;
  if (first_bytes_ == 0) first_bytes_ = queue_.size();
  wake();
  return true;
}

void ExchangeCore::finish() {
  std::function<void()> let_go;
  Lock lock(mutex_);
  if (gone_ || end_ != End::kOpen) return;
  assert(status_ != 0);
  if (framing_ == Framing::kChunked && request_.method != "HEAD") queue_ += "0\r\n\r\n";
  end_ = End::kComplete;
  let_go.swap(client_gone_callback_);
  wake();
}

void ExchangeCore::abort() {
  std::function<void()> let_go;
  Lock lock(mutex_);
  if (gone_ || end_ != End::kOpen) return;
  end_ = End::kBroken;
  let_go.swap(client_gone_callback_);
  wake();
}

void ExchangeCore::respond_if_unanswered() {
  std::string body;
  {
    Lock lock(mutex_);
    if (gone_ || status_ != 0) return;
    body = setup_.error_body(request_);
  }
  respond(json_response(500, std::move(body)));
}

void ExchangeCore::on_client_gone(std::function<void()> callback) {
  bool call_now = false;
  std::function<void()> let_go;
  {
    Lock lock(mutex_);
    call_now = gone_ && (end_ == End::kOpen || end_ == End::kReset);
    if (!call_now && end_ == End::kOpen) {
      let_go.swap(client_gone_callback_);
      client_gone_callback_ = std::move(callback);
    }
  }
  if (call_now) callback();
}

bool ExchangeCore::client_gone() const {
  Lock lock(mutex_);
  return gone_;
}

ExchangeCore::Output ExchangeCore::take_output() {
  Lock lock(mutex_);
  wake_posted_ = false;
  Output output{std::exchange(queue_, {}), end_};
  first_bytes_ = 0;
  return output;
}

bool ExchangeCore::must_reset() const {
  Lock lock(mutex_);
  return end_ == End::kReset;
}

void ExchangeCore::detach() {
  std::function<void()> callback;
  Setup let_go;
  {
    Lock lock(mutex_);
    gone_ = true;
    queue_.clear();
    std::swap(let_go, setup_);
    callback.swap(client_gone_callback_);
  }
  if (callback) callback();
}

bool ExchangeCore::keeps_alive() const {
  Lock lock(mutex_);
  return keep_alive_;
}

bool ExchangeCore::is_open_event_stream() const {
  Lock lock(mutex_);
  return event_stream_ && end_ == End::kOpen;
}

bool ExchangeCore::complete() const {
  Lock lock(mutex_);
  return end_ == End::kComplete;
}

int ExchangeCore::status() const {
  Lock lock(mutex_);
  return status_;
}

std::size_t ExchangeCore::bytes_queued() const {
  Lock lock(mutex_);
  return bytes_queued_;
}

}  // namespace g4
