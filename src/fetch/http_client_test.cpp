#include "fetch/http_client.h"

#include <gtest/gtest.h>

namespace g4 {
namespace {

TEST(HttpClient, OnlyHttpsExceptOnLoopback) {
  for (const char* good :
       {"https://hub.example/x", "http://127.0.0.1:80/", "http://localhost/", "http://[::1]:8/"})
    EXPECT_TRUE(check_url(good)) << good;
  for (const char* bad : {"http://hub.example/", "ftp://127.0.0.1/", "file:///etc/passwd",
                          "nothing", "http://127.0.0.1.example/", "http://127.evil/"})
    EXPECT_FALSE(check_url(bad)) << bad;
}

}  // namespace
}  // namespace g4
