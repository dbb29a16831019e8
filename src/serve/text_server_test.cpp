// What a stranger may ask of a server with keys, and how it is refused.
#include "serve/text_server.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/asio/ip/tcp.hpp>
#include <iterator>
#include <tuple>

#include "engine/fake_runner.h"
#include "text/test_vocabulary.h"

namespace g4 {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

int status_of(std::uint16_t port, std::string_view path, std::string_view header = "") {
  boost::asio::ip::tcp::iostream connection("127.0.0.1", std::to_string(port));
  connection << fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", path,
                            header)
             << std::flush;
  std::string version;
  int status = 0;
  connection >> version >> status;
  return status;
}

std::string answer_of(std::uint16_t port, std::string_view head) {
  boost::asio::ip::tcp::iostream connection("127.0.0.1", std::to_string(port));
  connection << head << "\r\nHost: x\r\nConnection: close\r\n\r\n" << std::flush;
  return std::string(std::istreambuf_iterator<char>(connection), {});
}

TEST(TextServer, OnlyHealthAndReadinessNeedNoKey) {
  const Tokenizer tokenizer = std::move(Tokenizer::create(TestVocabulary().source)).value();
  Engine engine(std::make_unique<FakeRunner>(), EngineOptions{});
  Service service(engine, tokenizer);
  TextServerOptions options;
  options.api_keys = {"secret"};
  TextServer server(service, api::ServedModel{}, std::move(options));
  ASSERT_TRUE(server.start().has_value());
  const std::uint16_t port = server.port();
  for (const char* path : {"/health", "/v1/health", "/ping", "/ready"})
    EXPECT_EQ(status_of(port, path), 200) << path;
  for (const char* path : {"/v1/models", "/version", "/tokenizer_info", "/nowhere", "/ready/",
                           "/props", "/metrics", "/v1/embeddings"}) {
    EXPECT_EQ(status_of(port, path), 401) << path;
    EXPECT_EQ(status_of(port, path, "Authorization: Bearer wrong\r\n"), 401) << path;
  }
  EXPECT_EQ(status_of(port, "/v1/models", "Authorization: Bearer secret\r\n"), 200);
}

TEST(TextServer, RefusalsHaveTheShapeOfTheirDialect) {
  const Tokenizer tokenizer = std::move(Tokenizer::create(TestVocabulary().source)).value();
  Engine engine(std::make_unique<FakeRunner>(), EngineOptions{});
  Service service(engine, tokenizer);
  TextServerOptions options;
  options.api_keys = {"secret"};
  options.http.request.body_bytes_max = 100;
  TextServer server(service, api::ServedModel{}, std::move(options));
  ASSERT_TRUE(server.start().has_value());
  const auto ask = [&](const std::string& line, const std::string& headers) {
    return answer_of(server.port(), line + " HTTP/1.1" + headers);
  };
  const std::string key = "\r\nx-api-key: secret";
  const std::string large = key + "\r\nContent-Length: 101";
  const std::tuple<std::string, std::string, int, const char*> cases[] = {
      {"POST /v1/messages", "", 401, "authentication_error"},
      {"GET /v1/messages", key, 405, "invalid_request_error"},
      {"GET /v1/messages/batches", key, 404, "not_found_error"},
      {"POST /v1/messages/count_tokens", large, 413, "request_too_large"},
      {"POST /v1/messages", key, 400, "invalid_request_error"},
  };
  for (const auto& [line, headers, status, type] : cases) {
    const std::string answer = ask(line, headers);
    EXPECT_THAT(answer, StartsWith(fmt::format("HTTP/1.1 {} ", status))) << line;
    EXPECT_THAT(answer, HasSubstr(fmt::format(R"("type":"error","error":{{"type":"{}",)", type)));
    EXPECT_THAT(answer, Not(HasSubstr("\"title\"")));
  }
  for (const char* line : {"POST /v1/chat/completions", "GET /nowhere"})
    EXPECT_THAT(ask(line, key), HasSubstr("\"title\"")) << line;
  EXPECT_THAT(ask("POST /v1/embeddings", key),
              AllOf(StartsWith("HTTP/1.1 404 "), HasSubstr("no embeddings")));
}

}  // namespace
}  // namespace g4
