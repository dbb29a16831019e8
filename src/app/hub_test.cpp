#include "app/hub.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "app/models_folder.h"
#include "fetch/test_script.h"

namespace g4::app {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr std::size_t kWeightBytes = 307200;  // as in tests/hub_server.py

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string weights() {
  std::string text(kWeightBytes, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i % 256);
  return text;
}

class Hub : public testing::Test {
 protected:
  void SetUp() override {
    models_ = fs::path(testing::TempDir()) / ("hub-" + std::to_string(getpid()));
    fs::remove_all(models_);
    EXPECT_EQ(ask_server("/reset"), "{}");
  }
  void TearDown() override { fs::remove_all(models_); }

  static void SetUpTestSuite() {
    server_ = std::make_unique<TestScript>("hub_server.py");
    hub_port_ = server_->port(0);
    cdn_port_ = server_->port(1);
  }
  static void TearDownTestSuite() { server_.reset(); }

  HubOptions options(const std::string& token = "") const {
    HubOptions options;
    options.endpoint = "http://127.0.0.1:" + std::to_string(hub_port_);
    options.token = token;
    options.models = models_;
    options.retry.pause_first = std::chrono::milliseconds(5);
    options.retry.attempts_max = 3;
    options.retry.progress = Progress::Style::kQuiet;
    return options;
  }

  Result<fs::path> pull_text(const std::string& text, const std::string& token = "") const {
    return pull(G4_TRY(parse_hub_ref(text)), options(token));
  }
  std::string pull_error(const std::string& text, const std::string& token = "") const {
    const Result<fs::path> path = pull_text(text, token);
    return path ? "(pulled " + path->string() + ")" : path.error().message;
  }

  std::string ask_server(const std::string& path) const {
    HttpClient client;
    std::string body;
    EXPECT_TRUE(client.get_text(
        {.url = options().endpoint + path, .bearer = "", .body_bytes_max = 1 << 20}, body));
    return body;
  }

  // What the server was asked, as "PATH RANGE AUTHORIZATION".
  std::vector<std::string> requests(int port, const std::string& path_start) const {
    HttpClient client;
    std::string body;
    EXPECT_TRUE(client.get_text(
        {.url = options().endpoint + "/log", .bearer = "", .body_bytes_max = 1 << 20}, body));
    std::vector<std::string> lines;
    const boost::json::value log = boost::json::parse(body);
    for (const auto& entry : log.as_array()) {
      const std::string path(entry.at("path").as_string());
      if (entry.at("port").to_number<int>() == port && path.starts_with(path_start))
        lines.push_back(path + " " + std::string(entry.at("range").as_string()) + " " +
                        std::string(entry.at("authorization").as_string()));
    }
    return lines;
  }

  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(models_))
      if (entry.is_regular_file()) names.push_back(fs::relative(entry.path(), models_).string());
    return names;
  }

  fs::path models_;
  static inline std::unique_ptr<TestScript> server_;
  static inline int hub_port_ = 0, cdn_port_ = 0;
};

TEST_F(Hub, PullsWhatAModelNeedsAndNothingElse) {
  const Result<fs::path> path = pull_text("owner/plain", "secret");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*path, models_ / "owner" / "plain");
  const std::string at = "owner/plain/";
  EXPECT_THAT(files(), UnorderedElementsAre(at + "config.json", at + "generation_config.json",
                                            at + "tokenizer.json", at + "tokenizer_config.json",
                                            at + "chat_template.jinja", at + "model.safetensors"));
  EXPECT_EQ(read_text(*path / "model.safetensors"), weights());
}

TEST_F(Hub, TokenReachesTheHubButNotItsCdn) {
  ASSERT_TRUE(pull_text("owner/plain", "secret"));
  for (const std::string& line : requests(hub_port_, "/owner"))
    EXPECT_THAT(line, HasSubstr("Bearer secret"));
  EXPECT_THAT(requests(cdn_port_, "/cdn"), ElementsAre("/cdn/plain/model.safetensors  "));
}

TEST_F(Hub, SecondPullFetchesOnlyWhatIsBroken) {
  const Result<fs::path> path = pull_text("owner/plain");
  ASSERT_TRUE(path);
  std::fstream(*path / "model.safetensors", std::ios::in | std::ios::out).put('x');
  ASSERT_TRUE(pull_text("owner/plain"));
  EXPECT_EQ(read_text(*path / "model.safetensors"), weights());
  EXPECT_EQ(requests(hub_port_, "/owner/plain/resolve/main/config.json").size(), 1);
  EXPECT_EQ(requests(cdn_port_, "/cdn").size(), 2);
}

TEST_F(Hub, BrokenTransferGoesOnWhereItStopped) {
  const Result<fs::path> path = pull_text("owner/truncating");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read_text(*path / "model.safetensors"), weights());
  const std::string file = "/cdn/truncating/model.safetensors ";
  EXPECT_THAT(requests(cdn_port_, "/cdn"),
              ElementsAre(file + " ", file + "bytes=153600- ", file + "bytes=230400- "));
}

TEST_F(Hub, EarlierRunsPartIsUsed) {
  const fs::path part = models_ / "owner/plain/model.safetensors.part";
  fs::create_directories(part.parent_path());
  std::ofstream(part, std::ios::binary) << weights().substr(0, 1000);
  ASSERT_TRUE(pull_text("owner/plain"));
  EXPECT_THAT(requests(cdn_port_, "/cdn"),
              ElementsAre("/cdn/plain/model.safetensors bytes=1000- "));
  EXPECT_EQ(read_text(models_ / "owner/plain/model.safetensors"), weights());
}

TEST_F(Hub, ServerWithoutRangesStartsAgain) {
  const Result<fs::path> path = pull_text("owner/norange");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(read_text(*path / "model.safetensors"), weights());
}

TEST_F(Hub, WrongChecksumIsDeletedAndTheNextPullIsGood) {
  EXPECT_THAT(pull_error("owner/corrupt"), HasSubstr("do not have the checksum"));
  EXPECT_FALSE(fs::exists(models_ / "owner/corrupt/model.safetensors"));
  EXPECT_FALSE(fs::exists(models_ / "owner/corrupt/model.safetensors.part"));
  EXPECT_TRUE(pull_text("owner/corrupt"));
}

TEST_F(Hub, ChecksumComesFromTheEtagIfTheListingHasNone) {
  EXPECT_THAT(pull_error("owner/etag-only"), HasSubstr("do not have the checksum"));
  EXPECT_TRUE(pull_text("owner/etag-only"));
}

TEST_F(Hub, LongerThanListedIsRefused) {
  EXPECT_THAT(pull_error("owner/oversized"),
              HasSubstr("more than the 307200 bytes that the listing says"));
}

TEST_F(Hub, GatedModelSaysHowToGetIt) {
  EXPECT_THAT(pull_error("owner/gated"),
              AllOf(HasSubstr("owner/gated is gated"), HasSubstr("/owner/gated"),
                    HasSubstr("set HF_TOKEN")));
  EXPECT_THAT(pull_error("owner/gated", "other"),
              AllOf(HasSubstr("(403)"), HasSubstr("accept its terms")));
  EXPECT_TRUE(pull_text("owner/gated", "good"));
}

TEST_F(Hub, UnknownRepositoriesAndRevisions) {
  EXPECT_THAT(pull_error("owner/missing"),
              HasSubstr("does not know owner/missing or it is private"));
  EXPECT_THAT(pull_error("owner/plain@v9"), HasSubstr("owner/plain has no revision 'v9'"));
  EXPECT_TRUE(pull_text("owner/plain@v2"));
  EXPECT_THAT(pull_error("owner/plain:nothing.gguf"),
              HasSubstr("has no file 'nothing.gguf'; it has model.safetensors"));
}

TEST_F(Hub, WaitsWhenAskedToSlowDown) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(pull_text("owner/busy"));
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST_F(Hub, VeryLongPauseIsToldInsteadOfWaitedFor) {
  EXPECT_THAT(pull_error("owner/slow"),
              AllOf(HasSubstr("slow down (429)"), HasSubstr("a pause of 24 h 0 min")));
}

TEST_F(Hub, GivesUpWhenNothingMoves) {
  EXPECT_THAT(pull_error("owner/stuck"), HasSubstr("tried 3 times"));
  EXPECT_EQ(requests(cdn_port_, "/cdn").size(), 3);
}

TEST_F(Hub, DiskSpaceIsCheckedFirst) {
  EXPECT_THAT(pull_error("owner/huge"),
              AllOf(HasSubstr("900.0 TB more are needed"), HasSubstr("free; make room")));
  EXPECT_TRUE(requests(cdn_port_, "/cdn").empty());
}

TEST_F(Hub, RedirectToPlainHttpElsewhereIsRefused) {
  EXPECT_THAT(pull_error("owner/downgrade"), HasSubstr("http://192.0.2.1 is refused"));
}

TEST_F(Hub, NamesThatLeaveTheFolderAreRefused) {
  EXPECT_THAT(pull_error("owner/evil"), HasSubstr("would leave the models folder"));
  EXPECT_FALSE(fs::exists(models_));
}

TEST_F(Hub, SeveralGgufsAreListed) {
  EXPECT_THAT(pull_error("owner/ggufs"),
              AllOf(HasSubstr("gemma4 pull hf:owner/ggufs:a-Q4_K_M.gguf  (307.2 kB)"),
                    HasSubstr("hf:owner/ggufs:sub/b-Q8_0-00001-of-00002.gguf"),
                    testing::Not(HasSubstr("mmproj")), testing::Not(HasSubstr("00002-of-00002"))));
}

TEST_F(Hub, SplitGgufBringsAllItsParts) {
  const Result<fs::path> path = pull_text("owner/ggufs:sub/b-Q8_0-00001-of-00002.gguf");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*path, models_ / "owner/ggufs/sub/b-Q8_0-00001-of-00002.gguf");
  EXPECT_TRUE(fs::exists(models_ / "owner/ggufs/sub/b-Q8_0-00002-of-00002.gguf"));
}

TEST_F(Hub, SingleGgufNeedsNoName) {
  const Result<fs::path> path = pull_text("owner/one-gguf");
  ASSERT_TRUE(path) << path.error().message;
  EXPECT_EQ(*path, models_ / "owner/one-gguf/only.gguf");
}

TEST_F(Hub, PulledModelsAreFoundByTheirHubName) {
  setenv("G4_MODELS", models_.c_str(), 1);
  const Result<fs::path> before = find_model("hf:owner/one-gguf");
  ASSERT_FALSE(before);
  EXPECT_THAT(before.error().message, HasSubstr("run: gemma4 pull hf:owner/one-gguf"));
  ASSERT_TRUE(pull_text("owner/one-gguf"));
  ASSERT_TRUE(pull_text("owner/plain"));
  const Result<fs::path> gguf = find_model("hf:owner/one-gguf");
  const Result<fs::path> folder = find_model("hf:owner/plain");
  unsetenv("G4_MODELS");
  ASSERT_TRUE(gguf && folder);
  EXPECT_EQ(*gguf, models_ / "owner/one-gguf/only.gguf");
  EXPECT_EQ(*folder, models_ / "owner/plain");
}

TEST_F(Hub, NobodyAtHomeIsAnError) {
  HubOptions nowhere = options();
  nowhere.endpoint = "http://127.0.0.1:1";
  const Result<fs::path> path = pull(*parse_hub_ref("owner/plain"), nowhere);
  ASSERT_FALSE(path);
  EXPECT_THAT(path.error().message, AllOf(HasSubstr("127.0.0.1"), HasSubstr("tried 3 times")));
}

TEST(HubRefs, AreParsed) {
  const Result<HubRef> ref = parse_hub_ref("google/gemma-4@v1.0:sub/x.gguf");
  ASSERT_TRUE(ref);
  EXPECT_EQ(ref->name(), "google/gemma-4");
  EXPECT_EQ(ref->revision, "v1.0");
  EXPECT_EQ(ref->file, "sub/x.gguf");
  for (const char* bad : {"", "owner", "owner/", "/repo", "a/b/c", "../x", "a/..", "a/b:",
                          "a/b:../c", "a/b:/c", "a b/c", "a/b@", "a/b?x", "a/b:c//d", "a/b:c\\d"})
    EXPECT_FALSE(parse_hub_ref(bad)) << bad;
}

TEST(HubListing, ForeignJsonNeverThrows) {
  for (const char* bad :
       {"", "[]", "{}", "{\"siblings\": 3}", "{\"siblings\": [{\"rfilename\": \"x\"}]}",
        "{\"siblings\": [{\"rfilename\": \"x\", \"size\": -1}]}",
        "{\"siblings\": [{\"rfilename\": \"x\", \"size\": 1e30}]}",
        "{\"siblings\": [{\"rfilename\": \"x\", \"size\": 18446744073709551615}]}"})
    EXPECT_FALSE(parse_listing(bad)) << bad;
}

}  // namespace
}  // namespace g4::app
