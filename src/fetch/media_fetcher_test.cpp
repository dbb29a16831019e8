#include "fetch/media_fetcher.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <netdb.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include "fetch/http_client.h"
#include "fetch/test_script.h"

namespace g4 {
namespace {

// The network as curl sees it: names have these addresses (the n-th lookup the n-th list), and
// every connection is noted.
class FakeNetwork {
 public:
  static FakeNetwork& get() {
    static FakeNetwork network;
    return network;
  }
  // Nothing if the name is not one of ours.
  std::optional<std::vector<std::string>> look_up(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    const auto found = names_.find(name);
    if (found == names_.end()) return std::nullopt;
    const int n = lookups_[name]++;
    return found->second.at(std::min<std::size_t>(n, found->second.size() - 1));
  }
  int lookups(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    return lookups_[name];
  }
  void note(const IpAddress& address) {
    const std::scoped_lock lock(mutex_);
    connected_.push_back(address.text());
  }
  std::vector<std::string> connected() {
    const std::scoped_lock lock(mutex_);
    return connected_;
  }
  void forget() {
    const std::scoped_lock lock(mutex_);
    lookups_.clear();
    connected_.clear();
  }

 private:
  const std::map<std::string, std::vector<std::vector<std::string>>> names_{
      {"images.test", {{"127.0.0.1"}}},
      {"other.test", {{"127.0.0.1"}}},
      {"inside.test", {{"10.9.8.7"}}},
      {"metadata.test", {{"169.254.169.254"}}},
      {"mapped.test", {{"::ffff:10.9.8.7"}}},
      {"both.test", {{"10.9.8.7", "169.254.169.254", "127.0.0.1"}}},
      {"turning.test", {{"127.0.0.1"}, {"10.9.8.7"}}},
      {"slow.test", {{"127.0.0.1"}}},
      {"missing.test", {{}}},
  };
  std::mutex mutex_;
  std::map<std::string, int> lookups_;
  std::vector<std::string> connected_;
};

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace
}  // namespace g4

// In place of the C library's, for this program and for libcurl in it.
extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                           addrinfo** result) {
  static auto* const actual = g4::real<decltype(getaddrinfo)>("getaddrinfo");
  const auto addresses = g4::FakeNetwork::get().look_up(name == nullptr ? "" : name);
  if (!addresses) return actual(name, service, hints, result);
  if (std::string_view(name) == "slow.test") std::this_thread::sleep_for(std::chrono::seconds(4));
  addrinfo** end = result;
  *end = nullptr;
  for (const std::string& address : *addresses) {
    if (const int error = actual(address.c_str(), service, hints, end); error != 0) return error;
    while (*end != nullptr) end = &(*end)->ai_next;
  }
  return *result == nullptr ? EAI_NONAME : 0;
}

extern "C" int connect(int socket, const sockaddr* address, socklen_t bytes) {
  static auto* const actual = g4::real<decltype(connect)>("connect");
  if (const auto ip = g4::IpAddress::of(address, bytes)) g4::FakeNetwork::get().note(*ip);
  return actual(socket, address, bytes);
}

namespace g4 {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::Each;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class MediaFetch : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::path(testing::TempDir()) / fmt::format("media-{}", getpid());
    fs::create_directories(folder_);
    server_ = std::make_unique<TestScript>("media_server.py", folder_.string());
  }
  static void TearDownTestSuite() {
    server_.reset();
    fs::remove_all(folder_);
  }
  void SetUp() override { FakeNetwork::get().forget(); }

  static int port() { return server_->port(0); }
  static std::string at(const std::string& host, const std::string& path, int its_port = port()) {
    return fmt::format("https://{}:{}{}", host, its_port, path);
  }
  static std::string image(const std::string& path) { return at("images.test", path); }

  // All hosts but other.test, by name, at loopback.
  static MediaFetchPolicy policy() {
    MediaFetchPolicy policy;
    for (const char* name : {"images.test", "inside.test", "metadata.test", "mapped.test",
                             "both.test", "turning.test", "slow.test", "missing.test"})
      policy.hosts.push_back(*parse_host_pattern(fmt::format("{}:{}", name, port())));
    policy.private_networks = {*parse_private_network("127.0.0.0/8")};
    std::ifstream in(folder_ / "trusted.pem");
    std::ostringstream text;
    text << in.rdbuf();
    policy.authorities_pem = text.str();
    policy.bytes_max = 1 << 20;
    policy.time_max = milliseconds(20'000);
    return policy;
  }

  static std::string error(const std::string& url, const MediaFetchPolicy& rules = policy()) {
    const auto file = MediaFetcher(rules).fetch(url);
    return file ? "(fetched)" : file.error().message;
  }

  static inline fs::path folder_;
  static inline std::unique_ptr<TestScript> server_;
};

TEST_F(MediaFetch, BringsTheBytes) {
  const auto file = MediaFetcher(policy()).fetch(image("/bytes/100000"));
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_EQ(file->size(), 100000);
  for (std::size_t i = 0; i < file->size(); ++i) ASSERT_EQ((*file)[i], std::byte(i % 251));
}

TEST_F(MediaFetch, IsOffUnlessHostsAreNamed) {
  MediaFetchPolicy off = policy();
  off.hosts.clear();
  EXPECT_THAT(error(image("/bytes/1"), off), HasSubstr("--media-host"));
  EXPECT_THAT(error("not even an address", off), HasSubstr("--media-host"));
  EXPECT_THAT(FakeNetwork::get().connected(), IsEmpty());
}

TEST_F(MediaFetch, HostsNotInTheListAreNotEvenResolved) {
  EXPECT_THAT(error(at("other.test", "/bytes/1")),
              HasSubstr(fmt::format("does not fetch from other.test:{}", port())));
  EXPECT_THAT(error("https://images.test/bytes/1"), HasSubstr("does not fetch from images.test;"));
  EXPECT_EQ(FakeNetwork::get().lookups("other.test"), 0);
  EXPECT_EQ(FakeNetwork::get().lookups("images.test"), 0);
}

TEST_F(MediaFetch, OtherAddressesAreRefused) {
  EXPECT_THAT(error(fmt::format("http://images.test:{}/bytes/1", port())),
              HasSubstr("only https: addresses"));
  for (const char* scheme : {"ftp://images.test/", "file:///etc/passwd", "gopher://images.test/"})
    EXPECT_THAT(error(scheme), HasSubstr("only https: addresses")) << scheme;
  EXPECT_THAT(error(at("me:secret@images.test", "/bytes/1")), HasSubstr("user name"));
  for (const char* bad : {"", "images.test/x", "https://", "https://images.test/a b"})
    EXPECT_THAT(error(bad), HasSubstr("should be an https: address")) << bad;
  EXPECT_THAT(error("https://b\u00FCcher.example/"), HasSubstr("xn--"));
}

TEST_F(MediaFetch, PrivateAddressesAreNeverConnectedTo) {
  // The same words as for a name that does not exist, and as fast.
  const auto start = steady_clock::now();
  for (const char* host : {"inside.test", "metadata.test", "mapped.test", "missing.test"})
    EXPECT_EQ(error(at(host, "/bytes/1")), fmt::format("{}:{} cannot be reached", host, port()));
  EXPECT_LT(steady_clock::now() - start, milliseconds(3000));
  EXPECT_THAT(FakeNetwork::get().connected(), IsEmpty());
  MediaFetchPolicy closed = policy();
  closed.private_networks.clear();
  EXPECT_THAT(error(image("/bytes/1"), closed), HasSubstr("cannot be reached"));
  EXPECT_THAT(FakeNetwork::get().connected(), IsEmpty());
}

TEST_F(MediaFetch, OfSeveralAddressesOnlyTheAllowedOneIsTried) {
  EXPECT_EQ(error(at("both.test", "/bytes/1")), "(fetched)");
  EXPECT_THAT(FakeNetwork::get().connected(), Each("127.0.0.1"));
}

TEST_F(MediaFetch, ANameIsResolvedOnce) {
  EXPECT_EQ(error(at("turning.test", "/hops/3")), "(fetched)");
  EXPECT_EQ(FakeNetwork::get().lookups("turning.test"), 1);
  EXPECT_THAT(FakeNetwork::get().connected(), Each("127.0.0.1"));
  // The next fetch asks again, and the new address is judged again.
  EXPECT_THAT(error(at("turning.test", "/bytes/1")), HasSubstr("cannot be reached"));
  EXPECT_THAT(FakeNetwork::get().connected(), Each("127.0.0.1"));
}

TEST_F(MediaFetch, AnAddressInTheListIsItsOwnPermission) {
  MediaFetchPolicy literal = policy();
  literal.hosts = {*parse_host_pattern(fmt::format("127.0.0.1:{}", port()))};
  literal.private_networks.clear();
  EXPECT_EQ(error(at("127.0.0.1", "/bytes/1"), literal), "(fetched)");
  EXPECT_EQ(error(at("127.1", "/bytes/1"), literal), "(fetched)");
  EXPECT_THAT(error(at("127.0.0.2", "/bytes/1"), literal), HasSubstr("does not fetch from"));
}

TEST_F(MediaFetch, AnyHostMeansAnyPublicHost) {
  MediaFetchPolicy any = policy();
  any.hosts = {*parse_host_pattern(fmt::format("*:{}", port()))};
  EXPECT_THAT(error(image("/bytes/1"), any), HasSubstr("cannot be reached"));
  EXPECT_THAT(error(at("127.0.0.1", "/bytes/1"), any), HasSubstr("cannot be reached"));
  EXPECT_THAT(FakeNetwork::get().connected(), IsEmpty());
  any.hosts.push_back(*parse_host_pattern(fmt::format("images.test:{}", port())));
  EXPECT_EQ(error(image("/bytes/1"), any), "(fetched)");
}

TEST_F(MediaFetch, ProxiesOfTheEnvironmentAreNotUsed) {
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy"})
    setenv(name, "http://127.0.0.1:1", 1);
  EXPECT_EQ(error(image("/bytes/1")), "(fetched)");
  for (const char* name : {"https_proxy", "HTTPS_PROXY", "all_proxy"}) unsetenv(name);
}

TEST_F(MediaFetch, CertificatesAreChecked) {
  MediaFetchPolicy other_port = policy();
  other_port.hosts = {*parse_host_pattern(fmt::format("images.test:{}", server_->port(1)))};
  EXPECT_THAT(error(at("images.test", "/bytes/1", server_->port(1)), other_port),
              HasSubstr("no certificate that this server trusts"));
  MediaFetchPolicy system_only = policy();
  system_only.authorities_pem.clear();
  EXPECT_THAT(error(image("/bytes/1"), system_only), HasSubstr("no certificate"));
  // A name that the certificate does not have.
  MediaFetchPolicy loopback = policy();
  loopback.hosts = {*parse_host_pattern(fmt::format("localhost:{}", port()))};
  EXPECT_THAT(error(at("localhost", "/bytes/1"), loopback), HasSubstr("no certificate"));
}

TEST_F(MediaFetch, StatusesAreTold) {
  EXPECT_THAT(error(image("/status/404")), HasSubstr("answered with status 404"));
  EXPECT_THAT(error(image("/status/503")), HasSubstr("answered with status 503"));
  EXPECT_THAT(error(image("/status/304")), HasSubstr("answered with status 304"));
  EXPECT_THAT(error(image("/slam")), HasSubstr("broke off"));
}

TEST_F(MediaFetch, RedirectsAreFollowedWithinBounds) {
  EXPECT_EQ(error(image("/hops/3")), "(fetched)");
  EXPECT_THAT(error(image("/hops/4")), HasSubstr("more than 3 redirects"));
  EXPECT_THAT(error(image("/loop")), HasSubstr("more than 3 redirects"));
  EXPECT_THAT(error(image("/nowhere")), HasSubstr("leads nowhere"));
  const std::string unreadable = error(image("/to?https://its%20secret/"));
  EXPECT_THAT(unreadable, HasSubstr("leads nowhere"));
  EXPECT_THAT(unreadable, Not(HasSubstr("secret")));
  EXPECT_EQ(error(image("/to?" + at("turning.test", "/bytes/1"))), "(fetched)");
  EXPECT_EQ(error(image(fmt::format("/to?//both.test:{}/bytes/1", port()))), "(fetched)");
}

TEST_F(MediaFetch, RedirectsAreJudgedLikeTheFirstAddress) {
  const std::string host = fmt::format("images.test:{}", port());
  for (const std::string& target :
       {at("other.test", "/bytes/1"), fmt::format("http://images.test:{}/bytes/1", port()),
        std::string("file:///etc/passwd"), at("a:b@images.test", "/bytes/1"),
        at("127.0.0.1", "/bytes/1"), std::string("https://169.254.169.254/"),
        at("images.test", "/bytes/1", port() + 1), at("images.test", "@evil.test/")}) {
    const std::string message = error(image("/to?" + target));
    EXPECT_EQ(message, host + " redirects to where this server does not fetch from") << target;
  }
  // Whom it names inside stays inside.
  for (const char* inner : {"inside.test", "metadata.test", "missing.test"})
    EXPECT_EQ(error(image("/to?" + at(inner, "/bytes/1"))),
              host + " redirects to a place that cannot be reached");
  EXPECT_THAT(FakeNetwork::get().connected(), Each("127.0.0.1"));
  EXPECT_EQ(FakeNetwork::get().lookups("other.test"), 0);
}

TEST_F(MediaFetch, TellsNothingOfUs) {
  error(image("/log"));
  EXPECT_EQ(error(image("/to?" + at("turning.test", "/hops/1"))), "(fetched)");
  const auto file = MediaFetcher(policy()).fetch(image("/log"));
  ASSERT_TRUE(file);
  const std::string text(reinterpret_cast<const char*>(file->data()), file->size());
  const boost::json::value requests = boost::json::parse(text);
  ASSERT_EQ(requests.as_array().size(), 4);
  for (const auto& request : requests.as_array()) {
    std::vector<std::string> names;
    for (const auto& header : request.at("headers").as_object()) names.emplace_back(header.key());
    EXPECT_THAT(names, testing::UnorderedElementsAre("Host", "User-Agent", "Accept"));
  }
}

TEST_F(MediaFetch, BytesAreBounded) {
  for (const char* path : {"/endless", "/endlesschunks", "/bytes/1048577", "/packed/transfer",
                           "/length/1000000000000/10"})
    EXPECT_THAT(error(image(path)), HasSubstr("larger than 1048576 bytes")) << path;
  EXPECT_EQ(error(image("/bytes/1048576")), "(fetched)");
  EXPECT_THAT(error(image("/endlessheaders")), HasSubstr("headers exceed"));
  EXPECT_THAT(error(image("/endlessredirect")), HasSubstr("larger than"));
  const auto file = MediaFetcher(policy()).fetch(image("/bytes/11"), {.bytes_max = 10});
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("larger than 10 bytes"));
}

TEST_F(MediaFetch, LengthsThatLie) {
  EXPECT_THAT(error(image("/length/1000/10")), HasSubstr("broke off"));
  const auto file = MediaFetcher(policy()).fetch(image("/length/10/1000"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->size(), 10);
}

TEST_F(MediaFetch, PackedBodiesStayPacked) {
  const auto file = MediaFetcher(policy()).fetch(image("/packed/content"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_LT(file->size(), 100000);
}

TEST_F(MediaFetch, TimeIsBounded) {
  MediaFetchPolicy hasty = policy();
  hasty.time_max = milliseconds(600);
  for (const std::string& url :
       {image("/silence"), image("/drip"), image("/lazyhops/3"), at("slow.test", "/bytes/1")}) {
    const auto start = steady_clock::now();
    EXPECT_THAT(error(url, hasty), HasSubstr("took too long")) << url;
    EXPECT_LT(steady_clock::now() - start, milliseconds(2500)) << url;
  }
  const auto start = steady_clock::now();
  const auto file =
      MediaFetcher(policy()).fetch(image("/drip"), {.deadline = start + milliseconds(300)});
  ASSERT_FALSE(file);
  EXPECT_LT(steady_clock::now() - start, milliseconds(2500));
  EXPECT_THAT(MediaFetcher(policy()).fetch(image("/drip"), {.deadline = start}).error().message,
              HasSubstr("no time is left"));
}

TEST_F(MediaFetch, StallsAreBroken) {
  MediaFetchPolicy restless = policy();
  restless.stall_max = std::chrono::seconds(1);
  restless.time_max = milliseconds(60'000);
  const auto start = steady_clock::now();
  EXPECT_THAT(error(image("/drip"), restless), HasSubstr("took too long"));
  EXPECT_LT(steady_clock::now() - start, milliseconds(10'000));
}

TEST_F(MediaFetch, CanBeStopped) {
  MediaFetchPolicy patient = policy();
  patient.time_max = milliseconds(60'000);
  std::stop_source stop;
  const auto start = steady_clock::now();
  std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(200));
    stop.request_stop();
  });
  const auto file = MediaFetcher(patient).fetch(image("/silence"), {.stop = stop.get_token()});
  EXPECT_FALSE(file);
  EXPECT_LT(steady_clock::now() - start, milliseconds(4000));
}

TEST_F(MediaFetch, ManyThreadsAtOnce) {
  const MediaFetcher fetcher(policy());
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 4; ++i) {
        const std::size_t bytes = 1000 * t + i;
        const auto file = fetcher.fetch(image(fmt::format("/bytes/{}", bytes)));
        right += file && file->size() == bytes ? 1 : 0;
      }
    });
  threads.clear();
  EXPECT_EQ(right, 32);
}

TEST(Authorities, MustHoldACertificate) {
  EXPECT_FALSE(check_authorities(""));
  EXPECT_FALSE(check_authorities("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
}

}  // namespace
}  // namespace g4
