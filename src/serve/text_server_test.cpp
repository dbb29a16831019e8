// What a stranger may ask of a server with keys.
#include "serve/text_server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/asio/ip/tcp.hpp>

#include "engine/fake_runner.h"
#include "text/test_vocabulary.h"

namespace g4 {
namespace {

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

TEST(TextServer, OnlyHealthAndReadinessNeedNoKey) {
  const Tokenizer tokenizer = std::move(Tokenizer::create(TestVocabulary().source)).value();
  Engine engine(std::make_unique<FakeRunner>(), EngineOptions{});
  Service service(engine, tokenizer);
  TextServerOptions options;
  options.api_keys = {"secret"};
  TextServer server(service, api::ServedModel{}, std::move(options));
  ASSERT_TRUE(server.start().has_value());
  const std::uint16_t port = server.port();
  EXPECT_EQ(status_of(port, "/health"), 200);
  EXPECT_EQ(status_of(port, "/ready"), 200);
  for (const char* path : {"/v1/models", "/version", "/tokenizer_info", "/nowhere", "/ready/"}) {
    EXPECT_EQ(status_of(port, path), 401) << path;
    EXPECT_EQ(status_of(port, path, "Authorization: Bearer wrong\r\n"), 401) << path;
  }
  EXPECT_EQ(status_of(port, "/v1/models", "Authorization: Bearer secret\r\n"), 200);
}

}  // namespace
}  // namespace g4
