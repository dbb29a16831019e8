// ExchangeCore: the meeting point of a handler (any thread) and the connection (its strand).
// Internal to the room. The handler's side fills a byte queue; the connection empties it.
//
// `wake` tells the connection that there is something to fetch; it is called under the lock and so
// must only post. After detach() nothing here touches the connection any more.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "base/thread_annotations.h"
#include "http/message.h"

namespace g4 {

class ExchangeCore {
 public:
  struct Setup {
    std::size_t queue_bytes_max;
    std::function<bool()> may_keep_alive;  // asked when the head is written
    std::function<void()> wake;
    HttpHeaders extra_headers;  // of every answer (CORS)
    // Of the 500 for an exchange nobody answered.
    std::function<std::string(const HttpRequest&)> error_body;
  };
  ExchangeCore(HttpRequest request, Setup setup);

  // Handler's side.
  const HttpRequest& request() const { return request_; }
  void respond(HttpResponse response) EXCLUDES(mutex_);
  void start_stream(int status, const HttpHeaders& headers) EXCLUDES(mutex_);
  bool write(std::string_view piece) EXCLUDES(mutex_);
  void finish() EXCLUDES(mutex_);
  void abort() EXCLUDES(mutex_);
  void respond_if_unanswered() EXCLUDES(mutex_);
  void on_client_gone(std::function<void()> callback) EXCLUDES(mutex_);
  bool client_gone() const EXCLUDES(mutex_);

  // Connection's side.
  enum class End : std::uint8_t {
    kOpen,      // more may come
    kComplete,  // `bytes` is the last of it
    kBroken,    // after `bytes` the connection must end without the end of the body
    kReset,     // the client did not read: nothing more can be sent
  };
  struct Output {
    std::string bytes;
    End end;
  };
  Output take_output() EXCLUDES(mutex_);
  bool must_reset() const EXCLUDES(mutex_);
  void detach() EXCLUDES(mutex_);
  bool keeps_alive() const EXCLUDES(mutex_);
  bool is_open_event_stream() const EXCLUDES(mutex_);
  bool complete() const EXCLUDES(mutex_);  // the answer is whole, though perhaps not yet sent
  int status() const EXCLUDES(mutex_);     // 0: none yet
  std::size_t bytes_queued() const EXCLUDES(mutex_);  // in all

 private:
  void append_head(int status, const HttpHeaders& headers, Framing framing, std::size_t body_bytes)
      REQUIRES(mutex_);
  void wake() REQUIRES(mutex_);

  const HttpRequest request_;
  mutable Mutex mutex_;
  Setup setup_ GUARDED_BY(mutex_);
  std::function<void()> client_gone_callback_ GUARDED_BY(mutex_);
  std::string queue_ GUARDED_BY(mutex_);
  std::size_t first_bytes_ GUARDED_BY(mutex_) = 0;  // of queue_, up to its first piece's end
  std::size_t bytes_queued_ GUARDED_BY(mutex_) = 0;
  Framing framing_ GUARDED_BY(mutex_) = Framing::kLength;
  int status_ GUARDED_BY(mutex_) = 0;
  End end_ GUARDED_BY(mutex_) = End::kOpen;
  bool keep_alive_ GUARDED_BY(mutex_) = false;
  bool event_stream_ GUARDED_BY(mutex_) = false;
  bool gone_ GUARDED_BY(mutex_) = false;
  bool wake_posted_ GUARDED_BY(mutex_) = false;
};

}  // namespace g4
