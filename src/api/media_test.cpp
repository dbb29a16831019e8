#include "api/media.h"

#include <gmock/gmock.h>

#include "chat/messages_json.h"

namespace g4::api {
namespace {

Parsed<std::vector<RequestMedium>> read(const std::string& body) {
  const boost::json::value value = boost::json::parse(body);
  Fields fields(value.get_object());
  const auto messages = chat::messages_from_json(value.at("messages"), "messages");
  if (!messages) return invalid("messages", messages.error().message);
  return read_media(fields, *messages);
}

std::string body(const std::string& image, const std::string& fields = "") {
  return R"({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, )"
         R"({"type": "image_url", "image_url": )" +
         image + "}]}]" + fields + "}";
}

TEST(Media, BudgetsOfRequestAndImage) {
  const auto budget = [](const std::string& image, const std::string& fields = "") {
    const auto media = std::get<std::vector<RequestMedium>>(read(body(image, fields)));
    return std::get<ImagePart>(media.at(0).part).budget;
  };
  const std::string url = R"("url": "data:;base64,aGVs")";
  EXPECT_EQ(budget("{" + url + "}"), ImageBudget::k280);
  EXPECT_EQ(budget("\"data:;base64,aGVs\""), ImageBudget::k280);
  EXPECT_EQ(budget("{" + url + R"(, "detail": "low"})"), ImageBudget::k70);
  EXPECT_EQ(budget("{" + url + R"(, "detail": "high"})"), ImageBudget::k1120);
  EXPECT_EQ(budget("{" + url + R"(, "detail": "original"})"), ImageBudget::k1120);
  EXPECT_EQ(budget("{" + url + R"(, "max_soft_tokens": "auto"})"), ImageBudget::kAuto);
  const std::string request = R"(, "mm_processor_kwargs": {"max_soft_tokens": 560})";
  EXPECT_EQ(budget("{" + url + "}", request), ImageBudget::k560);
  EXPECT_EQ(budget("{" + url + R"(, "max_soft_tokens": 140})", request), ImageBudget::k140);
}

TEST(Media, ErrorsNameTheirPlace) {
  const auto error = [](const std::string& image, const std::string& fields = "") {
    return std::get<ApiError>(read(body(image, fields)));
  };
  const ApiError web = error(R"({"url": "http://example.org/a.png"})");
  EXPECT_EQ(web.param, "messages[0].content[1]");
  EXPECT_THAT(web.message, testing::HasSubstr("https://"));
  EXPECT_EQ(error(R"(["data:,", "data:,"])").param, "messages[0].content[1]");
  EXPECT_EQ(error(R"({"url": "data:,", "page": 0})").param,
            "messages[0].content[1].image_url.page");
  EXPECT_THAT(error(R"({"url": "data:;base64,a"})").message, testing::HasSubstr("base64"));
  EXPECT_THAT(error(R"({"url": "data:,", "max_soft_tokens": 300})").message,
              testing::HasSubstr("300"));
  EXPECT_THAT(error(R"({"url": "data:,", "detail": "huge"})").message, testing::HasSubstr("huge"));
  EXPECT_EQ(error(R"({"url": "data:,"})", R"(, "mm_processor_kwargs": {"size": 1})").param,
            "mm_processor_kwargs");
}

std::string video_body(const std::string& part, const std::string& fields = "") {
  return R"({"messages": [{"role": "user", "content": [)" + part + "]}]" + fields + "}";
}

template <class Part>
Part first(const std::string& body) {
  return std::get<Part>(std::get<std::vector<RequestMedium>>(read(body)).at(0).part);
}

TEST(Media, VideosAndWhichFramesOfThem) {
  const auto look = [](const std::string& options, const std::string& fields = "") {
    return first<VideoPart>(video_body(R"({"type": "video_url", "video_url": {"url": "data:,x")" +
                                           options + "}}",
                                       fields))
        .look;
  };
  EXPECT_EQ(look("").options.frames, 32);
  EXPECT_EQ(look("").budget, ImageBudget::k70);
  const VideoLook all =
      look(R"(, "fps": 2, "max_frames": 9, "start": 1.5, "end": 4, "max_soft_tokens": 280)");
  EXPECT_EQ(all.options.fps, 2);
  EXPECT_EQ(all.frames_max, 9);
  EXPECT_EQ(all.options.start_seconds, 1.5);
  EXPECT_EQ(all.options.end_seconds, 4);
  EXPECT_EQ(all.budget, ImageBudget::k280);
  const std::string request = R"(, "media_io_kwargs": {"video": {"fps": 3}})";
  EXPECT_EQ(look("", request).options.fps, 3);
  EXPECT_EQ(look(R"(, "fps": 1)", request).options.fps, 1);
  EXPECT_EQ(look(R"(, "num_frames": 4)", request).options.frames, 4);
  EXPECT_FALSE(look(R"(, "num_frames": 4)", request).options.fps);
  // The budget of images is not that of frames.
  EXPECT_EQ(look("", R"(, "mm_processor_kwargs": {"max_soft_tokens": 560})").budget,
            ImageBudget::k70);
}

TEST(Media, VideosInTheFormsOfOtherServers) {
  for (const char* part : {R"({"type": "video_url", "video_url": "data:,x"})",
                           R"({"type": "video", "video": "data:,x"})",
                           R"({"type": "input_video", "input_video": {"data": "eA=="}})"})
    EXPECT_EQ(first<VideoPart>(video_body(part)).file.bytes.size(), 1U) << part;
  for (const char* part :
       {R"({"type": "video_url", "video_url": {"frames": ["data:,x", "data:,y"], "fps": 2}})",
        R"({"type": "video", "video": ["data:,x", "data:,y"], "fps": 2})",
        R"({"type": "video_url", "video_url":
            {"url": "data:video/jpeg;base64,eA==,eQ==", "fps": 2}})"}) {
    const auto frames = first<FramesPart>(video_body(part));
    EXPECT_EQ(frames.fps, 2) << part;
    ASSERT_EQ(frames.frames.size(), 2U) << part;
    EXPECT_EQ(frames.frames[1].bytes.at(0), std::byte{'y'}) << part;
  }
  EXPECT_EQ(first<FramesPart>(video_body(R"({"type": "video", "video": ["data:,x"]})")).fps, 24);
}

TEST(Media, ErrorsOfVideosNameTheirPlace) {
  const auto error = [](const std::string& options) {
    return std::get<ApiError>(read(
        video_body(R"({"type": "video_url", "video_url": {"url": "data:,x")" + options + "}}")));
  };
  const std::string place = "messages[0].content[0].video_url.";
  EXPECT_EQ(error(R"(, "fps": 0)").param, place + "fps");
  EXPECT_EQ(error(R"(, "fps": 1, "num_frames": 3)").param, place + "fps");
  EXPECT_EQ(error(R"(, "num_frames": 257)").param, place + "num_frames");
  EXPECT_EQ(error(R"(, "start": 3, "end": 2)").param, place + "end");
  EXPECT_EQ(error(R"(, "max_soft_tokens": 71)").param, place + "max_soft_tokens");
  EXPECT_EQ(std::get<ApiError>(read(video_body(R"({"type": "video"})"))).param,
            "messages[0].content[0]");
  EXPECT_EQ(
      std::get<ApiError>(read(video_body("", R"(, "media_io_kwargs": {"video": {"x": 1}})"))).param,
      "media_io_kwargs.video");
}

TEST(Media, UsageTellsWhatEachCostAndWhatWasLost) {
  const auto bytes = [](std::int32_t side) {
    return std::vector<std::uint8_t>(static_cast<std::size_t>(side) *
                                     static_cast<std::size_t>(side) * 3);
  };
  const auto picture = [&](std::int32_t side, ImageBudget budget) {
    const auto image = make_image({side, side}, bytes(side));
    return make_prompt_image(image->size(), prepare_image(*image, budget).value());
  };
  const PromptImage small = picture(100, ImageBudget::k280),
                    large = picture(1200, ImageBudget::k70);
  PromptVideo video;
  video.frames = {{0, large.input}, {1, large.input}};
  video.size = large.size;
  video.plan = large.plan;
  video.seconds = 2.5;
  const RequestMedium media[] = {{"a", {}}, {"b", {}}, {"c", {}}};
  const PromptMedium seen[] = {small, large, video};
  const boost::json::object usage = media_usage(media, seen);
  EXPECT_EQ(usage.at("image_tokens"), 256 + 2 + 64 + 2);
  EXPECT_EQ(usage.at("video_tokens"), 2 * (64 + 2));
  const boost::json::array& each = usage.at("media").as_array();
  EXPECT_EQ(each.at(0).at("part"), "a");
  EXPECT_FALSE(each.at(0).as_object().contains("notice"));
  EXPECT_EQ(each.at(1).at("size"), "1200x1200");
  EXPECT_EQ(each.at(1).at("seen_size"), "384x384");
  EXPECT_THAT(std::string(each.at(1).at("notice").as_string()),
              testing::HasSubstr("shrunk from 1200x1200 to 384x384"));
  EXPECT_EQ(each.at(2).at("frames"), 2);
  EXPECT_EQ(each.at(2).at("seconds"), 2.5);
}

TEST(Media, ComeBeforeTheWordsOfTheirTurn) {
  const boost::json::value value = boost::json::parse(
      R"([{"role": "user", "content": [{"type": "text", "text": "a"},
           {"type": "image_url", "image_url": "1"}, {"type": "text", "text": "b"},
           {"type": "image_url", "image_url": "2"}]}])");
  auto messages = chat::messages_from_json(value, "messages");
  ASSERT_TRUE(messages);
  put_media_first(*messages);
  std::vector<std::string> order;
  for (const chat::Part& part : std::get<std::vector<chat::Part>>((*messages)[0].content))
    order.push_back(part.text + part.media.url);
  EXPECT_THAT(order, testing::ElementsAre("1", "2", "a", "b"));
}

}  // namespace
}  // namespace g4::api
