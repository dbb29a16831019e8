// What the server takes for a request, and what it refuses: the house notes on Beast, as a table.
#include "http/request_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/utf8.h"
#include "http/target.h"

namespace g4 {
namespace {

using Step = RequestReader::Step;

struct Outcome {
  int status = 0;  // of the refusal; 200: accepted; 0: needs more
  std::string message;
  HttpRequest request;
  std::size_t left_bytes = 0;
};

Outcome read(std::string_view bytes, std::size_t piece_bytes = std::string_view::npos,
             RequestLimits limits = {}) {
  RequestReader reader(limits);
  for (;;) {
    const std::string_view piece = bytes.substr(0, piece_bytes);
    reader.append(piece);
    bytes.remove_prefix(piece.size());
    Step step = reader.step();
    while (step == Step::kHeader) step = reader.step();
    if (step == Step::kRefused)
      return {reader.refusal().status, reader.refusal().message, reader.request(), 0};
    if (step == Step::kDone) {
      HttpRequest request = reader.take();
      return {200, "", std::move(request), reader.buffered_bytes() + bytes.size()};
    }
    if (bytes.empty()) return {};
  }
}

std::string get(std::string_view target, std::string_view headers = "") {
  return fmt::format("GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n", target, headers);
}
std::string post(std::string_view headers, std::string_view body = "") {
  return fmt::format("POST / HTTP/1.1\r\nHost: x\r\n{}\r\n{}", headers, body);
}

TEST(RequestReader, StatusOf) {
  using namespace std::string_literals;
  struct Row {
    std::string bytes;
    int status;
  };
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const std::vector<Row> rows = {
      {get("/"), 200},
      {"\r\n\r\n" + get("/"), 200},
      {"\r\n\r\n\r\n\r\n\r\n\r\n" + get("/"), 400},
      {"GET / HTTP/1.0\r\n\r\n", 200},
      {"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n", 200},  // the router's business
      {post("Content-Length: 2\r\n", "hi"), 200},
      {post(chunked, "2\r\nhi\r\n0\r\n\r\n"), 200},
      {post("Transfer-Encoding: CHUNKED\r\n", "2\r\nhi\r\n0\r\n\r\n"), 200},
      {get("/", "X: caf\xc3\xa9\r\n"), 200},
      {get("/", "X:\r\n"), 200},
      {get("/", "X: a\tb\r\n"), 200},
      // Framing: nobody between us and the client may see another end of the request.
      {post("Content-Length: 2\r\nContent-Length: 2\r\n", "hi"), 400},
      {post("Content-Length: 2\r\nContent-Length: 3\r\n", "hi"), 400},
      {post("Content-Length: 2, 2\r\n", "hi"), 400},
      {post("Content-Length: +2\r\n", "hi"), 400},
      {post("Content-Length: -2\r\n", "hi"), 400},
      {post("Content-Length: 0x2\r\n", "hi"), 400},
      {post("Content-Length: \r\n"), 400},
      {post("Content-Length: 99999999999999999999999999\r\n"), 400},
      {post("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "2\r\nhi\r\n0\r\n\r\n"), 400},
      {post("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", "2\r\nhi\r\n0\r\n\r\n"), 400},
      {post("Transfer-Encoding: xchunked\r\n", "hi"), 501},
      {post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501},
      {post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501},
      {post("Transfer-Encoding: identity\r\n"), 501},
      {post(chunked + chunked, "0\r\n\r\n"), 400},
      {post("Transfer-Encoding:\r\n"), 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {post(chunked, "-1\r\n\r\n"), 400},
      {post(chunked, "fffffffffffffffff\r\n"), 400},
      {post(chunked, "0\r\n\r\n"), 200},
      {post(chunked, "zz\r\n\r\n"), 400},
      {post(chunked, "2\nhi\r\n0\r\n\r\n"), 400},
      {post(chunked, "2\r\nhi!\r\n0\r\n\r\n"), 400},
      {post(chunked, "2;" + std::string(40'000, 'e')), 400},
      {post(chunked, "0\r\nT: " + std::string(40'000, 't')), 400},
      // Lines.
      {get("/", "X: a\r\n b\r\n"), 400},  // obs-fold
      {get("/", "X: a\r\n\tb\r\n"), 400},
      {"GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: x\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: x\n\r\n", 400},
      {get("/", "X: a\rb\r\n"), 400},
      {get("/", "X: a\0b\r\n"s), 400},
      {get("/", "X: a\x01b\r\n"), 400},
      {get("/", "X : a\r\n"), 400},
      {get("/", ": a\r\n"), 400},
      {get("/", "X\r\n"), 400},
      {"GET /\r\n\r\n", 400},
      {"\x16\x03\x01\x02\x00\x01"s, 400},  // TLS
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", 505},
      // Host.
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {get("/", "Host: y\r\n"), 400},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200},
      // Targets.
      {get("http://x/a?b"), 200},
      {get("https://x"), 200},
      {get("*"), 200},
      {get("ftp://x/"), 400},
      {get("http:///a"), 400},
      {get("a"), 400},
      {get("/%"), 400},
      {get("/%4"), 400},
      {get("/%zz"), 400},
      {get("/%00"), 400},
      {get("/%ff"), 400},
      {get("/%ed%a0%80"), 400},  // a surrogate
      {get("/?q=%"), 400},
      {get("/a/../b"), 400},
      {get("/a/%2e%2E/b"), 400},
      {get("/a/./b"), 400},
      {get("/a/.../b"), 200},
      {get("/a#b"), 400},
      {get("/" + std::string(9'000, 'a')), 414},
      {"GET /" + std::string(9'000, 'a'), 414},  // without waiting for the end of it
      {get("/", "X: " + std::string(33'000, 'a') + "\r\n"), 431},
      {get("/", "Expect: 100-continue\r\n"), 200},
      {get("/", "Expect: 200-ok\r\n"), 417},
  };
  for (const Row& row : rows) {
    const Outcome whole = read(row.bytes);
    EXPECT_EQ(whole.status, row.status) << testing::PrintToString(row.bytes.substr(0, 120));
    EXPECT_EQ(whole.status == 200, whole.message.empty());
    // However it is cut, the verdict is the same.
    for (std::size_t piece_bytes : {1, 2, 3, 7, 1000})
      EXPECT_EQ(read(row.bytes, piece_bytes).status, row.status)
          << piece_bytes << " " << testing::PrintToString(row.bytes.substr(0, 120));
  }
}

TEST(RequestReader, GivesTheParts) {
  const Outcome outcome = read(
      "POST /v1/models/google%2Fgemma%204/x+y?a=1&b=%26+c&&flag HTTP/1.1\r\nhost: h\r\n"
      "X-Request-ID: abc\r\nContent-Length: 4\r\n\r\nbodyGET /next");
  ASSERT_EQ(outcome.status, 200);
  const HttpRequest& request = outcome.request;
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.target, "/v1/models/google%2Fgemma%204/x+y?a=1&b=%26+c&&flag");
  EXPECT_EQ(request.path, "/v1/models/google/gemma 4/x+y");
  EXPECT_THAT(request.segments, testing::ElementsAre("v1", "models", "google/gemma 4", "x+y"));
  EXPECT_EQ(request.query_value("a"), "1");
  EXPECT_EQ(request.query_value("b"), "& c");
  EXPECT_EQ(request.query_value("flag"), "");
  EXPECT_EQ(request.query_value("c"), std::nullopt);
  EXPECT_EQ(request.header("HOST"), "h");
  EXPECT_EQ(request.id, "abc");
  EXPECT_EQ(request.body, "body");
  EXPECT_TRUE(request.keep_alive);
  EXPECT_EQ(outcome.left_bytes, 9U);
}

TEST(RequestReader, TrailersDoNotBecomeHeaders) {
  const Outcome outcome = read(
      post("Transfer-Encoding: chunked\r\n", "1\r\nx\r\n0\r\nAuthorization: Bearer k\r\n\r\n"));
  ASSERT_EQ(outcome.status, 200);
  EXPECT_EQ(outcome.request.body, "x");
  EXPECT_EQ(outcome.request.header("authorization"), std::nullopt);
}

TEST(RequestReader, KeepAlive) {
  EXPECT_TRUE(read(get("/")).request.keep_alive);
  EXPECT_FALSE(read(get("/", "Connection: close\r\n")).request.keep_alive);
  EXPECT_FALSE(read("GET / HTTP/1.0\r\n\r\n").request.keep_alive);
  EXPECT_TRUE(read("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").request.keep_alive);
}

TEST(RequestReader, LimitsAreExact) {
  const std::string fits = get("/", "X: abc\r\n");
  EXPECT_EQ(read(fits, 5, {.header_bytes_max = fits.size()}).status, 200);
  EXPECT_EQ(read(fits, 5, {.header_bytes_max = fits.size() - 1}).status, 431);
  EXPECT_EQ(read(get("/1234567"), 5, {.target_bytes_max = 8}).status, 200);
  EXPECT_EQ(read(get("/12345678"), 5, {.target_bytes_max = 8}).status, 414);
  for (std::string_view headers : {"Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const bool chunked = headers.starts_with("T");
    const std::string request =
        post(headers, chunked ? "a\r\n0123456789\r\n0\r\n\r\n" : "0123456789");
    EXPECT_EQ(read(request, 5, {.body_bytes_max = 10}).status, 200);
    EXPECT_EQ(read(request, 5, {.body_bytes_max = 9}).status, 413);
  }
}

TEST(RequestReader, LimitsAreNamedBeforeTheBodyArrives) {
  EXPECT_EQ(read(post("Content-Length: 11\r\n"), 5, {.body_bytes_max = 10}).status, 413);
}

TEST(Target, RootHasOneEmptySegment) {
  EXPECT_THAT(parse_target("/")->segments, testing::ElementsAre(""));
  EXPECT_THAT(parse_target("/a/")->segments, testing::ElementsAre("a", ""));
  EXPECT_EQ(parse_target("http://h?x=1")->path, "/");
  EXPECT_EQ(parse_target("HTTP://h/p")->path, "/p");
}

TEST(Target, Utf8) {
  EXPECT_TRUE(is_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf"));
  for (std::string_view bad :
       {"\x80", "\xc1\x81", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"})
    EXPECT_FALSE(is_utf8(bad)) << testing::PrintToString(bad);
}

}  // namespace
}  // namespace g4
