// Exchange: one request and the right to answer it, once. StreamWriter: an answer in pieces.
//
// Threads: every method may be called from any thread, and none blocks. Both may outlive the
// connection and the server; calls then do nothing.
// Letting go of the last ExchangePtr without an answer answers 500; letting go of the last
// StreamPtr without finish() aborts. So a lost answer never looks like a complete one.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "http/message.h"

namespace g4 {

class ExchangeCore;

class StreamWriter {
 public:
  explicit StreamWriter(std::shared_ptr<ExchangeCore> core) : core_(std::move(core)) {}
  ~StreamWriter();
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  // Queues a piece of the body. False once the client is gone, and when it reads so slowly that
  // ServerOptions::queue_bytes_max are waiting already behind the piece that goes next: it is
  // dropped then (a producer of tokens must not be held up). A piece may be of any size; of an
  // event stream it ends with an event, as comments may be sent between pieces.
  bool write(std::string_view piece);
  // The body is complete. on_client_gone is not called after this.
  void finish();
  // The body will never be complete: sends what is queued, then breaks the connection off without
  // the end of the body, so that no client takes it for whole.
  void abort();

 private:
  std::shared_ptr<ExchangeCore> core_;
};
using StreamPtr = std::shared_ptr<StreamWriter>;

class Exchange {
 public:
  explicit Exchange(std::shared_ptr<ExchangeCore> core) : core_(std::move(core)) {}
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  const HttpRequest& request() const;

  // The whole answer. At most one of respond() and start_stream(), once.
  void respond(HttpResponse response);
  // The head now, the body by the writer: chunked, or up to the close for HTTP/1.0. The answer to
  // a HEAD request keeps its head only.
  StreamPtr start_stream(int status, const HttpHeaders& headers);

  // `callback` is called once, when the client leaves (or the server stops) before the answer is
  // complete: stop computing it. On a server thread, or at once on this one if it has left
  // already. It must not block. It may run while finish() is being called on another thread, never
  // starts after that. It is let go when the answer is complete, so it may own the exchange.
  void on_client_gone(std::function<void()> callback);
  bool client_gone() const;

 private:
  std::shared_ptr<ExchangeCore> core_;
};
using ExchangePtr = std::shared_ptr<Exchange>;

}  // namespace g4
