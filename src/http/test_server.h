// A server with a few routes, and a way to hold its streams in the hand. For the tests of this
// room.
#pragma once

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "http/server.h"
#include "http/test_client.h"

namespace g4::http_test {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

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

inline bool eventually(const std::function<bool()>& condition,
                       milliseconds wait = milliseconds(5000)) {
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

}  // namespace g4::http_test
