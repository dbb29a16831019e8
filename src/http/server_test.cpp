// The server over real sockets: whole answers, refusals, and limits that need time.
#include "http/server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "http/auth.h"
#include "http/test_server.h"

namespace g4 {
namespace {

using http_test::eventually;
using http_test::HttpServerTest;
using http_test::TestClient;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(HttpServerTest, AnswersAndKeepsTheConnection) {
  start();
  TestClient client(port());
  for (int i = 0; i < 3; ++i) {
    client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto answer = client.read_answer();
    ASSERT_TRUE(answer.whole);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
    EXPECT_THAT(answer.header("server"), StartsWith("gemma4/"));
    EXPECT_THAT(answer.header("date"), HasSubstr(" GMT"));
    EXPECT_THAT(answer.header("x-request-id"), StartsWith("req_"));
    EXPECT_EQ(answer.header("connection"), "");
  }
  EXPECT_EQ(server_->stats().connections_total, 1U);
}

TEST_F(HttpServerTest, PipelinedRequestsAreAnsweredInOrder) {
  start();
  TestClient client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\none"
      "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
      "GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.read_answer().body, "one");
  EXPECT_EQ(client.read_answer().body, "two");
  const auto last = client.read_answer();
  EXPECT_EQ(last.body, "hello");
  EXPECT_EQ(last.header("connection"), "close");
  EXPECT_EQ(client.read_all(), TestClient::Read::kEnd);
}

TEST_F(HttpServerTest, ByteByByte) {
  start();
  TestClient client(port());
  for (char c :
       std::string_view("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "5;ext=1\r\nhello\r\n0\r\nTrailer: t\r\n\r\n")) {
    client.send({&c, 1});
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  EXPECT_EQ(client.read_answer().body, "hello");
}

TEST_F(HttpServerTest, RequestIdIsTakenOverIfSane) {
  start();
  EXPECT_EQ(
      ask("GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: a.B_9-\r\n\r\n").header("x-request-id"),
      "a.B_9-");
  for (std::string bad : {std::string("a b"), std::string(129, 'a'), std::string("a\"b")})
    EXPECT_THAT(ask(fmt::format("GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: {}\r\n\r\n", bad))
                    .header("x-request-id"),
                StartsWith("req_"));
  // On refusals too.
  EXPECT_EQ(
      ask("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-Request-Id: q1\r\n\r\n").header("x-request-id"),
      "q1");
}

TEST_F(HttpServerTest, RefusalsHaveTheHooksBody) {
  ServerOptions options;
  options.error_body = [](const HttpRequest& request, int status, std::string_view message) {
    return fmt::format(R"({{"s":{},"m":"{}","p":"{}"}})", status, message, request.path);
  };
  start(std::move(options));
  const auto lost = ask("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(lost.status, 404);
  EXPECT_EQ(lost.body, R"({"s":404,"m":"no such path","p":"/nowhere"})");
  EXPECT_EQ(ask("PUT /dropped HTTP/1.1\r\nHost: x\r\n\r\n").body,
            R"({"s":405,"m":"this path takes GET, HEAD","p":"/dropped"})");
  EXPECT_EQ(ask("GET /dropped HTTP/1.1\r\nHost: x\r\n\r\n").body,
            R"({"s":500,"m":"the request was not answered","p":"/dropped"})");
  EXPECT_EQ(lost.header("content-type"), "application/json");
  const auto method = ask("DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.header("allow"), "GET, HEAD");
  const auto bad = ask("GET /hello HTTP/1.1\r\n\r\n");
  EXPECT_EQ(bad.status, 400);
  EXPECT_THAT(bad.body, StartsWith("{\"s\":400,"));
  EXPECT_EQ(bad.header("connection"), "close");
}

TEST_F(HttpServerTest, ModelIdsMayHoldSlashes) {
  start();
  EXPECT_EQ(ask("GET /models/google%2Fgemma?x=1 HTTP/1.1\r\nHost: x\r\n\r\n").body, "google/gemma");
  EXPECT_EQ(ask("GET http://x/models/b HTTP/1.1\r\nHost: x\r\n\r\n").body, "b");
}

TEST_F(HttpServerTest, HeadHasNoBodyAndNoContentHasNoLength) {
  start();
  TestClient client(port());
  client.send("HEAD /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /none HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(client.read_until("HTTP/1.1 204"));
  EXPECT_THAT(client.received(), HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(client.received(), HasSubstr("\r\n\r\nHTTP/1.1 204"));
  EXPECT_THAT(client.received().substr(client.received().find("HTTP/1.1 204")),
              Not(HasSubstr("Content-Length")));
}

TEST_F(HttpServerTest, LostAnswersAre500) {
  start();
  EXPECT_EQ(ask("GET /dropped HTTP/1.1\r\nHost: x\r\n\r\n").status, 500);
  EXPECT_EQ(ask("GET /throws HTTP/1.1\r\nHost: x\r\n\r\n").status, 500);
}

TEST_F(HttpServerTest, HeaderValuesCannotSplitTheAnswer) {
  start();
  const auto answer = ask("GET /bad-header HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("x-evil"), "");
  EXPECT_EQ(answer.header("x-a"), "");
  EXPECT_EQ(answer.header("x-b"), "2");
}

TEST_F(HttpServerTest, Http10) {
  start();
  TestClient client(port());
  client.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(client.read_answer().header("connection"), "keep-alive");
  client.send("GET /held HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const StreamPtr stream = held_.stream();
  EXPECT_TRUE(stream->write("data: 1\n\n"));
  stream->finish();
  EXPECT_EQ(client.read_all(), TestClient::Read::kEnd);
  EXPECT_THAT(client.received(), Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(client.received(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(client.received().ends_with("\r\n\r\ndata: 1\n\n"));
}

TEST_F(HttpServerTest, ExpectContinue) {
  start();
  TestClient client(port());
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_TRUE(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client.forget();
  client.send("hi");
  EXPECT_EQ(client.read_answer().body, "hi");
  EXPECT_EQ(ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: pizza\r\n\r\n").status, 417);
}

TEST_F(HttpServerTest, BodyTooLarge) {
  ServerOptions options;
  options.request.body_bytes_max = 1000;
  options.error_body = [](const HttpRequest& request, int, std::string_view) {
    return "\"" + request.path + "\"";
  };
  start(std::move(options));
  // Announced: refused before it is asked for.
  const auto announced =
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(announced.status, 413);
  EXPECT_EQ(announced.body, "\"/echo\"");
  // Sent regardless: the answer still arrives, because the server lingers.
  const auto sent = ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" +
                        std::string(3'000'000, 'x'));
  EXPECT_EQ(sent.status, 413);
  // Not announced.
  const auto chunked =
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
          std::string(1001, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.status, 413);
  EXPECT_EQ(chunked.body, "\"/echo\"");
  const auto fits = ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n" +
                        std::string(1000, 'x'));
  EXPECT_EQ(fits.status, 200);
}

TEST_F(HttpServerTest, AdmitRefusesBeforeTheBody) {
  ServerOptions options;
  options.admit = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    const auto key = client_key(request.headers);
    if (key && constant_time_equal(*key, "k")) return std::nullopt;
    return json_response(401, "{}");
  };
  start(std::move(options));
  const auto waiting =
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(waiting.status, 401);
  EXPECT_EQ(waiting.header("connection"), "close");
  TestClient client(port());  // a small body costs nobody the connection
  client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(client.read_answer().status, 401);
  client.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(client.read_answer().body, "hi");
}

TEST_F(HttpServerTest, Slowloris) {
  ServerOptions options;
  options.header_time_max = milliseconds(300);
  options.body_time_max = milliseconds(300);
  options.idle_time_max = milliseconds(300);
  start(std::move(options));
  {
    TestClient client(port());
    const auto begin = steady_clock::now();
    client.send("GET /hello HTTP/1.1\r\n");
    for (int i = 0; i < 40; ++i) {  // a byte now and then buys no time
      if (client.read_some(milliseconds(20)) != TestClient::Read::kTimeout) break;
      client.send("x");
    }
    EXPECT_EQ(client.read_answer().status, 408);
    EXPECT_LT(steady_clock::now() - begin, milliseconds(700));
  }
  {
    TestClient client(port());
    client.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
    EXPECT_EQ(client.read_answer().status, 408);
  }
  {
    TestClient client(port());  // says nothing, hears nothing
    EXPECT_EQ(client.read_all(), TestClient::Read::kEnd);
    EXPECT_EQ(client.received(), "");
  }
  {
    TestClient client(port());
    client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(client.read_answer().whole);
    EXPECT_EQ(client.read_all(), TestClient::Read::kEnd);  // idle
    EXPECT_EQ(client.received(), "");
  }
}

TEST_F(HttpServerTest, HouseFull) {
  ServerOptions options;
  options.connections_max = 2;
  start(std::move(options));
  TestClient one(port());
  TestClient two(port());
  ASSERT_TRUE(eventually([&] { return server_->stats().connections == 2; }));
  const auto refused = ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.header("retry-after"), "1");
  EXPECT_EQ(refused.header("connection"), "close");
  one.close();
  ASSERT_TRUE(eventually([&] { return server_->stats().connections < 2; }));
  EXPECT_EQ(ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
  EXPECT_EQ(server_->stats().connections_refused_total, 1U);
}

TEST_F(HttpServerTest, RequestsPerConnection) {
  ServerOptions options;
  options.requests_per_connection_max = 2;
  start(std::move(options));
  TestClient client(port());
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\nGET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_answer().header("connection"), "");
  EXPECT_EQ(client.read_answer().header("connection"), "close");
  EXPECT_EQ(client.read_all(), TestClient::Read::kEnd);
}

TEST_F(HttpServerTest, GarbageIsAnsweredOrDroppedAndNeverKills) {
  ServerOptions options;
  options.header_time_max = milliseconds(50);
  start(std::move(options));
  std::uint32_t seed = 1;
  for (int round = 0; round < 100; ++round) {
    std::string bytes;
    for (int i = 0; i < 300; ++i) {
      seed = seed * 1664525 + 1013904223;
      bytes += static_cast<char>(seed >> 24);
    }
    TestClient client(port());
    client.send(bytes);
    client.end_sending();
    EXPECT_NE(client.read_all(milliseconds(2000)), TestClient::Read::kTimeout);
  }
  EXPECT_EQ(ask("\x16\x03\x01\x02").status, 400);
  EXPECT_EQ(ask("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n").status, 200);
}

TEST_F(HttpServerTest, Cors) {
  start();
  const std::string get = "GET /hello HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n";
  EXPECT_EQ(ask(get).header("access-control-allow-origin"), "");  // off unless asked for
  server_->stop();
  ServerOptions options;
  options.cors_allowed_origin = "https://a.example";
  options.admit = [](const HttpRequest& request) -> std::optional<HttpResponse> {
    if (request.method == "OPTIONS") return json_response(401, "{}");  // preflights carry no key
    return std::nullopt;
  };
  start(std::move(options));
  EXPECT_EQ(ask(get).header("access-control-allow-origin"), "https://a.example");
  EXPECT_EQ(ask("GET /hello HTTP/1.1\r\nHost: x\r\nOrigin: https://b.example\r\n\r\n")
                .header("access-control-allow-origin"),
            "");
  const auto preflight =
      ask("OPTIONS /echo HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n"
          "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: "
          "authorization\r\n\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.header("access-control-allow-headers"), "authorization");
}

TEST(HttpServerStart, SaysWhyItCannotListen) {
  HttpServer first({}, {});
  ASSERT_TRUE(first.start().has_value());
  ServerOptions options;
  options.port = first.port();
  HttpServer second(options, {});
  const Status taken = second.start();
  ASSERT_FALSE(taken.has_value());
  EXPECT_THAT(taken.error().message, HasSubstr("in use"));
  options.address = "not-an-address";
  HttpServer third(options, {});
  EXPECT_FALSE(third.start().has_value());
}

}  // namespace
}  // namespace g4
