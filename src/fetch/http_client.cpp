#include "fetch/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cctype>

namespace g4 {
namespace {

constexpr std::size_t kHeaderBytesMax = 64 * 1024;
constexpr std::uint64_t kRedirectBytesMax = 1024 * 1024;  // of a body that nobody reads
constexpr long kConnectSeconds = 20;

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

bool is_loopback(const Url& url) {
  static const Network v4 = *parse_network("127.0.0.0/8"), v6 = *parse_network("::1");
  if (!url.address()) return url.host() == "localhost";
  return v4.contains(*url.address()) || v6.contains(*url.address());
}

bool can_retry(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

Trouble trouble_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return Trouble::kUnreachable;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return Trouble::kUntrusted;
    case CURLE_OPERATION_TIMEDOUT:
      return Trouble::kTooSlow;
    default:
      return Trouble::kBroken;
  }
}

// What the callbacks of one hop share.
struct Transfer {
  CURL* curl;
  const HttpGet& request;
  const std::string& host;  // of the first hop: what the caller knows
  const OnStart& on_start;
  const OnBody& on_body;
  const AddressRule& may_connect;
  std::uint64_t body_bytes = 0;
  HttpAnswer answer{};
  std::size_t header_bytes = 0;
  bool started = false;
  std::string error{};

  bool is_redirect() const {
    return answer.status >= 300 && answer.status < 400 && answer.status != 304;
  }

  Status start() {
    started = true;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    if (is_redirect()) return {};
    if (Status status = on_start(answer); !status) return status;
    curl_off_t length = -1;
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    return check_size(length < 0 ? 0 : static_cast<std::uint64_t>(length), request.body_bytes_max);
  }

  Status body(std::string_view bytes) {
    if (!started) {
      if (Status status = start(); !status) return status;
    }
    body_bytes += bytes.size();
    if (is_redirect()) return check_size(body_bytes, kRedirectBytesMax);
    if (Status status = check_size(body_bytes, request.body_bytes_max); !status) return status;
    return on_body(bytes);
  }

  Status check_size(std::uint64_t bytes, std::uint64_t bytes_max) const {
    if (bytes <= bytes_max) return {};
    return Error{fmt::format("{}: the answer is larger than {} bytes", host, bytes_max)};
  }
};

std::string lower(std::string_view text) {
  std::string copy(text);
  std::transform(copy.begin(), copy.end(), copy.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return copy;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::size_t receive_header(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  transfer.header_bytes += size;
  if (transfer.header_bytes > kHeaderBytesMax) {
    transfer.error =
        fmt::format("{}: the answer's headers exceed {} bytes", transfer.host, kHeaderBytesMax);
    return 0;
  }
  const std::string_view line(data, size);
  const std::size_t colon = line.find(':');
  if (colon != std::string_view::npos)
    transfer.answer.headers[lower(line.substr(0, colon))] = trim(line.substr(colon + 1));
  return size;
}

std::size_t receive_body(char* data, std::size_t, std::size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  const Status status = transfer.body({data, size});
  if (status) return size;
  transfer.error = status.error().message;
  return 0;  // curl ends the transfer with CURLE_WRITE_ERROR
}

// Close-on-exec: the server starts programs.
curl_socket_t open_socket(void* user, curlsocktype purpose, curl_sockaddr* to) {
  const auto& transfer = *static_cast<Transfer*>(user);
  if (purpose != CURLSOCKTYPE_IPCXN) return CURL_SOCKET_BAD;
  if (transfer.may_connect) {
    const auto address = IpAddress::of(&to->addr, to->addrlen);
    if (!address || !transfer.may_connect(*address)) return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

int watch_stop(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->request.stop.stop_requested() ? 1 : 0;
}

}  // namespace

struct HttpClient::Impl {
  HttpRules rules;
  CURL* curl = nullptr;

  void set_limits(const HttpGet& request, Clock::time_point deadline) const {
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(request.stall_max.count()));
    if (request.time_max.count() == 0) return;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(left, 1)));
    // Else a slow resolver is waited for beyond that; the thread that curl gives it ends by itself.
    curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  }

  void set_trust() const {
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (rules.proxy == Proxy::kNone) curl_easy_setopt(curl, CURLOPT_PROXY, "");
    if (rules.authorities_pem.empty()) return;
    // Beside the blob curl still looks into the system's folder of authorities.
    curl_blob blob{const_cast<char*>(rules.authorities_pem.data()), rules.authorities_pem.size(),
                   CURL_BLOB_COPY};
    curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &blob);
  }

  void set_callbacks(Transfer& transfer) const {
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch_stop);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  }

  CURLcode perform(const Url& url, bool with_token, Clock::time_point deadline,
                   Transfer& transfer) const {
    curl_easy_reset(curl);
    set_request(transfer.request, url, with_token);
    set_limits(transfer.request, deadline);
    set_trust();
    set_callbacks(transfer);
    return curl_easy_perform(curl);
  }

  void set_request(const HttpGet& request, const Url& url, bool with_token) const {
    curl_easy_setopt(curl, CURLOPT_CURLU, url.handle());
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "gemma4/" G4_VERSION);
    if (request.offset > 0)
      curl_easy_setopt(curl, CURLOPT_RANGE, fmt::format("{}-", request.offset).c_str());
    if (with_token && !request.bearer.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
      curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request.bearer.c_str());
    }
  }
};

Result<AddressRule> judge_download(const Url& url) {
  if (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))) return AddressRule{};
  return Error{fmt::format("{}://{} is refused: downloads use https only (http only on loopback)",
                           url.scheme(), url.host())};
}

HttpClient::HttpClient(HttpRules rules) : impl_(std::make_unique<Impl>(std::move(rules))) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  assert(global == CURLE_OK);
  (void)global;
  impl_->curl = curl_easy_init();
  assert(impl_->curl != nullptr);
}

HttpClient::~HttpClient() { curl_easy_cleanup(impl_->curl); }

Result<HttpAnswer> HttpClient::get(const HttpGet& request, const OnStart& on_start,
                                   const OnBody& on_body) {
  const Clock::time_point deadline = Clock::now() + request.time_max;
  const Url origin = G4_TRY(Url::parse(request.url));
  const Error nowhere{fmt::format("{}: a redirect that leads nowhere", origin.host())};
  std::string next = request.url;
  AnswerHeaders headers;
  for (int hop = 0; hop <= impl_->rules.redirects_max; ++hop) {
    const Result<Url> parsed = Url::parse(next);
    if (!parsed) return nowhere;
    const Url& url = *parsed;
    const AddressRule may_connect = G4_TRY(impl_->rules.judge(url));
    Transfer transfer{.curl = impl_->curl,
                      .request = request,
                      .host = origin.host(),
                      .on_start = on_start,
                      .on_body = on_body,
                      .may_connect = may_connect};
    transfer.answer.headers = std::move(headers);
    const CURLcode code = impl_->perform(url, url.same_origin(origin), deadline, transfer);
    if (request.stop.stop_requested()) return Error{"stopped"};
    if (!transfer.error.empty()) return Error{transfer.error};
    if (code != CURLE_OK) {
      transfer.answer.failure = fmt::format("{}: {}", url.host(), curl_easy_strerror(code));
      transfer.answer.trouble = trouble_of(code);
      transfer.answer.can_retry = can_retry(code);
      return std::move(transfer.answer);
    }
    if (!transfer.started) {  // an empty body
      if (Status status = transfer.start(); !status) return status.error();
    }
    if (!transfer.is_redirect()) return std::move(transfer.answer);
    char* location = nullptr;
    curl_easy_getinfo(impl_->curl, CURLINFO_REDIRECT_URL, &location);
    if (location == nullptr) return nowhere;
    next = location;
    headers = std::move(transfer.answer.headers);
  }
  return Error{
      fmt::format("{}: more than {} redirects", origin.host(), impl_->rules.redirects_max)};
}

Result<HttpAnswer> HttpClient::get_text(const HttpGet& request, std::string& body) {
  body.clear();
  return get(
      request, [](const HttpAnswer&) { return Status{}; },
      [&](std::string_view bytes) {
        body += bytes;
        return Status{};
      });
}

std::string escape_segment(std::string_view segment) {
  if (segment.empty()) return {};  // curl would take its length from a NUL
  char* const escaped = curl_easy_escape(nullptr, segment.data(), static_cast<int>(segment.size()));
  assert(escaped != nullptr);
  std::string copy(escaped);
  curl_free(escaped);
  return copy;
}

Status check_url(const std::string& url) {
  const Url parsed = G4_TRY(Url::parse(url));
  const auto rule = judge_download(parsed);
  return rule ? Status{} : rule.error();
}

Status check_authorities(const std::string& pem) {
  const std::unique_ptr<BIO, int (*)(BIO*)> source(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> first(
      PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr), X509_free);
  return first ? Status{} : Error{"no certificate in PEM (-----BEGIN CERTIFICATE-----)"};
}

}  // namespace g4
