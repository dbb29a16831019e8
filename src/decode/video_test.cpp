// Whole way, as in image_test.cpp: frames of every kind of video.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "decode/test_files.h"

namespace g4 {
namespace {

using test::read_file;

Result<VideoFrames> video_of(const std::string& file, const VideoOptions& options = {}) {
  return decode_video(test::bytes_of(file), options, DecodeLimits{});
}

// Mean red, green and blue of each quarter.
std::array<double, 12> quarters(const RgbImage& image) {
  std::array<double, 12> means{};
  const std::int32_t width = image.width / 2, height = image.height / 2;
  for (std::int32_t y = 0; y < 2 * height; ++y)
    for (std::int32_t x = 0; x < 2 * width; ++x)
      for (int c = 0; c < 3; ++c)
        means[static_cast<std::size_t>(6 * (y / height) + 3 * (x / width) + c)] +=
            double{1} * image.row(y)[3 * x + c] / (width * height);
  return means;
}

TEST(Videos, HaveTheFramesOfTheReference) {
  for (const boost::json::value& entry : test::decode_cases("videos.json")) {
    const std::string name = entry.at("file").as_string().c_str();
    const auto video = video_of(read_file(name), {.frames = 5});
    EXPECT_TRUE(video) << name << ": " << video.error().message;
    if (!video) continue;
    EXPECT_EQ(video->length.frames, entry.at("frames").to_number<std::int64_t>()) << name;
    EXPECT_NEAR(video->length.fps, entry.at("fps").to_number<double>(), 0.01) << name;
    const boost::json::array& kept = entry.at("kept").as_array();
    ASSERT_EQ(video->frames.size(), kept.size()) << name;
    for (std::size_t i = 0; i < kept.size(); ++i) {
      const VideoFrame& frame = video->frames[i];
      EXPECT_EQ(frame.index, kept[i].at("index").to_number<std::int64_t>()) << name;
      EXPECT_NEAR(frame.seconds, 0.5 * static_cast<double>(i), 0.01) << name;
      const auto means = quarters(frame.image);
      for (std::size_t k = 0; k < means.size(); ++k)
        EXPECT_NEAR(means[k], kept[i].at("means").at(k).to_number<double>(), 4)
            << name << " frame " << frame.index << " value " << k;
    }
  }
}

TEST(Videos, GiveTheFramesAskedFor) {
  const std::string file = read_file("video_h264.mp4");
  const auto all = video_of(file, {.frames = 1024});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->frames.size(), 25u);
  const auto some = video_of(file, {.fps = 4, .start_seconds = 1, .end_seconds = 2});
  ASSERT_TRUE(some);
  ASSERT_EQ(some->frames.size(), 4u);
  EXPECT_EQ(some->frames[0].index, 10);
  EXPECT_EQ(some->frames[3].index, 17);
  EXPECT_EQ(some->frames[1].image.rgb, all->frames[12].image.rgb);
  const auto late = video_of(file, {.start_seconds = 60});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message, "the video ends before second 60");
}

// Not GIFs: of those, the frames that are there count as all.
TEST(Videos, ThatEndEarlyAreErrors) {
  for (const char* name :
       {"video_h264.mp4", "video_hevc.mp4", "video_mpeg4.avi", "video_webp.webp"}) {
    const std::string file = read_file(name);
    const auto video = video_of(file.substr(0, file.size() * 2 / 3));
    EXPECT_FALSE(video) << name;
  }
}

TEST(Videos, HaveLimits) {
  const std::string file = read_file("video_h264.mp4");
  DecodeLimits limits;
  limits.video_bytes_max = 64 * 48 * 3 * 5;
  EXPECT_TRUE(decode_video(test::bytes_of(file), {.frames = 5}, limits));
  const auto large = decode_video(test::bytes_of(file), {.frames = 6}, limits);
  ASSERT_FALSE(large);
  EXPECT_NE(large.error().message.find("ask for fewer frames"), std::string::npos);
  limits.frames_max = 3;
  const auto few = decode_video(test::bytes_of(file), {.frames = 6}, limits);
  ASSERT_TRUE(few);
  EXPECT_EQ(few->frames.size(), 3u);
}

// Each pixel where the matrix says it is shown.
RgbImage shown(const RgbImage& image, int a, int b, int c, int d) {
  const bool turned = a == 0;
  RgbImage out{turned ? image.height : image.width, turned ? image.width : image.height, {}};
  out.rgb.resize(image.rgb.size());
  for (std::int32_t y = 0; y < image.height; ++y)
    for (std::int32_t x = 0; x < image.width; ++x) {
      const std::int32_t to_x = a * x + c * y + (a + c < 0 ? out.width - 1 : 0);
      const std::int32_t to_y = b * x + d * y + (b + d < 0 ? out.height - 1 : 0);
      std::copy_n(image.row(y) + 3 * x, 3, out.row(to_y) + 3 * to_x);
    }
  return out;
}

// Phones hold the picture as the sensor sees it, and say in the track's header how it is shown.
TEST(Videos, AreShownAsTheirMatrixSays) {
  const std::string file = read_file("video_h264.mp4");
  const auto plain = video_of(file, {.frames = 2});
  ASSERT_TRUE(plain);
  const std::size_t at = file.find("tkhd") + 4 + 40;
  for (const auto& [a, b, c, d] : std::vector<std::array<int, 4>>{{1, 0, 0, 1},
                                                                  {-1, 0, 0, 1},
                                                                  {-1, 0, 0, -1},
                                                                  {1, 0, 0, -1},
                                                                  {0, 1, 1, 0},
                                                                  {0, 1, -1, 0},
                                                                  {0, -1, -1, 0},
                                                                  {0, -1, 1, 0}}) {
    std::string turned = file;
    for (const auto& [place, value] : {std::pair{0, a}, {1, b}, {3, c}, {4, d}})
      for (std::size_t i = 0; i < 4; ++i)  // 16.16, the highest byte first
        turned[at + 4 * static_cast<std::size_t>(place) + i] =
            static_cast<char>((value * 65536) >> (24 - 8 * i));
    const auto video = video_of(turned, {.frames = 2});
    ASSERT_TRUE(video) << video.error().message;
    for (std::size_t i = 0; i < 2; ++i) {
      const RgbImage expected = shown(plain->frames[i].image, a, b, c, d);
      EXPECT_EQ(video->frames[i].image.size(), expected.size());
      EXPECT_TRUE(video->frames[i].image.rgb == expected.rgb) << a << b << c << d;
    }
  }
}

TEST(Videos, OfUnknownCodecsSayWhatIsKnown) {
  std::string file = read_file("video_h264.mp4");
  file.replace(file.find("avc1", file.find("stsd")), 4, "evil");
  const auto video = video_of(file);
  ASSERT_FALSE(video);
  EXPECT_EQ(
      video.error().message,
      "videos coded in an unknown way are not supported; H.264, HEVC, VP8, VP9, AV1 and MPEG-4 "
      "are");
}

// A frame in 136 years: it would be a time that no prompt can print.
TEST(Videos, CannotLastForYears) {
  std::string file = read_file("video_mpeg4.avi");
  file.replace(file.find("strh") + 8 + 20, 8, std::string("\xFF\xFF\xFF\xFF\1\0\0\0", 8));
  const auto video = video_of(file);
  ASSERT_FALSE(video);
  EXPECT_NE(video.error().message.find("claims to last"), std::string::npos)
      << video.error().message;
}

TEST(Videos, AreNoImages) {
  const auto image = test::image_of(read_file("video_h264.mp4"));
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message, "this file is a video, not an image");
  EXPECT_FALSE(video_of(read_file("png_rgb.png")));
}

TEST(Videos, WithFlippedBytesEndInTime) {
  std::uint32_t state = 11;
  const auto random = [&] { return state = state * 1664525u + 1013904223u, state >> 8; };
  for (const char* name : {"video_h264.mp4", "video_hevc.mp4", "video_vp8.webm", "video_vp9.webm",
                           "video_av1.mkv", "video_mpeg4.avi", "video_webp.webp"}) {
    for (int i = 0; i < 4; ++i) {
      std::string file = read_file(name);
      for (int flips = 0; flips < 20; ++flips)
        file[16 + random() % (file.size() - 16)] = static_cast<char>(random());
      const auto start = std::chrono::steady_clock::now();
      const auto video = video_of(file);
      // A sanitizer's finding would end the decoder with a code.
      EXPECT_TRUE(video || video.error().message.find("with code") == std::string::npos) << name;
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10)) << name;
    }
  }
}

}  // namespace
}  // namespace g4
