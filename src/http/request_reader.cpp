#include "http/request_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cassert>

#include "http/target.h"

namespace g4 {
namespace http = boost::beast::http;
namespace {

// Chunk extensions and trailers that are not over by then are an attack.
constexpr std::size_t kUnparsedBodyBytesMax = 16 * 1024;
// The shortest end of a chunked body, `0 CR LF CR LF`. With fewer bytes there can be nothing to do,
// and Beast 1.81 asserts when it is shown the fourth of these five alone.
constexpr std::size_t kChunkedEndBytes = 5;
constexpr int kEmptyLinesMax = 4;
// Around the target in the request line: a method, two spaces, `HTTP/1.1`.
constexpr std::size_t kRequestLineExtraBytes = 64;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

HttpRefusal refusal_of(const boost::beast::error_code& ec) {
  if (ec == http::error::body_limit) return {413, "the request body is too large"};
  if (ec == http::error::header_limit) return {431, "the request headers are too large"};
  if (ec == http::error::bad_version) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  return {400, fmt::format("not a valid HTTP request: {}", ec.message())};
}

}  // namespace

struct RequestReader::Parser {
  http::request_parser<http::string_body> beast;
};

RequestReader::RequestReader(RequestLimits limits) : limits_(limits) {}
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader::~RequestReader() = default;

void RequestReader::append(std::string_view bytes) { input_ += bytes; }

bool RequestReader::started() const { return state_ != State::kHead || !input_.empty(); }
bool RequestReader::header_done() const { return state_ == State::kBody || state_ == State::kDone; }
bool RequestReader::expects_continue() const { return expects_continue_; }

std::uint64_t RequestReader::body_bytes() const {
  assert(header_done());
  if (parser_->beast.chunked()) return limits_.body_bytes_max;
  const auto length = parser_->beast.content_length();
  return length ? *length : 0;
}

RequestReader::Step RequestReader::step() {
  switch (state_) {
    case State::kHead:
      return read_head();
    case State::kBody:
      return read_body();
    case State::kDone:
      return Step::kDone;
    case State::kRefused:
      return Step::kRefused;
  }
  return Step::kRefused;
}

HttpRequest RequestReader::take() {
  assert(state_ == State::kDone);
  HttpRequest done = std::move(request_);
  reset();
  return done;
}

void RequestReader::reset() {
  scanned_ = line_begin_ = line_index_ = 0;
  empty_lines_ = 0;
  state_ = State::kHead;
  expects_continue_ = false;
  parser_.reset();
  request_ = {};
}

RequestReader::Step RequestReader::refuse(int status, std::string message) {
  state_ = State::kRefused;
  refusal_ = {status, std::move(message)};
  if (request_.id.empty()) request_.id = make_request_id();
  return Step::kRefused;
}

RequestReader::Step RequestReader::read_head() {
  if (!find_head_end()) return state_ == State::kRefused ? Step::kRefused : Step::kNeedMore;

  parser_ = std::make_unique<Parser>();
  parser_->beast.header_limit(static_cast<std::uint32_t>(limits_.header_bytes_max + 2));
  parser_->beast.body_limit(limits_.body_bytes_max);
  boost::beast::error_code ec;
  const std::size_t used = parser_->beast.put(boost::asio::buffer(input_.data(), scanned_), ec);
  // What of the head could be read names the answer: its id, HEAD or not, the version, the path.
  const auto& message = parser_->beast.get();
  request_.method = std::string(view(message.method_string()));
  request_.version_minor = message.version() == 10 ? 0 : 1;
  for (const auto& field : message)
    request_.headers.add(std::string(view(field.name_string())), std::string(view(field.value())));
  const auto id = request_.header("x-request-id");
  request_.id = id && is_sane_request_id(*id) ? std::string(*id) : make_request_id();
  if (ec && ec != http::error::need_more) {
    accept_target();
    HttpRefusal why = refusal_of(ec);
    return refuse(why.status, std::move(why.message));
  }
  if (!parser_->beast.is_header_done() || used != scanned_)
    return refuse(400, "the request headers are incomplete");
  input_.erase(0, scanned_);
  if (!accept_head()) return Step::kRefused;
  state_ = State::kBody;
  return Step::kHeader;
}

// Looks at every byte once, however small the pieces in which it comes. Knows lines, and so sees
// what Beast's parser would quietly repair.
bool RequestReader::find_head_end() {
  while (line_index_ == 0 && input_.starts_with("\r\n")) {  // left by sloppy clients
    input_.erase(0, 2);
    scanned_ = line_begin_ = 0;
    if (++empty_lines_ > kEmptyLinesMax) return refuse(400, "empty lines, no request"), false;
  }
  for (; scanned_ < input_.size(); ++scanned_) {
    const char c = input_[scanned_];
    const auto byte = static_cast<unsigned char>(c);
    const bool after_cr = scanned_ > 0 && input_[scanned_ - 1] == '\r';
    if (line_index_ == 0 && scanned_ > limits_.target_bytes_max + kRequestLineExtraBytes)
      return refuse(414, "the request target is too long"), false;
    if (scanned_ >= limits_.header_bytes_max)
      return refuse(431, "the request headers are too large"), false;
    if (after_cr != (c == '\n'))
      return refuse(400, "a line of the request does not end in CR LF"), false;
    if ((byte < 0x20 && c != '\t' && c != '\r' && c != '\n') || byte == 0x7f)
      return refuse(400, "the request headers hold a control character"), false;
    if (scanned_ == line_begin_ && line_index_ > 0 && (c == ' ' || c == '\t'))
      return refuse(400, "folded header lines are not accepted"), false;
    if (c != '\n') continue;
    const bool empty = scanned_ == line_begin_ + 1;
    line_begin_ = scanned_ + 1;
    ++line_index_;
    if (empty) return ++scanned_, true;
  }
  return false;
}

bool RequestReader::accept_head() {
  request_.keep_alive = parser_->beast.get().keep_alive();
  return accept_target() && accept_host() && accept_framing();
}

bool RequestReader::accept_target() {
  request_.target = std::string(view(parser_->beast.get().target()));
  if (request_.target.size() > limits_.target_bytes_max)
    return refuse(414, "the request target is too long"), false;
  Result<Target> target = parse_target(request_.target);
  if (!target) return refuse(400, target.error().message), false;
  request_.path = std::move(target->path);
  request_.segments = std::move(target->segments);
  request_.query = std::move(target->query);
  return true;
}

bool RequestReader::accept_host() {
  const std::size_t hosts = request_.headers.count("host");
  if (hosts > 1) return refuse(400, "more than one Host header"), false;
  if (hosts == 0 && request_.version_minor == 1) return refuse(400, "no Host header"), false;
  const std::string_view host = request_.header("host").value_or("");
  if (host.find_first_of(" \t/@\\?#,") != std::string_view::npos)
    return refuse(400, "the Host header is not a host"), false;
  return true;
}

bool RequestReader::accept_framing() {
  const std::size_t codings = request_.headers.count("transfer-encoding");
  const std::size_t lengths = request_.headers.count("content-length");
  if (codings > 0 && lengths > 0)
    return refuse(400, "both Transfer-Encoding and Content-Length"), false;
  if (lengths > 1) return refuse(400, "more than one Content-Length"), false;
  if (lengths == 1 && !all_digits(*request_.header("content-length")))
    return refuse(400, "Content-Length is not a number"), false;
  if (codings > 0) {
    if (codings > 1 || !iequals(*request_.header("transfer-encoding"), "chunked"))
      return refuse(501, "the only transfer coding accepted is chunked"), false;
    if (request_.version_minor == 0) return refuse(400, "Transfer-Encoding needs HTTP/1.1"), false;
  }
  if (const auto expect = request_.header("expect")) {
    if (!iequals(*expect, "100-continue"))
      return refuse(417, "cannot meet the Expect header"), false;
    expects_continue_ = request_.version_minor == 1;  // HTTP/1.0 must ignore it
  }
  return true;
}

RequestReader::Step RequestReader::read_body() {
  auto& parser = parser_->beast;
  while (!parser.is_done()) {
    if (input_.size() < (parser.chunked() ? kChunkedEndBytes : 1)) return Step::kNeedMore;
    boost::beast::error_code ec;
    const std::size_t used = parser.put(boost::asio::buffer(input_), ec);
    input_.erase(0, used);
    if (ec && ec != http::error::need_more) {
      HttpRefusal why = refusal_of(ec);
      return refuse(why.status, std::move(why.message));
    }
    if (ec == http::error::need_more || used == 0) {
      if (input_.size() > kUnparsedBodyBytesMax)
        return refuse(400, "a chunk header or trailer of the body is too long");
      return Step::kNeedMore;
    }
  }
  request_.body = std::move(parser.get().body());
  state_ = State::kDone;
  return Step::kDone;
}

}  // namespace g4
