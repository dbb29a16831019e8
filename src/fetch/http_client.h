// One HTTP GET at a time, for downloads: libcurl with limits, and redirects followed by hand.
//
// Only https, except to loopback addresses; each redirect is held to the same rule. The bearer
// token goes to the origin (scheme, host, port) of the first address only, never to a host that a
// redirect names. Threads: one client per thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace g4 {

using AnswerHeaders = std::map<std::string, std::string, std::less<>>;  // names in lower case

struct HttpGet {
  std::string url;
  std::string bearer;        // empty: no Authorization header
  std::uint64_t offset = 0;  // > 0: Range: bytes=offset-
  std::uint64_t body_bytes_max = 0;
  std::uint32_t seconds_max = 0;  // 0: as long as bytes keep coming
};

struct HttpAnswer {
  long status = 0;         // 0: no answer; then `failure` says why
  AnswerHeaders headers;   // of the last answer, over those of the redirects before it
  std::string failure;     // a transfer that broke off or never began; the body may be partial
  bool can_retry = false;  // the failure may pass by itself
};

// Gets status and headers once, before the first byte of the body; an Error ends the transfer.
using OnStart = std::function<Status(const HttpAnswer&)>;
using OnBody = std::function<Status(std::string_view)>;

class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Error: our own side failed (a forbidden address, a callback's error). What the other side does
  // is an answer. Bodies of redirects are not passed on.
  Result<HttpAnswer> get(const HttpGet& request, const OnStart& on_start, const OnBody& on_body);
  // The whole body as text.
  Result<HttpAnswer> get_text(const HttpGet& request, std::string& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Percent-encodes one segment of a path.
std::string escape_segment(std::string_view segment);
// An Error unless `url` is https, or http to a loopback address.
Status check_url(const std::string& url);

}  // namespace g4
