// The server over real sockets: answers, streams, limits that need time, and leaving.
#include "http/server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

#include "http/auth.h"
#include "http/sse.h"
#include "http/test_client.h"

namespace g4 {
namespace {

using http_test::TestClient;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// A stream that the test holds in its hand.
struct Held {
  std::mutex mutex;
  std::vector<ExchangePtr> exchanges;
  std::vector<StreamPtr> streams;
  std::atomic<int> gone = 0;
  std::atomic<int> held = 0;

  StreamPtr stream() {
    for (int i = 0; i < 500 && held == 0; ++i) std::this_thread::sleep_for(milliseconds(10));
    std::lock_guard lock(mutex);
    return streams.back();
  }
  void drop() {
    std::lock_guard lock(mutex);
    exchanges.clear();
    streams.clear();
  }
};

bool eventually(const std::function<bool()>& condition, milliseconds wait = milliseconds(5000)) {
  const auto deadline = steady_clock::now() + wait;
  while (!condition()) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

class HttpServerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    Router router;
    router.add("GET", "/hello", [](ExchangePtr exchange) {
      exchange->respond({200, {{"Content-Type", "text/plain"}}, "hello"});
    });
    router.add("POST", "/echo", [](ExchangePtr exchange) {
      exchange->respond({200, {}, exchange->request().body});
    });
    router.add("GET", "/models/{id}", [](ExchangePtr exchange) {
      exchange->respond({200, {}, std::string(exchange->request().param("id"))});
    });
    router.add("GET", "/held", [this](ExchangePtr exchange) {
      auto stream = exchange->start_stream(200, {{"Content-Type", "text/event-stream"}});
      exchange->on_client_gone([this] { ++held_.gone; });
      std::lock_guard lock(held_.mutex);
      held_.exchanges.push_back(std::move(exchange));
      held_.streams.push_back(std::move(stream));
      ++held_.held;
    });
    router.add("POST", "/computing", [this](ExchangePtr exchange) {
      exchange->on_client_gone([this] { ++held_.gone; });
      std::lock_guard lock(held_.mutex);
      held_.exchanges.push_back(std::move(exchange));
      ++held_.held;
    });
    router.add("GET", "/dropped", [](ExchangePtr) {});
    router.add("GET", "/throws", [](ExchangePtr) { throw std::runtime_error("oops"); });
    router.add("GET", "/bad-header", [](ExchangePtr exchange) {
      exchange->respond({200, {{"X-A", "1\r\nX-Evil: 1"}, {"X-B", "2"}}, "x"});
    });
    router.add("GET", "/big", [](ExchangePtr exchange) {
      exchange->respond({200, {}, std::string(8'000'000, 'b')});
    });
    router.add("GET", "/none", [](ExchangePtr exchange) { exchange->respond({204, {}, ""}); });
    server_ = std::make_unique<HttpServer>(std::move(options), std::move(router));
    const Status started = server_->start();
    ASSERT_TRUE(started.has_value());
  }
  void TearDown() override {
    if (server_) server_->stop();
    held_.drop();
  }
  std::uint16_t port() const { return server_->port(); }

  TestClient::Answer ask(std::string_view request) {
    TestClient client(port());
    client.send(request);
    return client.read_answer();
  }

  Held held_;
  std::unique_ptr<HttpServer> server_;
};

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
  options.error_body = [](int status, std::string_view message) {
    return fmt::format(R"({{"s":{},"m":"{}"}})", status, message);
  };
  start(std::move(options));
  const auto lost = ask("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(lost.status, 404);
  EXPECT_THAT(lost.body, StartsWith("{\"s\":404,"));
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

TEST_F(HttpServerTest, Http10AbortIsAReset) {
  start();
  TestClient client(port());
  client.send("GET /held HTTP/1.0\r\n\r\n");
  const StreamPtr stream = held_.stream();
  EXPECT_TRUE(stream->write("data: 1\n\n"));
  ASSERT_TRUE(client.read_until("data: 1"));
  stream->abort();
  EXPECT_EQ(client.read_all(), TestClient::Read::kReset);
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
  start(std::move(options));
  // Announced: refused before it is asked for.
  const auto announced =
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(announced.status, 413);
  // Sent regardless: the answer still arrives, because the server lingers.
  const auto sent = ask("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" +
                        std::string(3'000'000, 'x'));
  EXPECT_EQ(sent.status, 413);
  // Not announced.
  const auto chunked =
      ask("POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n" +
          std::string(1001, 'x') + "\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.status, 413);
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

TEST_F(HttpServerTest, StreamArrivesPieceByPiece) {
  start();
  TestClient client(port());
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(stream->write(sse_data(std::to_string(i))));
    EXPECT_TRUE(client.read_until(fmt::format("data: {}\n\n", i)));
  }
  stream->finish();
  EXPECT_FALSE(stream->write("too late"));
  const auto answer = client.read_answer();
  EXPECT_TRUE(answer.whole);
  EXPECT_EQ(answer.body, "data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n");
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");  // and the connection lives on
  EXPECT_EQ(client.read_answer().body, "hello");
  client.close();
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_EQ(held_.gone, 0);
}

TEST_F(HttpServerTest, AbortIsSeenAsABrokenBody) {
  start();
  TestClient client(port());
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  EXPECT_TRUE(stream->write("data: half\n\n"));
  stream->abort();
  EXPECT_NE(client.read_all(), TestClient::Read::kTimeout);
  EXPECT_THAT(client.received(), HasSubstr("data: half\n\n"));  // what was queued still came
  EXPECT_THAT(client.received(), Not(HasSubstr("\r\n0\r\n\r\n")));
  EXPECT_EQ(held_.gone, 0);
}

TEST_F(HttpServerTest, LostStreamIsAborted) {
  start();
  TestClient client(port());
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  held_.stream()->write("x");
  held_.drop();
  EXPECT_NE(client.read_all(), TestClient::Read::kTimeout);
  EXPECT_THAT(client.received(), Not(HasSubstr("\r\n0\r\n\r\n")));
}

TEST_F(HttpServerTest, ClientGoneDuringASilentStreamIsNoticedAtOnce) {
  start();
  for (bool by_reset : {false, true}) {
    held_.gone = 0;
    held_.held = 0;
    TestClient client(port());
    client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    const StreamPtr stream = held_.stream();
    stream->write("x");
    ASSERT_TRUE(client.read_until("\r\nx\r\n"));
    EXPECT_EQ(held_.gone, 0);
    by_reset ? client.reset() : client.close();
    EXPECT_TRUE(eventually([&] { return held_.gone == 1; }, milliseconds(200)));
    EXPECT_FALSE(stream->write("y"));
    stream->finish();
    EXPECT_EQ(held_.gone, 1);
    held_.drop();
  }
}

TEST_F(HttpServerTest, ClientGoneWhileAWholeAnswerIsComputed) {
  start();
  TestClient client(port());
  client.send("POST /computing HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx");
  ASSERT_TRUE(eventually([&] { return held_.held == 1; }));
  client.close();
  EXPECT_TRUE(eventually([&] { return held_.gone == 1; }, milliseconds(200)));
  const ExchangePtr exchange = held_.exchanges.back();
  EXPECT_TRUE(exchange->client_gone());
  bool called = false;
  exchange->on_client_gone([&] { called = true; });  // told at once when it is late
  EXPECT_TRUE(called);
  exchange->respond({200, {}, "nobody reads this"});
}

TEST_F(HttpServerTest, HalfClosedClientStillReadsACompleteAnswer) {
  start();
  TestClient client(port());
  client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(client.read_until("\r\n\r\n"));
  client.end_sending();
  EXPECT_EQ(client.read_answer().body.size(), 8'000'000U);
}

TEST_F(HttpServerTest, SlowReaderIsDroppedByTheDeadline) {
  ServerOptions options;
  options.write_time_max = milliseconds(300);
  start(std::move(options));
  TestClient client(port(), 4096);
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  EXPECT_TRUE(stream->write(std::string(16'000'000, 'x')));  // one piece may be of any size
  EXPECT_TRUE(eventually([&] { return held_.gone == 1; }, milliseconds(2000)));
  EXPECT_FALSE(stream->write("y"));
  EXPECT_EQ(client.read_all(), TestClient::Read::kReset);
}

TEST_F(HttpServerTest, SlowReaderIsDroppedByTheQueue) {
  ServerOptions options;
  options.queue_bytes_max = 100'000;
  start(std::move(options));
  TestClient client(port(), 4096);
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  std::size_t written = 0;
  while (written < 64'000'000 && stream->write(std::string(10'000, 'x'))) written += 10'000;
  EXPECT_LT(written, 64'000'000U);
  EXPECT_TRUE(eventually([&] { return held_.gone == 1; }, milliseconds(1000)));
}

TEST_F(HttpServerTest, SteadySlowReaderIsNotDropped) {
  ServerOptions options;
  options.write_time_max = milliseconds(500);
  start(std::move(options));
  TestClient client(port(), 65536);
  client.send("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
  std::size_t got = 0;
  for (int i = 0; i < 12; ++i) {  // 1.2 s in all, more than the deadline
    std::this_thread::sleep_for(milliseconds(100));
    client.forget();
    for (int k = 0; k < 16 && client.read_some() == TestClient::Read::kData; ++k) {
    }
    got += client.received().size();
  }
  client.forget();
  EXPECT_NE(client.read_all(milliseconds(300)), TestClient::Read::kReset);
  EXPECT_GT(got + client.received().size(), 8'000'000U);
}

TEST_F(HttpServerTest, DrainLetsStreamsFinish) {
  start();
  TestClient idle(port());
  idle.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(idle.read_answer().whole);
  TestClient client(port());
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  auto drained = std::async(std::launch::async, [&] { return server_->drain(milliseconds(3000)); });
  EXPECT_EQ(idle.read_all(milliseconds(500)), TestClient::Read::kEnd);
  EXPECT_THROW(TestClient late(port()), std::runtime_error);
  EXPECT_TRUE(stream->write("last words"));
  stream->finish();
  EXPECT_EQ(client.read_answer().body, "last words");
  EXPECT_EQ(client.read_all(), TestClient::Read::kEnd);
  client.close();
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(held_.gone, 0);
}

TEST_F(HttpServerTest, DrainBreaksOffAfterTheGrace) {
  start();
  TestClient client(port());
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  EXPECT_FALSE(server_->drain(milliseconds(100)));
  EXPECT_EQ(held_.gone, 1);
  EXPECT_NE(client.read_all(), TestClient::Read::kTimeout);
  EXPECT_THAT(client.received(), Not(HasSubstr("\r\n0\r\n\r\n")));
  server_.reset();
  EXPECT_FALSE(stream->write("the writer may outlive the server"));
  stream->finish();
}

TEST_F(HttpServerTest, ManyStreamsAtOnce) {
  std::mutex mutex;
  std::vector<StreamPtr> streams;
  Router router;
  router.add("GET", "/s", [&](ExchangePtr exchange) {
    std::lock_guard lock(mutex);
    streams.push_back(exchange->start_stream(200, {}));
  });
  HttpServer server({}, std::move(router));
  ASSERT_TRUE(server.start().has_value());
  constexpr std::size_t kStreams = 200, kPieces = 20;
  std::vector<std::unique_ptr<TestClient>> clients;
  for (std::size_t i = 0; i < kStreams; ++i) {
    clients.push_back(std::make_unique<TestClient>(server.port()));
    clients.back()->send("GET /s HTTP/1.1\r\nHost: x\r\n\r\n");
  }
  ASSERT_TRUE(eventually([&] {
    std::lock_guard lock(mutex);
    return streams.size() == kStreams;
  }));
  std::vector<std::thread> producers;
  for (std::size_t t = 0; t < 2; ++t)
    producers.emplace_back([&, t] {
      for (std::size_t piece = 0; piece < kPieces; ++piece)
        for (std::size_t i = t; i < kStreams; i += 2)
          EXPECT_TRUE(streams[i]->write(fmt::format("p{};", piece)));
      for (std::size_t i = t; i < kStreams; i += 2) streams[i]->finish();
    });
  for (auto& producer : producers) producer.join();
  std::string wanted;
  for (std::size_t piece = 0; piece < kPieces; ++piece) wanted += fmt::format("p{};", piece);
  for (auto& client : clients) {
    const auto answer = client->read_answer();
    EXPECT_TRUE(answer.whole);
    EXPECT_EQ(answer.body, wanted);
  }
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

TEST_F(HttpServerTest, ObserveSeesHowEachRequestEnded) {
  std::mutex mutex;
  std::vector<std::string> seen;
  ServerOptions options;
  options.observe = [&](const HttpAccess& access) {
    std::lock_guard lock(mutex);
    seen.push_back(
        fmt::format("{} {} {}", access.pattern, access.status, static_cast<int>(access.outcome)));
  };
  start(std::move(options));
  const auto size = [&] {
    std::lock_guard lock(mutex);
    return seen.size();
  };
  ask("GET /models/a HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return size() == 1; }));
  ask("GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(eventually([&] { return size() == 2; }));
  {
    TestClient client(port());
    client.send("POST /computing HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(eventually([&] { return held_.held == 1; }));
  }
  ASSERT_TRUE(eventually([&] { return size() == 3; }));
  std::lock_guard lock(mutex);
  EXPECT_THAT(seen, testing::ElementsAre("/models/{id} 200 0", " 404 0", "/computing 0 1"));
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
