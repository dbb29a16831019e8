// The client with decoders that crash, hang or lie: shell scripts in place of gemma4-decoder.
#include <gtest/gtest.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>
#include <vector>

#include "decode/test_files.h"

namespace g4 {
namespace {

class OtherDecoder {
 public:
  explicit OtherDecoder(const std::string& script) {
    // A name of its own, or the client's spare would be one of the script before.
    static int count = 0;
    path_ = testing::TempDir() + "g4_decoder_" + std::to_string(::getpid()) + "_" +
            std::to_string(count++);
    std::ofstream(path_) << "#!/bin/sh\n" << script << "\n";
    ::chmod(path_.c_str(), 0700);
    ::setenv("G4_DECODER", path_.c_str(), 1);
  }
  ~OtherDecoder() {
    ::unsetenv("G4_DECODER");
    ::unlink(path_.c_str());
  }

 private:
  std::string path_;
};

using Fault = DecodeError::Fault;

DecodeError failure_with(const std::string& script) {
  const OtherDecoder other(script);
  const std::string file = test::read_file("png_rgb.png");
  DecodeLimits limits;
  limits.time_max = std::chrono::milliseconds(300);
  const auto start = std::chrono::steady_clock::now();
  const auto image = decode_image(test::bytes_of(file), {}, limits);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2)) << script;
  return image ? DecodeError{{"it decoded"}} : image.error();
}

TEST(DecoderClient, BlamesTheFileForWhateverADecoderDoesWithIt) {
  const auto failure = [](const std::string& script) {
    const DecodeError error = failure_with(R"(printf 'G4Dr\1\0\0\0' >&0; )" + script);
    EXPECT_EQ(error.fault, Fault::kFile) << script;
    return error.message;
  };
  const std::string late = "the file took too long to decode; it may be damaged, or too large";
  EXPECT_EQ(failure("kill -SEGV $$"),
            "the file made its decoder crash (signal 11); it is damaged, hostile, or needs more "
            "memory than a decoder may have");
  EXPECT_EQ(failure("exec sleep 60"), late);
  EXPECT_EQ(failure("exec sleep 60 <&- >&- 2>&-"), late);
  EXPECT_EQ(failure("kill -XCPU $$"), late);
  EXPECT_EQ(failure("exit 3"),
            "the file made its decoder end with code 3; it is damaged or hostile");
  EXPECT_EQ(failure("yes nonsense >&0 2>&1"),
            "the media decoder gave a wrong answer (no answer at all); the file is hostile");
  EXPECT_EQ(failure("printf G4Da >&0; exec sleep 60"), late);
}

TEST(DecoderClient, BlamesNoFileForADecoderThatCannotStart) {
  const auto failure = [](const std::string& script) {
    const DecodeError error = failure_with(script);
    EXPECT_EQ(error.fault, Fault::kOurs) << script;
    return error.message;
  };
  EXPECT_EQ(failure("exit 3"), "the media decoder ended with code 3 as it started");
  EXPECT_EQ(failure("kill -SEGV $$"), "the media decoder crashed as it started (signal 11)");
  EXPECT_EQ(failure("yes nonsense >&0 2>&1"),
            "the media decoder's first words: this is no decoder");
}

// By the kernel where memory ran out, or by whoever may.
TEST(DecoderClient, BlamesNoFileForADecoderThatWasKilled) {
  const DecodeError error = failure_with(R"(printf 'G4Dr\1\0\0\0' >&0; kill -KILL $$)");
  EXPECT_EQ(error.fault, Fault::kOurs);
  EXPECT_EQ(error.message, "the media decoder was killed; the machine may be short of memory");
}

std::filesystem::path beside_this_program(const char* name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

// The decoder that waits for the next file is a child of ours.
TEST(DecoderClient, HasDecodersThatDieBeforeItDoes) {
  ASSERT_TRUE(test::image_of(test::read_file("png_rgb.png")));
  int decoders = 0;
  for (int i = 0; i < 200 && decoders == 0; ++i) {
    ::usleep(10'000);
    std::ifstream children("/proc/thread-self/children");
    for (std::string child; children >> child;) {
      int score = 0;
      std::ifstream("/proc/" + child + "/oom_score_adj") >> score;
      decoders += score == 1000;
    }
  }
  EXPECT_EQ(decoders, 1);
}

TEST(DecoderClient, WorksWithoutLandlockAndWarnsOnce) {
  // Else tests before this one may have had the warning.
  const bool kernel_has_it = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) >= 1;
  const OtherDecoder other("exec " + beside_this_program("sandbox_probe").string() +
                           " without-landlock " + beside_this_program("gemma4-decoder").string());
  std::ostringstream said;
  const auto logger = spdlog::default_logger();
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
      "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(said)));
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(test::image_of(test::read_file("png_rgb.png")));
  spdlog::set_default_logger(logger);
  constexpr std::string_view kWarning = "no Landlock";
  const std::string log = said.str();
  int warnings = 0;
  for (std::size_t at = log.find(kWarning); at != log.npos; at = log.find(kWarning, at + 1))
    ++warnings;
  EXPECT_LE(warnings, 1) << log;
  EXPECT_GE(warnings, kernel_has_it ? 1 : 0) << log;
}

TEST(DecoderClient, SaysWhichProgramIsMissing) {
  ::setenv("G4_DECODER", "/nowhere/gemma4-decoder", 1);
  const std::string file = test::read_file("png_rgb.png");
  const auto image = test::image_of(file);
  ::unsetenv("G4_DECODER");
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().fault, Fault::kOurs);
  EXPECT_EQ(image.error().message,
            "no media decoder: cannot start /nowhere/gemma4-decoder: No such file or directory");
}

TEST(DecoderClient, ServesManyThreads) {
  const std::string good = test::read_file("png_rgb.png");
  const std::string bad = good.substr(0, good.size() / 2);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(test::image_of(good));
        const auto image = test::image_of(bad);
        ASSERT_FALSE(image);
        EXPECT_EQ(image.error().fault, Fault::kFile);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace g4
