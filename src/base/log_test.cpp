#include "base/log.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <boost/json.hpp>
#include <sstream>

namespace g4 {
namespace {

TEST(Log, LevelsByName) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("off"), LogLevel::kOff);
  EXPECT_EQ(parse_log_level("loud"), std::nullopt);
}

TEST(Log, JsonLinesAreOneObjectEach) {
  std::ostringstream out;
  spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
  logger.set_formatter(json_log_formatter());
  logger.warn("a \"quoted\"\nline {}", 7);
  const std::string line = out.str();
  ASSERT_THAT(line, testing::EndsWith("}\n"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const boost::json::object entry = boost::json::parse(line).as_object();
  EXPECT_EQ(entry.at("level"), "warning");
  EXPECT_EQ(entry.at("message"), "a \"quoted\"\nline 7");
  EXPECT_THAT(std::string(entry.at("time").as_string()),
              testing::MatchesRegex("20[0-9-]+T[0-9:]+\\.[0-9]+Z"));
}

TEST(Log, SetUpWritesToStderrFromTheLevelOn) {
  testing::internal::CaptureStderr();
  set_up_log(LogLevel::kWarning, LogFormat::kText);
  spdlog::info("hidden");
  spdlog::warn("shown");
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_THAT(text, testing::HasSubstr("shown"));
  EXPECT_THAT(text, testing::Not(testing::HasSubstr("hidden")));
}

}  // namespace
}  // namespace g4
