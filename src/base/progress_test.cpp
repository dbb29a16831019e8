#include "base/progress.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

namespace g4 {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST(Progress, BytesHaveDecimalUnits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(253113024), "253.1 MB");
  EXPECT_EQ(format_bytes(999'960'000), "1.0 GB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "18.4 EB");
}

TEST(Progress, DurationsInTwoUnits) {
  EXPECT_EQ(format_duration(0.4), "0 s");
  EXPECT_EQ(format_duration(59.6), "1 min 0 s");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
  EXPECT_EQ(format_duration(7500), "2 h 5 min");
  EXPECT_EQ(format_duration(-1), "0 s");
}

TEST(Progress, TextTellsRateAndTimeLeft) {
  EXPECT_EQ(progress_text("model", {.done = 500'000'000, .total = 2'000'000'000, .seconds = 5}),
            "model: 500.0 MB of 2.0 GB (25 %), 100.0 MB/s, 15 s left");
}

TEST(Progress, ResumedPartDoesNotCountAsSpeed) {
  EXPECT_EQ(progress_text(
                "m", {.done = 600'000, .total = 1'000'000, .done_before = 500'000, .seconds = 1}),
            "m: 600.0 kB of 1.0 MB (60 %), 100.0 kB/s, 4 s left");
}

TEST(Progress, UnknownTotalHasNoPercentage) {
  EXPECT_EQ(progress_text("m", {.done = 2000, .seconds = 2}), "m: 2.0 kB, 1.0 kB/s, took 2 s");
  EXPECT_EQ(progress_text("m", {}), "m: 0 B");
}

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_.data()), 0); }
  ~Pipe() { close(ends_[0]); }
  int writer() const { return ends_[1]; }
  std::string read_all() {
    close(ends_[1]);
    std::string text;
    std::array<char, 4096> buffer;
    for (ssize_t n; (n = read(ends_[0], buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(n));
    return text;
  }

 private:
  std::array<int, 2> ends_{};
};

std::string printed(Progress::Style style, std::chrono::milliseconds pause) {
  Pipe pipe;
  {
    Progress progress("work", 4000, {.style = style, .file_descriptor = pipe.writer()});
    std::vector<std::thread> threads;
    std::this_thread::sleep_for(pause);
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int n = 0; n < 1000; ++n) progress.advance(1);
      });
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(progress.done(), 4000);
  }
  return pipe.read_all();
}

TEST(Progress, ShortWorkIsSilent) {
  EXPECT_EQ(printed(Progress::Style::kLines, std::chrono::milliseconds(0)), "");
}

TEST(Progress, TerminalRewritesOneLine) {
  const std::string text = printed(Progress::Style::kTerminal, std::chrono::milliseconds(520));
  EXPECT_THAT(text, AllOf(StartsWith("\rwork: "), HasSubstr("4.0 kB of 4.0 kB (100 %)"),
                          EndsWith("\x1b[K\n")));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
}

TEST(Progress, ElsewhereWholeLines) {
  const std::string text = printed(Progress::Style::kLines, std::chrono::milliseconds(520));
  EXPECT_THAT(text, AllOf(StartsWith("work: "), EndsWith("took 1 s\n")));
  EXPECT_EQ(text.find('\r'), std::string::npos);
}

TEST(Progress, FinishDoesNotRepeatTheLastLine) {
  Pipe pipe;
  {
    Progress progress("work", 4000,
                      {.style = Progress::Style::kLines, .file_descriptor = pipe.writer()});
    std::this_thread::sleep_for(std::chrono::milliseconds(520));
    progress.advance(4000);
  }
  const std::string text = pipe.read_all();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST(Progress, QuietSaysNothing) {
  EXPECT_EQ(printed(Progress::Style::kQuiet, std::chrono::milliseconds(520)), "");
}

}  // namespace
}  // namespace g4
