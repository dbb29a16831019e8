#include "api/data_url.h"

#include <gmock/gmock.h>

namespace g4::api {
namespace {

std::string text(const Result<std::vector<std::byte>>& bytes) {
  if (!bytes) return "error: " + bytes.error().message;
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

TEST(DataUrl, GivesItsBytes) {
  EXPECT_EQ(text(read_data_url("data:image/png;base64,aGVsbG8=")), "hello");
  EXPECT_EQ(text(read_data_url("data:;base64,aGVsbG8h")), "hello!");
  EXPECT_EQ(text(read_data_url("data:;base64,aA==")), "h");
  EXPECT_EQ(text(read_data_url("data:;base64,")), "");
  EXPECT_EQ(text(read_data_url("data:text/plain;charset=x,a%20b%2C")), "a b,");
  EXPECT_EQ(text(read_data_url("data:,")), "");
}

TEST(DataUrl, RefusesWhatIsNoData) {
  for (const char* url : {"data:;base64,aGVsbG8", "data:;base64,aGVs=G8=", "data:;base64,====",
                          "data:;base64,a===", "data:;base64,aGVs\nbG8=", "data:;base64,aGV-",
                          "data:,%2", "data:,%zz", "data:image/png", "http://x/,", ""})
    EXPECT_FALSE(read_data_url(url)) << url;
}

}  // namespace
}  // namespace g4::api
