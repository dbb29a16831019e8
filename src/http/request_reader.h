// RequestReader: bytes in, checked requests out. No sockets, no clock; fuzz/http_request_fuzz.cpp
// drives it.
//
// Beast's parser does the grammar. Around it stand the checks that it lacks (found by attacking
// it): obs-fold, repeated Content-Length, transfer codings other than `chunked`, and trailers,
// which Beast would merge into the headers. A refusal is final: the connection must end, because
// nobody can say where the next request would begin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"

namespace g4 {

struct RequestLimits {
  std::size_t target_bytes_max = 8 * 1024;             // else 414
  std::size_t header_bytes_max = 32 * 1024;            // request line and headers, else 431
  std::uint64_t body_bytes_max = 64ULL * 1024 * 1024;  // else 413
};

struct HttpRefusal {
  int status = 400;
  std::string message;  // a sentence; quotes nothing that the client sent
};

class RequestReader {
 public:
  explicit RequestReader(RequestLimits limits);
  RequestReader(RequestReader&&) noexcept;
  ~RequestReader();

  void append(std::string_view bytes);
  std::size_t buffered_bytes() const { return input_.size(); }

  enum class Step : std::uint8_t {
    kNeedMore,
    kHeader,   // once per request: request() holds all but the body
    kDone,     // the body too; take() it
    kRefused,  // see refusal(); final
  };
  Step step();

  bool started() const;  // some byte of the current request has been seen
  bool header_done() const;
  bool expects_continue() const;     // asks for `100 Continue` before it sends the body
  std::uint64_t body_bytes() const;  // announced; the maximum when the body is chunked

  // `id` is set (the client's or a new one); `remote_address` and `params` are not.
  const HttpRequest& request() const { return request_; }
  HttpRequest take();  // after kDone; the reader then waits for the next request
  const HttpRefusal& refusal() const { return refusal_; }

 private:
  struct Parser;
  enum class State : std::uint8_t { kHead, kBody, kDone, kRefused };

  Step read_head();
  Step read_body();
  Step refuse(int status, std::string message);
  bool find_head_end();  // true when found; state_ may become kRefused
  bool accept_head();
  bool accept_target();
  bool accept_framing();
  bool accept_host();
  void reset();

  RequestLimits limits_;
  std::string input_;
  std::size_t scanned_ = 0;     // of input_, while looking for the end of the head
  std::size_t line_begin_ = 0;  // of the line being scanned
  std::size_t line_index_ = 0;
  int empty_lines_ = 0;  // before the request line
  State state_ = State::kHead;
  bool expects_continue_ = false;
  std::unique_ptr<Parser> parser_;
  HttpRequest request_;
  HttpRefusal refusal_;
};

}  // namespace g4
