#include "fetch/http_client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace g4 {
namespace {

constexpr int kRedirectsMax = 8;
constexpr std::size_t kHeaderBytesMax = 64 * 1024;
constexpr long kConnectSeconds = 20;
constexpr long kStallSeconds = 60;  // no whole kilobyte a second for so long: broken off

struct UrlParts {
  std::string scheme, host, port;
  bool same_origin(const UrlParts& other) const {
    return scheme == other.scheme && host == other.host && port == other.port;
  }
};

std::string url_part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

// Read by curl's own parser, so that we judge the host that curl will really ask.
Result<UrlParts> parse_url(const std::string& text) {
  const std::unique_ptr<CURLU, void (*)(CURLU*)> url(curl_url(), curl_url_cleanup);
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return Error{fmt::format("'{}' is no address", text)};
  return UrlParts{url_part(url.get(), CURLUPART_SCHEME), url_part(url.get(), CURLUPART_HOST),
                  url_part(url.get(), CURLUPART_PORT)};
}

bool is_loopback(const std::string& host) {
  const bool dotted =
      host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
  return dotted || host == "localhost" || host == "[::1]";
}

Status check_parts(const UrlParts& parts) {
  if (parts.scheme == "https") return {};
  if (parts.scheme == "http" && is_loopback(parts.host)) return {};
  return Error{fmt::format("{}://{} is refused: downloads use https only (http only on loopback)",
                           parts.scheme, parts.host)};
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

// What the callbacks of one hop share.
struct Transfer {
  CURL* curl = nullptr;
  const OnStart* on_start = nullptr;
  const OnBody* on_body = nullptr;
  std::uint64_t body_bytes_max = 0;
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
    return is_redirect() ? Status{} : (*on_start)(answer);
  }

  Status body(std::string_view bytes) {
    if (!started) {
      if (Status status = start(); !status) return status;
    }
    if (is_redirect()) return {};
    body_bytes += bytes.size();
    if (body_bytes > body_bytes_max)
      return Error{fmt::format("the answer is larger than the {} bytes expected", body_bytes_max)};
    return (*on_body)(bytes);
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
    transfer.error = fmt::format("the answer's headers exceed {} bytes", kHeaderBytesMax);
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

}  // namespace

struct HttpClient::Impl {
  CURL* curl = nullptr;

  void set_up(const HttpGet& request, const std::string& url, bool with_token,
              Transfer& transfer) const {
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1024L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, kStallSeconds);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(request.seconds_max));
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "gemma4/" G4_VERSION);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, receive_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    if (request.offset > 0)
      curl_easy_setopt(curl, CURLOPT_RANGE, fmt::format("{}-", request.offset).c_str());
    if (with_token && !request.bearer.empty()) {
      curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
      curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request.bearer.c_str());
    }
  }
};

HttpClient::HttpClient() : impl_(std::make_unique<Impl>()) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_DEFAULT);
  assert(global == CURLE_OK);
  (void)global;
  impl_->curl = curl_easy_init();
  assert(impl_->curl != nullptr);
}

HttpClient::~HttpClient() { curl_easy_cleanup(impl_->curl); }

Result<HttpAnswer> HttpClient::get(const HttpGet& request, const OnStart& on_start,
                                   const OnBody& on_body) {
  const UrlParts origin = G4_TRY(parse_url(request.url));
  std::string url = request.url;
  AnswerHeaders headers;
  for (int hop = 0; hop <= kRedirectsMax; ++hop) {
    const UrlParts parts = G4_TRY(parse_url(url));
    if (Status status = check_parts(parts); !status) return status.error();
    Transfer transfer{.curl = impl_->curl,
                      .on_start = &on_start,
                      .on_body = &on_body,
                      .body_bytes_max = request.body_bytes_max};
    transfer.answer.headers = headers;
    impl_->set_up(request, url, parts.same_origin(origin), transfer);
    const CURLcode code = curl_easy_perform(impl_->curl);
    if (!transfer.error.empty()) return Error{transfer.error};
    if (code != CURLE_OK) {
      transfer.answer.failure = fmt::format("{}: {}", parts.host, curl_easy_strerror(code));
      transfer.answer.can_retry = can_retry(code);
      return std::move(transfer.answer);
    }
    if (!transfer.started) {  // an empty body
      if (Status status = transfer.start(); !status) return status.error();
    }
    if (!transfer.is_redirect()) return std::move(transfer.answer);
    char* next = nullptr;
    curl_easy_getinfo(impl_->curl, CURLINFO_REDIRECT_URL, &next);
    if (next == nullptr) return Error{fmt::format("{}: a redirect that leads nowhere", parts.host)};
    url = next;
    headers = std::move(transfer.answer.headers);
  }
  return Error{fmt::format("{}: more than {} redirects", origin.host, kRedirectsMax)};
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
  static constexpr std::string_view kPlain = "-._~";
  std::string out;
  for (const char c : segment) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || kPlain.find(c) != kPlain.npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

Status check_url(const std::string& url) { return check_parts(G4_TRY(parse_url(url))); }

}  // namespace g4
