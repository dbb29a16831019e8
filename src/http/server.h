// HttpServer: sockets, limits and deadlines around a Router. HTTP/1.0 and 1.1, no TLS, no HTTP/2
// (a proxy in front brings those). Knows nothing of models.
//
// Threads: `threads` of its own run handlers and hooks, several at once. start(), drain() and
// stop() belong to one outside thread, never to a handler.
// Failure: start() says why it cannot listen. After that every bad request, slow client and full
// house is answered or dropped; nothing a client sends ends the server.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"
#include "http/request_reader.h"
#include "http/router.h"

namespace g4 {

// What became of one request, for the access log and metrics.
struct HttpAccess {
  enum class Outcome : std::uint8_t {
    kAnswered,    // all of the answer was handed to the kernel
    kClientGone,  // the client left first, or was too slow, or the server stopped
    kAborted,     // by the handler, after the answer had begun
  };
  const HttpRequest& request;
  std::string_view pattern;           // of the route; empty if none
  int status = 0;                     // 0: none was sent
  std::size_t bytes = 0;              // of the answer, head included
  std::chrono::microseconds time{0};  // from the whole request to the end of the answer
  Outcome outcome = Outcome::kAnswered;
};

struct ServerOptions {
  std::string address = "127.0.0.1";  // an IP address
  std::uint16_t port = 0;             // 0: any free one, see HttpServer::port()
  unsigned threads = 2;

  RequestLimits request;
  std::size_t connections_max = 8192;  // more are told 503 and closed
  std::size_t requests_per_connection_max = 100'000;
  std::size_t queue_bytes_max = 1024 * 1024;  // of one stream, waiting behind its next piece

  std::chrono::milliseconds header_time_max{10'000};  // first byte to end of headers, else 408
  std::chrono::milliseconds body_time_max{120'000};   // else 408
  std::chrono::milliseconds idle_time_max{75'000};    // between requests
  // A client is dropped when it has confirmed no byte for this long (looked at twice in that time,
  // so after half of it at the earliest).
  std::chrono::milliseconds write_time_max{20'000};
  // After this long without a word an event stream says a comment: proxies and clients give up on
  // what is silent for a minute or five, and a long prompt takes longer.
  std::chrono::milliseconds quiet_time_max{15'000};
  std::chrono::milliseconds linger_time_max{1'000};  // for the client to close after us

  // Empty: no CORS. "*" or one origin: its pages may read answers, and preflights are answered.
  std::string cors_allowed_origin;

  // JSON text for every refusal of this room (400, 404, 405, 408, 413, ...). Of the request only
  // its id is sure to be there: it may have been refused before its path was read.
  std::function<std::string(const HttpRequest&, int status, std::string_view message)> error_body;
  // Called when the headers are there and before the body is read or asked for; an answer here
  // refuses the request. For keys and rate limits.
  std::function<std::optional<HttpResponse>(const HttpRequest&)> admit;
  // Called at the end of each request. Must not block.
  std::function<void(const HttpAccess&)> observe;
};

struct ServerStats {
  std::size_t connections = 0;  // open now
  std::uint64_t connections_total = 0;
  std::uint64_t connections_refused_total = 0;
};

class HttpServer {
 public:
  HttpServer(ServerOptions options, Router router);
  ~HttpServer();  // stop()
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  Status start();
  std::uint16_t port() const;  // after start()
  ServerStats stats() const;

  // Takes no more connections, closes the idle ones, and lets running exchanges finish for up to
  // `grace`; then breaks them off. True if all finished. The server is stopped after it.
  bool drain(std::chrono::milliseconds grace);
  void stop();  // drain without grace

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace g4
