#include "http/message.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <ctime>

namespace g4 {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_alnum(char c) { return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'); }

bool is_token_char(char c) {
  return is_alnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Framing and identity are decided in one place, response_head.
bool is_servers_own(std::string_view name) {
  for (std::string_view own :
       {"content-length", "transfer-encoding", "connection", "keep-alive", "date", "server",
        "x-request-id", "request-id", "trailer", "upgrade"})
    if (iequals(name, own)) return true;
  return false;
}

void append_checked(std::string& head, const HttpHeaders& headers) {
  for (const HttpHeader& header : headers) {
    if (!is_sendable(header) || is_servers_own(header.name)) {
      spdlog::error("http: answer header not sent, its name or value is not allowed");
      continue;
    }
    fmt::format_to(std::back_inserter(head), "{}: {}\r\n", header.name, header.value);
  }
}

}  // namespace

bool iequals(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

void HttpHeaders::add(std::string name, std::string value) {
  all_.push_back({std::move(name), std::move(value)});
}

std::optional<std::string_view> HttpHeaders::find(std::string_view name) const {
  for (const HttpHeader& header : all_)
    if (iequals(header.name, name)) return header.value;
  return std::nullopt;
}

std::size_t HttpHeaders::count(std::string_view name) const {
  return static_cast<std::size_t>(std::count_if(
      all_.begin(), all_.end(), [&](const HttpHeader& h) { return iequals(h.name, name); }));
}

std::optional<std::string_view> HttpRequest::query_value(std::string_view name) const {
  for (const NamedValue& item : query)
    if (item.name == name) return item.value;
  return std::nullopt;
}

std::string_view HttpRequest::param(std::string_view name) const {
  for (const NamedValue& item : params)
    if (item.name == name) return item.value;
  assert(false && "the route's pattern does not name this parameter");
  return {};
}

HttpResponse json_response(int status, std::string json) {
  return {status, {{"Content-Type", "application/json"}}, std::move(json)};
}

std::string_view reason_phrase(int status) {
  struct Row {
    int status;
    std::string_view text;
  };
  static constexpr Row kRows[] = {{100, "Continue"},
                                  {200, "OK"},
                                  {201, "Created"},
                                  {202, "Accepted"},
                                  {204, "No Content"},
                                  {206, "Partial Content"},
                                  {301, "Moved Permanently"},
                                  {302, "Found"},
                                  {304, "Not Modified"},
                                  {307, "Temporary Redirect"},
                                  {400, "Bad Request"},
                                  {401, "Unauthorized"},
                                  {402, "Payment Required"},
                                  {403, "Forbidden"},
                                  {404, "Not Found"},
                                  {405, "Method Not Allowed"},
                                  {408, "Request Timeout"},
                                  {409, "Conflict"},
                                  {410, "Gone"},
                                  {411, "Length Required"},
                                  {413, "Content Too Large"},
                                  {414, "URI Too Long"},
                                  {415, "Unsupported Media Type"},
                                  {416, "Range Not Satisfiable"},
                                  {417, "Expectation Failed"},
                                  {422, "Unprocessable Content"},
                                  {429, "Too Many Requests"},
                                  {431, "Request Header Fields Too Large"},
                                  {500, "Internal Server Error"},
                                  {501, "Not Implemented"},
                                  {502, "Bad Gateway"},
                                  {503, "Service Unavailable"},
                                  {504, "Gateway Timeout"},
                                  {505, "HTTP Version Not Supported"},
                                  {529, "Overloaded"}};
  for (const Row& row : kRows)
    if (row.status == status) return row.text;
  return "Status";
}

bool is_sendable(const HttpHeader& header) {
  if (header.name.empty() || !std::all_of(header.name.begin(), header.name.end(), is_token_char))
    return false;
  return std::none_of(header.value.begin(), header.value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t') || byte == 0x7f;
  });
}

std::string http_date(std::int64_t seconds_since_epoch) {
  static constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t time = seconds_since_epoch;
  std::tm utc{};
  gmtime_r(&time, &utc);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                     kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                     utc.tm_min, utc.tm_sec);
}

bool is_sane_request_id(std::string_view id) {
  return !id.empty() && id.size() <= 128 && std::all_of(id.begin(), id.end(), [](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
  });
}

std::string make_random_key() {
  std::array<unsigned char, 12> bytes{};
  [[maybe_unused]] const int ok = RAND_bytes(bytes.data(), bytes.size());
  assert(ok == 1);
  std::string key;
  for (unsigned char byte : bytes) fmt::format_to(std::back_inserter(key), "{:02x}", byte);
  return key;
}

std::string make_request_id() { return "req_" + make_random_key(); }

std::string response_head(const HeadFacts& facts, const HttpHeaders& headers,
                          const HttpHeaders& more) {
  assert(facts.status >= 200 && facts.status <= 599);
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nServer: gemma4/{}\r\nDate: {}\r\nx-request-id: {}\r\n"
      "request-id: {}\r\n",
      facts.status, reason_phrase(facts.status), G4_VERSION, http_date(facts.now_seconds),
      facts.request_id, facts.request_id);
  append_checked(head, headers);
  append_checked(head, more);
  if (facts.framing == Framing::kLength)
    fmt::format_to(std::back_inserter(head), "Content-Length: {}\r\n", facts.body_bytes);
  if (facts.framing == Framing::kChunked) head += "Transfer-Encoding: chunked\r\n";
  if (!facts.keep_alive)
    head += "Connection: close\r\n";
  else if (facts.version_minor == 0)
    head += "Connection: keep-alive\r\n";
  head += "\r\n";
  return head;
}

}  // namespace g4
