// One HTTP GET at a time: libcurl with limits, and redirects followed by hand.
//
// A judge says of each hop, before anything of it is resolved, whether it may be asked and at which
// addresses; curl's own sockets are held to that. The bearer token goes to the origin (scheme,
// host, port) of the first address only, never to a host that a redirect names. There are no
// cookies, no referrer, and nothing of .netrc. Threads: one client per thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fetch/address.h"
#include "fetch/url.h"

namespace g4 {

// May a socket be connected to it? Empty: to any.
using AddressRule = std::function<bool(const IpAddress&)>;
using HopJudge = std::function<Result<AddressRule>(const Url&)>;

// https, or http to a loopback address, wherever it is.
Result<AddressRule> judge_download(const Url& url);

enum class Proxy {
  kOfEnvironment,
  kNone,  // a proxy would resolve names by itself, past every AddressRule
};

struct HttpRules {
  HopJudge judge = judge_download;
  int redirects_max = 8;
  Proxy proxy = Proxy::kOfEnvironment;
  std::string authorities_pem{};  // trusted besides the system's
};

struct HttpGet {
  std::string url;
  std::string bearer{};      // empty: no Authorization header
  std::uint64_t offset = 0;  // > 0: Range: bytes=offset-
  std::uint64_t body_bytes_max = 0;
  std::chrono::milliseconds time_max{0};  // with all redirects; 0: as long as bytes keep coming
  std::chrono::seconds stall_max{60};     // without a whole kilobyte a second
  std::stop_token stop{};                 // noticed within about a second
};

using AnswerHeaders = std::map<std::string, std::string, std::less<>>;  // names in lower case

enum class Trouble {
  kNone,
  kUnreachable,  // not resolved, not connected, or no address that the rule allows
  kUntrusted,    // its certificate
  kTooSlow,
  kBroken,
};

struct HttpAnswer {
  long status = 0;        // 0: no answer; then `failure` says why
  AnswerHeaders headers;  // of the last answer, over those of the redirects before it
  std::string failure;    // a transfer that broke off or never began; the body may be partial
  Trouble trouble = Trouble::kNone;  // of what kind that was
  bool can_retry = false;            // it may pass by itself
};

// Gets status and headers once, before the first byte of the body; an Error ends the transfer.
using OnStart = std::function<Status(const HttpAnswer&)>;
using OnBody = std::function<Status(std::string_view)>;

class HttpClient {
 public:
  explicit HttpClient(HttpRules rules = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Error: our own side ended it (a judge, a limit of bytes or redirects, a callback, `stop`). What
  // else the other side does is an answer. Bodies of redirects are not passed on.
  Result<HttpAnswer> get(const HttpGet& request, const OnStart& on_start, const OnBody& on_body);
  // The whole body as text.
  Result<HttpAnswer> get_text(const HttpGet& request, std::string& body);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Percent-encodes one segment of a path.
std::string escape_segment(std::string_view segment);
// An Error unless `url` may be downloaded from.
Status check_url(const std::string& url);
// An Error unless it holds a certificate in PEM.
Status check_authorities(const std::string& pem);

}  // namespace g4
