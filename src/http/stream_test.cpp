// Streams over real sockets: pieces, breaking off, clients that leave or do not read, draining.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "http/server.h"
#include "http/sse.h"
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

TEST_F(HttpServerTest, ASilentEventStreamIsKeptAliveByComments) {
  ServerOptions options;
  options.quiet_time_max = milliseconds(20);
  start(options);
  TestClient client(port());
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  EXPECT_TRUE(
      client.read_until(": keep-alive\n\n"));  // before the first event, as in a long prompt
  EXPECT_TRUE(stream->write("data: 1\n\n"));
  EXPECT_TRUE(client.read_until("data: 1\n\n"));
  client.forget();
  EXPECT_TRUE(client.read_until(": keep-alive\n\n"));  // and between events
  EXPECT_TRUE(client.read_until(": keep-alive\n\n"));
  stream->finish();
  EXPECT_TRUE(client.read_until("\r\n0\r\n\r\n"));
  client.forget();
  client.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(client.read_answer().body, "hello");
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(client.received(), "");  // nothing is said behind the end
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

TEST_F(HttpServerTest, APieceOverTheBoundIsNotASlowReader) {
  ServerOptions options;
  options.queue_bytes_max = 100'000;
  start(std::move(options));
  TestClient client(port(), 4096);
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  const std::string big(8'000'000, 'x');  // more than the kernel's buffers take
  EXPECT_TRUE(stream->write(big));
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(stream->write(std::string(10'000, 'y')));
  std::this_thread::sleep_for(milliseconds(50));  // until it is in flight
  EXPECT_TRUE(stream->write("z"));
  stream->finish();
  const auto answer = client.read_answer();
  EXPECT_TRUE(answer.whole);
  EXPECT_TRUE(answer.body == big + std::string(90'000, 'y') + "z");
  EXPECT_EQ(held_.gone, 0);
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

TEST_F(HttpServerTest, RequestsSentAheadDuringAStreamWaitTheirTurn) {
  start();
  TestClient client(port());
  client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
  const StreamPtr stream = held_.stream();
  constexpr int kAhead = 4000;  // 140 KB: more than the server takes in before it answers
  std::string ahead;
  for (int i = 0; i < kAhead; ++i) ahead += "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
  std::thread sender([&] { client.send(ahead); });
  EXPECT_TRUE(stream->write("still here"));
  EXPECT_TRUE(client.read_until("still here"));
  stream->finish();
  EXPECT_EQ(client.read_answer().body, "still here");
  for (int i = 0; i < kAhead; ++i) ASSERT_EQ(client.read_answer().body, "hello") << i;
  sender.join();
  EXPECT_EQ(held_.gone, 0);
}

TEST_F(HttpServerTest, StopUnderFire) {
  start();
  std::atomic<bool> over = false;
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      while (!over) {
        try {
          TestClient client(port());
          client.send("GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
          client.read_some(milliseconds(3));
        } catch (const std::runtime_error&) {  // nobody listens any more
          std::this_thread::sleep_for(milliseconds(1));
        }
      }
    });
  std::this_thread::sleep_for(milliseconds(100));
  server_->stop();
  over = true;
  for (auto& client : clients) client.join();
  EXPECT_EQ(server_->stats().connections, 0U);
  EXPECT_EQ(held_.gone, held_.held);  // everyone who began was told
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

}  // namespace
}  // namespace g4
