// Connection: one client's socket, from accept to close. Internal to the room.
//
// A small state machine on a strand: read a request, let a handler answer, send, again. A read is
// pending in every state, also while an answer is computed or streamed: that is how a client that
// leaves is noticed at once. Plain callbacks instead of coroutines: reading, sending and deadlines
// run side by side here, and this compiles in seconds.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "http/exchange_core.h"
#include "http/request_reader.h"
#include "http/server.h"

namespace g4 {

class Connection;

// What a connection needs of its server; outlives it.
struct ConnectionHost {
  virtual ~ConnectionHost() = default;
  virtual const ServerOptions& options() const = 0;
  virtual const Router& router() const = 0;
  virtual bool draining() const = 0;
  virtual void closed(Connection& connection) = 0;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::ip::tcp::socket socket, ConnectionHost& host);

  // These three post to the strand.
  enum class Admission : std::uint8_t { kWelcome, kHouseFull };
  void start(Admission admission);
  void close_if_idle();
  void close_now();

 private:
  using Clock = std::chrono::steady_clock;
  enum class State : std::uint8_t { kReading, kAnswering, kLingering, kClosed };
  enum class Close : std::uint8_t { kPlain, kReset };

  void read();
  void on_read(boost::system::error_code ec, std::size_t bytes);
  void process_input();
  void on_header();
  void on_request(HttpRequest request);
  void answer_request(HttpRequest request);

  std::shared_ptr<ExchangeCore> begin_exchange(HttpRequest request);
  void refuse(int status, std::string_view message, HttpHeaders headers = {});
  HttpResponse error_response(const HttpRequest& request, int status,
                              std::string_view message) const;
  bool is_preflight(const HttpRequest& request) const;
  HttpHeaders cors_headers(const HttpRequest& request) const;

  void pump();
  void send_some();
  void on_sent(boost::system::error_code ec, std::size_t bytes);
  void exchange_over(HttpAccess::Outcome outcome);
  void next_request();
  void linger();
  void close(Close how);

  void watch_deadlines();
  void on_deadline();
  bool client_reads();
  void expect_event();
  void expect_input();  // sets read_deadline_ by how far the request has come

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  ConnectionHost& host_;
  std::string remote_address_;
  State state_ = State::kReading;

  std::array<char, 16 * 1024> in_;
  bool read_pending_ = false;
  bool input_ended_ = false;
  RequestReader reader_;
  std::optional<HttpResponse> refusal_after_body_;

  std::string interim_;  // 100 Continue
  std::string out_;
  std::size_t out_sent_ = 0;
  bool write_pending_ = false;
  std::optional<int> unconfirmed_bytes_;  // at the half of the write time

  std::shared_ptr<ExchangeCore> core_;
  std::string_view pattern_;
  Clock::time_point exchange_begin_;
  std::size_t requests_ = 0;

  enum class Phase : std::uint8_t { kIdle, kHead, kBody };
  Phase phase_ = Phase::kIdle;
  Clock::time_point read_deadline_ = Clock::time_point::max();
  Clock::time_point write_deadline_ = Clock::time_point::max();
  Clock::time_point quiet_deadline_ = Clock::time_point::max();  // of an event stream
  Clock::time_point timer_at_ = Clock::time_point::max();
};

}  // namespace g4
