#include "fetch/host_pattern.h"

#include <gmock/gmock.h>

namespace g4 {
namespace {

using testing::HasSubstr;

bool matches(const char* pattern_text, const std::string& address) {
  const Result<HostPattern> pattern = parse_host_pattern(pattern_text);
  EXPECT_TRUE(pattern) << pattern_text;
  const Result<Url> url = Url::parse(address);
  return pattern && url && is_plain_host(*url) && pattern->matches(*url);
}

TEST(HostPattern, OneHost) {
  for (const char* good :
       {"https://example.com/x", "https://EXAMPLE.Com/x", "https://example.com./x",
        "https://example.com:443/", "https://example.com:0443/", "https://example.com:/",
        "https://example%2ecom/", "HTTPS://example.com", "https://example.com/@evil.com",
        "https://example.com?@evil.com", "https://example.com#@evil.com"})
    EXPECT_TRUE(matches("example.com", good)) << good;
  for (const char* bad : {"https://www.example.com/",
                          "https://notexample.com/",
                          "https://example.com.evil.com/",
                          "https://example.com:8443/",
                          "https://example.com../",
                          "https://evil.com/example.com",
                          "https://example.com\\@evil.com/",
                          "https://example.com@evil.com/",
                          "https://example.com:443@evil.com/",
                          "https:\\\\example.com/",
                          "https://evil.com\\.example.com/",
                          "https://example.com%00.evil.com/",
                          "https://example.com%2fevil.com/",
                          "https://example.com\t.evil.com/",
                          "https://example.com .evil.com/",
                          "https:example.com",
                          "//example.com/",
                          "example.com",
                          "https://ex\u0430mple.com/",
                          "https://example\uFF0Ecom/",
                          "https://\u24D4xample.com/",
                          "https://example.com\u3002/"})
    EXPECT_FALSE(matches("example.com", bad)) << bad;
  EXPECT_FALSE(matches("example.com", std::string("https://example.com\0.evil.com/", 30)));
  EXPECT_TRUE(matches("Example.COM.", "https://example.com/"));
  EXPECT_TRUE(matches("xn--bcher-kva.example", "https://xn--bcher-kva.example/"));
  EXPECT_FALSE(matches("xn--bcher-kva.example", "https://b\u00FCcher.example/"));
}

TEST(HostPattern, Ports) {
  EXPECT_TRUE(matches("example.com:8443", "https://example.com:8443/"));
  EXPECT_FALSE(matches("example.com:8443", "https://example.com/"));
  EXPECT_TRUE(matches("*:8443", "https://example.com:8443/"));
  EXPECT_FALSE(matches("*", "https://example.com:8443/"));
  EXPECT_FALSE(matches("*", "https://example.com:0/"));
}

TEST(HostPattern, NamesBelow) {
  EXPECT_TRUE(matches("*.example.com", "https://a.example.com/"));
  EXPECT_TRUE(matches("*.example.com", "https://A.b.Example.com./"));
  for (const char* bad :
       {"https://example.com/", "https://.example.com/", "https://notexample.com/",
        "https://a..example.com/", "https://a.example.com.evil.com/"})
    EXPECT_FALSE(matches("*.example.com", bad)) << bad;
}

TEST(HostPattern, AddressesInAllTheirSpellings) {
  for (const char* spelling :
       {"https://127.0.0.1/", "https://127.1/", "https://0x7f.1/", "https://2130706433/",
        "https://0177.0.0.1/", "https://127.0.0.1./", "https://%31%32%37.0.0.1/"})
    EXPECT_TRUE(matches("127.0.0.1", spelling)) << spelling;
  EXPECT_TRUE(matches("[::1]:8443", "https://[0:0:0:0:0:0:0:1]:8443/"));
  EXPECT_FALSE(matches("127.0.0.1", "https://[::ffff:127.0.0.1]/"));
  // What curl leaves as a name, but a resolver may take for an address.
  for (const char* odd : {"https://0x7f.1./", "https://1%2e1/", "https://256.1.1.1/",
                          "https://1.2.3.4.5/", "https://example.1/", "https://.../"})
    EXPECT_FALSE(matches("*", odd)) << odd;
  EXPECT_TRUE(matches("*", "https://127.1/"));  // whether it may be connected to: AddressRule
}

TEST(HostPattern, EntriesThatMeanNothing) {
  for (const char* bad : {"",
                          "https://example.com",
                          "example.com/x",
                          "example.com:",
                          "example.com:0",
                          "example.com:x",
                          "example.com:70000",
                          "user@example.com",
                          "*example.com",
                          "a.*.com",
                          "**",
                          "*.",
                          "*.*",
                          "*:",
                          "*.10.1.2.3",
                          "*.1",
                          "example.com?",
                          "example.com#",
                          "exam ple.com",
                          "b\u00FCcher.example",
                          ".com",
                          "a..b",
                          "[::1",
                          "::1",
                          "256.1.1.1",
                          "%65xample.com"}) {
    const Result<HostPattern> pattern = parse_host_pattern(bad);
    ASSERT_FALSE(pattern) << bad;
    EXPECT_THAT(pattern.error().message, HasSubstr("write example.com, *.example.com")) << bad;
  }
  for (const char* never :
       {"169.254.169.254", "0.0.0.0", "[fe80::1]", "[ff02::1]", "[::ffff:169.254.169.254]"})
    EXPECT_THAT(parse_host_pattern(never).error().message, HasSubstr("never asked")) << never;
}

TEST(Url, WhatIsNotForTheHostList) {
  EXPECT_TRUE(Url::parse("https://a@b/")->has_extras());
  EXPECT_TRUE(Url::parse("https://@b/")->has_extras());
  EXPECT_TRUE(Url::parse("https://a:b@c/")->has_extras());
  EXPECT_TRUE(Url::parse("https://[fe80::1%25lo]/")->has_extras());
  EXPECT_FALSE(Url::parse("https://a/b@c")->has_extras());
  EXPECT_FALSE(Url::parse("https://a/" + std::string(Url::kBytesMax, 'x')));
  EXPECT_TRUE(Url::parse("https://a/" + std::string(Url::kBytesMax - 10, 'x')));
}

}  // namespace
}  // namespace g4
