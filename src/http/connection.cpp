#include "http/connection.h"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <exception>

#include "http/sse.h"

namespace g4 {
namespace asio = boost::asio;
using boost::system::error_code;
namespace {

// Requests sent ahead wait here while one is answered; beyond that the kernel holds them.
constexpr std::size_t kPipelinedBytesMax = 64 * 1024;
// A refused body of up to this size is read to its end, so that the connection can live on.
constexpr std::uint64_t kRefusedBodyBytesMax = 64 * 1024;

// A peer whose machine has vanished sends no FIN. The kernel finds out: by probes when nothing is
// being sent, by missing acknowledgements otherwise.
void watch_peer(asio::ip::tcp::socket& socket, std::chrono::milliseconds unacknowledged_max) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  const int idle_seconds = 30, interval_seconds = 10;
  const auto wait_ms = static_cast<unsigned>(unacknowledged_max.count());
  const int fd = socket.native_handle();
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &wait_ms, sizeof wait_ms);
}

// What the client's machine has not yet confirmed.
int unconfirmed_bytes(asio::ip::tcp::socket& socket) {
  int bytes = 0;
  ioctl(socket.native_handle(), TIOCOUTQ, &bytes);
  return bytes;
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, ConnectionHost& host)
    : socket_(std::move(socket)),
      timer_(socket_.get_executor()),
      host_(host),
      reader_(host.options().request) {
  error_code ec;
  const auto peer = socket_.remote_endpoint(ec);
  if (!ec) remote_address_ = peer.address().to_string();
  watch_peer(socket_, host.options().write_time_max);
}

void Connection::start(Admission admission) {
  asio::post(socket_.get_executor(), [self = shared_from_this(), admission] {
    if (self->state_ == State::kClosed) return;
    if (admission == Admission::kHouseFull)
      self->refuse(503, "too many connections", {{"Retry-After", "1"}});
    else
      self->expect_input();
    self->read();
  });
}

void Connection::close_if_idle() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] {
    if (self->state_ == State::kReading && !self->reader_.started()) self->close(Close::kPlain);
  });
}

void Connection::close_now() {
  asio::post(socket_.get_executor(), [self = shared_from_this()] { self->close(Close::kReset); });
}

// --- reading

void Connection::read() {
  if (read_pending_ || input_ended_ || state_ == State::kClosed) return;
  if (state_ == State::kAnswering && reader_.buffered_bytes() > kPipelinedBytesMax) return;
  read_pending_ = true;
  socket_.async_read_some(
      asio::buffer(in_),
      [self = shared_from_this()](error_code ec, std::size_t bytes) { self->on_read(ec, bytes); });
}

void Connection::on_read(error_code ec, std::size_t bytes) {
  read_pending_ = false;
  if (state_ == State::kClosed) return;
  if (ec) {
    input_ended_ = true;
    // An answer that is complete may still be read by a client that has only closed its side.
    const bool still_sending = state_ == State::kAnswering && core_ && core_->complete();
    if (ec != asio::error::eof || !still_sending) close(Close::kPlain);
    return;
  }
  if (state_ != State::kLingering) reader_.append({in_.data(), bytes});
  process_input();
  read();
}

void Connection::process_input() {
  while (state_ == State::kReading) {
    switch (reader_.step()) {
      case RequestReader::Step::kNeedMore:
        expect_input();
        return;
      case RequestReader::Step::kHeader:
        on_header();
        break;
      case RequestReader::Step::kDone:
        on_request(reader_.take());
        return;
      case RequestReader::Step::kRefused:
        refuse(reader_.refusal().status, reader_.refusal().message);
        return;
    }
  }
}

void Connection::on_header() {
  const ServerOptions& options = host_.options();
  std::optional<HttpResponse> refusal;
  if (options.admit && !is_preflight(reader_.request())) {
    HttpRequest seen = reader_.request();
    seen.remote_address = remote_address_;
    refusal = options.admit(seen);
  }
  const bool waits = reader_.expects_continue() && reader_.body_bytes() > 0;
  if (refusal && (waits || reader_.body_bytes() > kRefusedBodyBytesMax)) {
    HttpRequest request = reader_.request();
    request.keep_alive = false;
    begin_exchange(std::move(request))->respond(std::move(*refusal));
    return;
  }
  refusal_after_body_ = std::move(refusal);
  if (!waits) return;
  interim_ += "HTTP/1.1 100 Continue\r\n\r\n";
  pump();
}

void Connection::on_request(HttpRequest request) {
  if (!refusal_after_body_) return answer_request(std::move(request));
  HttpResponse refusal = std::move(*std::exchange(refusal_after_body_, std::nullopt));
  begin_exchange(std::move(request))->respond(std::move(refusal));
}

void Connection::answer_request(HttpRequest request) {
  if (is_preflight(request)) {
    const std::string wanted(request.header("access-control-request-headers").value_or(""));
    HttpHeaders headers{{"Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS"},
                        {"Access-Control-Max-Age", "600"}};
    if (!wanted.empty()) headers.add("Access-Control-Allow-Headers", wanted);
    begin_exchange(std::move(request))->respond({204, std::move(headers), ""});
    return;
  }
  Router::Match match = host_.router().find(request.method, request.segments);
  request.params = std::move(match.params);
  const std::shared_ptr<ExchangeCore> core = begin_exchange(std::move(request));
  pattern_ = match.pattern;
  if (match.handler == nullptr) {
    HttpResponse response = error_response(
        core->request(), match.status,
        match.status == 404 ? "no such path" : fmt::format("this path takes {}", match.allow));
    if (!match.allow.empty()) response.headers.add("Allow", match.allow);
    core->respond(std::move(response));
    return;
  }
  try {
    (*match.handler)(std::make_shared<Exchange>(core));
  } catch (const std::exception& error) {  // dropping the exchange has answered 500
    spdlog::error("http: the handler of {} threw: {}", match.pattern, error.what());
  }
}

// --- answering

std::shared_ptr<ExchangeCore> Connection::begin_exchange(HttpRequest request) {
  state_ = State::kAnswering;
  read_deadline_ = Clock::time_point::max();
  exchange_begin_ = Clock::now();
  pattern_ = {};
  ++requests_;
  request.remote_address = remote_address_;
  const bool last = requests_ >= host_.options().requests_per_connection_max;
  ExchangeCore::Setup setup;
  setup.queue_bytes_max = host_.options().queue_bytes_max;
  setup.extra_headers = cors_headers(request);
  setup.may_keep_alive = [&host = host_, last] { return !last && !host.draining(); };
  setup.error_body = [&host = host_](const HttpRequest& unanswered) {
    return host.options().error_body(unanswered, 500, "the request was not answered");
  };
  setup.wake = [weak = weak_from_this(), executor = socket_.get_executor()] {
    asio::post(executor, [weak] {
      if (const auto self = weak.lock()) self->pump();
    });
  };
  core_ = std::make_shared<ExchangeCore>(std::move(request), std::move(setup));
  return core_;
}

HttpResponse Connection::error_response(const HttpRequest& request, int status,
                                        std::string_view message) const {
  return json_response(status, host_.options().error_body(request, status, message));
}

// For requests whose end cannot be known: answers and closes.
void Connection::refuse(int status, std::string_view message, HttpHeaders headers) {
  HttpRequest request = reader_.request();
  request.keep_alive = false;
  if (request.id.empty()) request.id = make_request_id();
  HttpResponse response = error_response(request, status, message);
  for (const HttpHeader& header : headers) response.headers.add(header.name, header.value);
  begin_exchange(std::move(request))->respond(std::move(response));
}

bool Connection::is_preflight(const HttpRequest& request) const {
  return !host_.options().cors_allowed_origin.empty() && request.method == "OPTIONS" &&
         request.header("access-control-request-method");
}

HttpHeaders Connection::cors_headers(const HttpRequest& request) const {
  const std::string& allowed = host_.options().cors_allowed_origin;
  if (allowed.empty()) return {};
  const auto origin = request.header("origin");
  if (allowed != "*" && (!origin || *origin != allowed)) return {{"Vary", "Origin"}};
  return {{"Access-Control-Allow-Origin", allowed},
          {"Access-Control-Expose-Headers", "x-request-id, request-id"},
          {"Vary", "Origin"}};
}

void Connection::pump() {
  if (state_ == State::kClosed) return;
  if (write_pending_) {
    if (core_ && core_->must_reset()) close(Close::kReset);
    return;
  }
  out_ = std::exchange(interim_, {});
  out_sent_ = 0;
  auto end = ExchangeCore::End::kOpen;
  if (state_ == State::kAnswering && core_) {
    ExchangeCore::Output output = core_->take_output();
    end = output.end;
    if (out_.empty())
      out_ = std::move(output.bytes);
    else
      out_ += output.bytes;
  }
  if (end == ExchangeCore::End::kReset) return close(Close::kReset);
  if (!out_.empty()) return send_some();
  if (end == ExchangeCore::End::kComplete) return exchange_over(HttpAccess::Outcome::kAnswered);
  if (end == ExchangeCore::End::kBroken) return exchange_over(HttpAccess::Outcome::kAborted);
  if (core_ && core_->is_open_event_stream()) expect_event();
}

void Connection::send_some() {
  write_pending_ = true;
  quiet_deadline_ = Clock::time_point::max();
  write_deadline_ = Clock::now() + host_.options().write_time_max / 2;
  unconfirmed_bytes_.reset();
  watch_deadlines();
  socket_.async_write_some(
      asio::buffer(out_) + out_sent_,
      [self = shared_from_this()](error_code ec, std::size_t bytes) { self->on_sent(ec, bytes); });
}

void Connection::on_sent(error_code ec, std::size_t bytes) {
  write_pending_ = false;
  if (state_ == State::kClosed) return;
  if (ec) return close(Close::kPlain);
  out_sent_ += bytes;
  if (out_sent_ < out_.size()) {
    if (core_ && core_->must_reset()) return close(Close::kReset);
    return send_some();
  }
  write_deadline_ = Clock::time_point::max();
  pump();
}

void Connection::exchange_over(HttpAccess::Outcome outcome) {
  const std::shared_ptr<ExchangeCore> core = std::exchange(core_, nullptr);
  quiet_deadline_ = Clock::time_point::max();
  const bool again = core->keeps_alive() && outcome == HttpAccess::Outcome::kAnswered;
  const bool until_close = core->request().version_minor == 0;
  core->detach();
  if (host_.options().observe)
    host_.options().observe({.request = core->request(),
                             .pattern = pattern_,
                             .status = core->status(),
                             .bytes = core->bytes_queued(),
                             .time = std::chrono::duration_cast<std::chrono::microseconds>(
                                 Clock::now() - exchange_begin_),
                             .outcome = outcome});
  if (outcome == HttpAccess::Outcome::kClientGone) return;
  // Where only the close marks the end of the body, a reset is the one way to say "not the end".
  if (outcome == HttpAccess::Outcome::kAborted)
    return close(until_close ? Close::kReset : Close::kPlain);
  if (again && !input_ended_ && !host_.draining()) return next_request();
  linger();
}

void Connection::next_request() {
  state_ = State::kReading;
  phase_ = Phase::kIdle;
  expect_input();
  process_input();
  read();
}

// Closing with unread input would make the kernel send a reset, and that can overtake the answer.
void Connection::linger() {
  if (input_ended_) return close(Close::kPlain);
  state_ = State::kLingering;
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  read_deadline_ = Clock::now() + host_.options().linger_time_max;
  watch_deadlines();
  read();
}

void Connection::close(Close how) {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  timer_.cancel();
  error_code ignored;
  if (how == Close::kReset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  if (core_) exchange_over(HttpAccess::Outcome::kClientGone);
  host_.closed(*this);
}

// --- deadlines

void Connection::expect_event() {
  quiet_deadline_ = Clock::now() + host_.options().quiet_time_max;
  watch_deadlines();
}

void Connection::expect_input() {
  const ServerOptions& options = host_.options();
  const Phase now = reader_.header_done() ? Phase::kBody
                    : reader_.started()   ? Phase::kHead
                                          : Phase::kIdle;
  if (now == phase_ && read_deadline_ != Clock::time_point::max()) return;  // no gift of time
  phase_ = now;
  const auto time_max = now == Phase::kBody                     ? options.body_time_max
                        : now == Phase::kHead || requests_ == 0 ? options.header_time_max
                                                                : options.idle_time_max;
  read_deadline_ = Clock::now() + time_max;
  watch_deadlines();
}

// One timer for all; it may ring early, then looks again. So most new deadlines touch no timer.
void Connection::watch_deadlines() {
  const Clock::time_point next = std::min({read_deadline_, write_deadline_, quiet_deadline_});
  if (next >= timer_at_) return;
  timer_at_ = next;
  timer_.expires_at(next);
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (!ec) self->on_deadline();
  });
}

// Called at the half and at the whole of write_time_max. A socket with a large kernel buffer takes
// more bytes only after a third of it is free, so the buffer itself must be looked at.
bool Connection::client_reads() {
  const int bytes = unconfirmed_bytes(socket_);
  if (unconfirmed_bytes_ && bytes >= *unconfirmed_bytes_) return false;
  unconfirmed_bytes_ = bytes;
  write_deadline_ = Clock::now() + host_.options().write_time_max / 2;
  return true;
}

void Connection::on_deadline() {
  if (state_ == State::kClosed) return;
  timer_at_ = Clock::time_point::max();
  const Clock::time_point now = Clock::now();
  if (now >= write_deadline_ && !client_reads()) return close(Close::kReset);
  if (now >= read_deadline_) {
    if (state_ == State::kReading && reader_.started())
      refuse(408, "the request did not arrive in time");
    else
      return close(Close::kPlain);
  }
  if (now >= quiet_deadline_ && core_) {
    expect_event();
    core_->write(sse_comment("keep-alive"));
  }
  watch_deadlines();
}

}  // namespace g4
