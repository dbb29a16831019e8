// The Responses API over a socket, of a model that breaks down.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/asio/ip/tcp.hpp>

#include "api/test_chat.h"
#include "engine/fake_runner.h"
#include "serve/text_server.h"

namespace g4 {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// All that comes back, head included.
std::string post(std::uint16_t port, std::string_view body,
                 std::string_view path = "/v1/responses") {
  boost::asio::ip::tcp::iostream connection("127.0.0.1", std::to_string(port));
  connection << fmt::format(
                    "POST {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                    "Content-Length: {}\r\n\r\n{}",
                    path, body.size(), body)
             << std::flush;
  std::ostringstream all;
  all << connection.rdbuf();
  return all.str();
}

class ResponsesRoutesTest : public testing::Test {
 protected:
  void start(std::optional<std::uint64_t> fail_at_step) {
    FakeRunnerOptions fake;
    fake.limits.vocab_size = api::chat_tokenizer().size();
    fake.fail_at_step = fail_at_step;
    engine_.emplace(std::make_unique<FakeRunner>(std::move(fake)), EngineOptions{});
    service_.emplace(*engine_, api::chat_tokenizer());
    server_.emplace(*service_, api::chat_model(), TextServerOptions{});
    ASSERT_TRUE(server_->start().has_value());
  }

  std::optional<Engine> engine_;
  std::optional<Service> service_;
  std::optional<TextServer> server_;
};

TEST_F(ResponsesRoutesTest, AStreamThatBreaksSaysSoAndIsBrokenOff) {
  start(20);
  const std::string got =
      post(server_->port(), R"({"input": "x", "stream": true, "ignore_eos": true})");
  EXPECT_THAT(got, HasSubstr("event: response.created\n"));
  const std::size_t failed = got.find("event: response.failed\n");
  ASSERT_NE(failed, std::string::npos) << got;
  EXPECT_GT(got.find("event: error\n"), failed);
  EXPECT_FALSE(got.ends_with("\r\n0\r\n\r\n"));  // the end of a body
  EXPECT_EQ(got.find("response.completed"), std::string::npos);
}

TEST_F(ResponsesRoutesTest, AWholeAnswerThatBreaksIsAnError) {
  start(20);
  EXPECT_THAT(post(server_->port(), R"({"input": "x", "ignore_eos": true})"),
              HasSubstr("HTTP/1.1 500 "));
}

TEST_F(ResponsesRoutesTest, WhatIsCompleteCannotBeCancelled) {
  start(std::nullopt);
  const std::string made = post(server_->port(), R"({"input": "x", "max_output_tokens": 2})");
  const std::string id = made.substr(made.find("resp_"), std::string_view("resp_").size() + 24);
  const std::string path = "/v1/responses/" + id + "/cancel";
  EXPECT_THAT(post(server_->port(), "", path),
              AllOf(HasSubstr("HTTP/1.1 400 "), HasSubstr("is complete")));
  EXPECT_THAT(post(server_->port(), "", "/v1/responses/resp_1/cancel"),
              AllOf(HasSubstr("HTTP/1.1 404 "), HasSubstr("not_found")));
}

TEST_F(ResponsesRoutesTest, AStreamEndsWithItsResponse) {
  start(std::nullopt);
  const std::string got =
      post(server_->port(), R"({"input": "x", "stream": true, "max_output_tokens": 5})");
  EXPECT_TRUE(got.ends_with("\r\n0\r\n\r\n"));
  EXPECT_GT(got.rfind("event: response."), got.find("event: response.created\n"));
  EXPECT_EQ(got.find("[DONE]"), std::string::npos);
}

}  // namespace
}  // namespace g4
