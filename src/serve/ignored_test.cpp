#include "serve/ignored.h"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "base/utf8.h"

namespace g4 {
namespace {

using testing::HasSubstr;

class IgnoredTest : public testing::Test {
 protected:
  IgnoredTest() : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
    request_.id.assign(1, 'r');
  }
  ~IgnoredTest() override { spdlog::set_default_logger(before_); }

  std::ostringstream text_;
  HttpRequest request_;

 private:
  const std::shared_ptr<spdlog::logger> before_;
};

TEST_F(IgnoredTest, NamesAreOneLineOfJson) {
  log_unread(request_, {{"a", "b\n2026-11-24 12:00:00 error forged\x1b[2J\""}, 7});
  EXPECT_EQ(text_.str(),
            "r: 7 fields mean nothing here and were ignored: "
            "[\"a\",\"b\\n2026-11-24 12:00:00 error forged\\u001b[2J\\\"\"]\n");
}

TEST_F(IgnoredTest, LongNamesAndListsAreCutInWholeCharacters) {
  std::vector<std::string> names(100, "x" + std::string(40, ' '));
  for (int i = 0; i < 1000; ++i) names[0] += "\u00e9";
  log_ignored(request_, "tools are no functions", names, names.size());
  EXPECT_LT(text_.str().size(), 1200U);
  EXPECT_TRUE(is_utf8(text_.str()));
  EXPECT_THAT(text_.str(), HasSubstr("r: 100 tools are no functions"));
}

TEST_F(IgnoredTest, NothingIsSaidOfNothing) {
  log_unread(request_, {});
  spdlog::set_level(spdlog::level::info);
  log_unread(request_, {{"a"}, 1});
  EXPECT_EQ(text_.str(), "");
}

}  // namespace
}  // namespace g4
