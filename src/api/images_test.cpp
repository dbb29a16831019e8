#include "api/images.h"

#include <gmock/gmock.h>

#include "chat/messages_json.h"

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

Parsed<std::vector<ImageSource>> read(const std::string& body) {
  const boost::json::value value = boost::json::parse(body);
  Fields fields(value.get_object());
  const auto messages = chat::messages_from_json(value.at("messages"), "messages");
  if (!messages) return invalid("messages", messages.error().message);
  return read_images(fields, *messages);
}

std::string body(const std::string& image, const std::string& fields = "") {
  return R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, )"
         R"({"type": "image_url", "image_url": )" +
         image + "}]}]" + fields + "}";
}

TEST(Images, BudgetsOfRequestAndImage) {
  const auto budget = [](const std::string& image, const std::string& fields = "") {
    return std::get<std::vector<ImageSource>>(read(body(image, fields))).at(0).budget;
  };
  const std::string url = R"("url": "data:;base64,aGVs")";
  EXPECT_EQ(budget("{" + url + "}"), ImageBudget::k280);
  EXPECT_EQ(budget("\"data:;base64,aGVs\""), ImageBudget::k280);
  EXPECT_EQ(budget("{" + url + R"(, "detail": "low"})"), ImageBudget::k70);
  EXPECT_EQ(budget("{" + url + R"(, "detail": "high"})"), ImageBudget::k1120);
  EXPECT_EQ(budget("{" + url + R"(, "max_soft_tokens": "auto"})"), ImageBudget::kAuto);
  const std::string request = R"(, "mm_processor_kwargs": {"max_soft_tokens": 560})";
  EXPECT_EQ(budget("{" + url + "}", request), ImageBudget::k560);
  EXPECT_EQ(budget("{" + url + R"(, "max_soft_tokens": 140})", request), ImageBudget::k140);
}

TEST(Images, ErrorsNameTheirPlace) {
  const auto error = [](const std::string& image, const std::string& fields = "") {
    return std::get<ApiError>(read(body(image, fields)));
  };
  const ApiError web = error(R"({"url": "https://example.org/a.png"})");
  EXPECT_EQ(web.param, "messages[0].content[1]");
  EXPECT_THAT(web.message, testing::HasSubstr("fetches nothing"));
  EXPECT_THAT(error(R"({"url": "data:;base64,a"})").message, testing::HasSubstr("base64"));
  EXPECT_THAT(error(R"({"url": "data:,", "max_soft_tokens": 300})").message,
              testing::HasSubstr("300"));
  EXPECT_THAT(error(R"({"url": "data:,", "detail": "huge"})").message, testing::HasSubstr("huge"));
  EXPECT_EQ(error(R"({"url": "data:,"})", R"(, "mm_processor_kwargs": {"size": 1})").param,
            "mm_processor_kwargs");
}

TEST(Images, ComeBeforeTheWordsOfTheirTurn) {
  const boost::json::value value = boost::json::parse(
      R"([{"role": "user", "content": [{"type": "text", "text": "a"},
           {"type": "image_url", "image_url": "1"}, {"type": "text", "text": "b"},
           {"type": "image_url", "image_url": "2"}]}])");
  auto messages = chat::messages_from_json(value, "messages");
  ASSERT_TRUE(messages);
  put_images_first(*messages);
  std::vector<std::string> order;
  for (const chat::Part& part : std::get<std::vector<chat::Part>>((*messages)[0].content))
    order.push_back(part.text + part.media.url);
  EXPECT_THAT(order, testing::ElementsAre("1", "2", "a", "b"));
}

}  // namespace
}  // namespace g4::api
