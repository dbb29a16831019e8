// What goes over the wire, as plain values: requests, answers and their headers.
//
// Everything in an HttpRequest came from a stranger, but has passed the checks of
// request_reader.h: `path`, `segments` and `query` are valid UTF-8 without NUL. Header values are
// bytes (no CR, LF, NUL), and `body` is whatever was sent.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace g4 {

bool iequals(std::string_view a, std::string_view b);  // ASCII only

struct HttpHeader {
  std::string name;
  std::string value;
};

// In the order given; looked up without regard to case.
class HttpHeaders {
 public:
  HttpHeaders() = default;
  HttpHeaders(std::initializer_list<HttpHeader> all) : all_(all) {}

  void add(std::string name, std::string value);
  std::optional<std::string_view> find(std::string_view name) const;  // the first of that name
  std::size_t count(std::string_view name) const;

  auto begin() const { return all_.begin(); }
  auto end() const { return all_.end(); }
  std::size_t size() const { return all_.size(); }

 private:
  std::vector<HttpHeader> all_;
};

struct NamedValue {
  std::string name;
  std::string value;
};

struct HttpRequest {
  std::string method;  // as sent
  std::string target;  // as sent, percent signs and all
  std::string path;    // decoded; a %2F in it is a plain slash here
  std::vector<std::string>
      segments;                    // of the path, decoded after splitting: ids keep their slashes
  std::vector<NamedValue> query;   // decoded, `+` is a space
  std::vector<NamedValue> params;  // filled by the router from {name} in the pattern
  HttpHeaders headers;
  std::string body;
  std::string remote_address;  // without the port
  std::string id;              // also sent back as x-request-id, and as Anthropic's request-id
  int version_minor = 1;       // of HTTP/1.x
  bool keep_alive = false;     // the client's wish

  std::optional<std::string_view> header(std::string_view name) const { return headers.find(name); }
  std::optional<std::string_view> query_value(std::string_view name) const;
  std::string_view param(std::string_view name) const;  // asserts that the pattern names it
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  // not Content-Length, Connection, Date...: the server writes those
  std::string body;
};

// The usual answer of an API.
HttpResponse json_response(int status, std::string json);

// "Not Found" for 404; never empty.
std::string_view reason_phrase(int status);

// May this go out as a header? Refuses CR, LF, NUL and other control bytes in the value, and names
// that are not tokens: Beast and Asio would send them as they are.
bool is_sendable(const HttpHeader& header);

// `Tue, 24 Nov 2026 08:31:02 GMT`.
std::string http_date(std::int64_t seconds_since_epoch);

// A client's x-request-id is taken over if it is 1 to 128 of [A-Za-z0-9._-].
bool is_sane_request_id(std::string_view id);
std::string make_request_id();
// 24 hexadecimal digits that nobody can guess.
std::string make_random_key();

// How the body of an answer ends.
enum class Framing { kLength, kChunked, kUntilClose, kNone };

struct HeadFacts {
  int status = 200;
  Framing framing = Framing::kLength;
  std::size_t body_bytes = 0;  // kLength only
  int version_minor = 1;       // of the request
  bool keep_alive = true;
  std::string_view request_id;
  std::int64_t now_seconds = 0;
};
// The bytes before the body, with the empty line. Headers that must not be sent (is_sendable), or
// that are the server's to write, are left out and logged: a mistake of ours, not the client's.
std::string response_head(const HeadFacts& facts, const HttpHeaders& headers,
                          const HttpHeaders& more = {});

}  // namespace g4
