// Test support: the prompt with a video of python/reference/video_prompt.py: its ids, where its
// frames and its image stand, and their patches.
#pragma once

#include <array>
#include <span>

#include "base/test_video.h"
#include "model/vision_golden.h"

namespace g4::golden {

// Pixels of a picture whose sides are whole patches, as the video processor hands them over.
inline std::vector<float> patches_of(std::span<const std::uint8_t> rgb, std::size_t width) {
  constexpr std::size_t kSide = 16;
  const std::size_t height = rgb.size() / 3 / width;
  std::vector<float> values;
  values.reserve(rgb.size());
  for (std::size_t y = 0; y < height; y += kSide)
    for (std::size_t x = 0; x < width; x += kSide)
      for (std::size_t row = y; row < y + kSide; ++row)
        for (std::size_t i = 3 * (row * width + x), end = i + 3 * kSide; i < end; ++i)
          values.push_back(static_cast<float>(rgb[i] * (1.0 / 255)));
  return values;
}

// A frame of the video, or the image.
struct Picture {
  bool of_video = true;
  std::size_t begin = 0, end = 0;  // places of its soft tokens in the prompt
  std::int64_t columns = 0, rows = 0;
  std::vector<float> patches;
  std::string name;
};

class VideoPrompt {
 public:
  static constexpr std::array kFrames{0, 10, 20, 30, 40, 50};
  static constexpr int kWidth = 528, kHeight = 288;
  static constexpr int kImage = 77, kImageWidth = 480, kImageHeight = 336;
  static constexpr std::int64_t kPatchesMax = 70 * 9;  // the budget
  static constexpr std::array kPlaceholders{20, 21};   // <|image|>, <|video|>

  VideoPrompt() {
    const std::vector<std::int32_t>& kinds = want("prompt.kinds").ids;
    std::size_t frames = 0;
    for (std::size_t begin = 0, end; begin < kinds.size(); begin = end) {
      end = begin + 1;
      if (kinds[begin] == 0) continue;
      while (end < kinds.size() && kinds[end] == kinds[begin]) ++end;
      const bool of_video = kinds[begin] == 2;
      add(of_video, begin, end, of_video ? kFrames.at(frames++) : kImage);
    }
    EXPECT_EQ(pictures_.size(), kFrames.size() + 1);
  }
  const Tensor& want(const std::string& name) const { return want_.at(name); }
  const std::vector<std::int32_t>& ids() const { return want("prompt.ids").ids; }
  const std::vector<Picture>& pictures() const { return pictures_; }

  // Cuts of the prompt into chunks of at most `tokens`, or of one picture where that is more.
  std::vector<std::size_t> ends(std::size_t tokens) const {
    std::vector<std::size_t> found;
    for (std::size_t at = 0; at < ids().size(); found.push_back(at)) {
      std::size_t end = std::min(at + tokens, ids().size());
      for (const Picture& picture : pictures_)
        if (picture.begin < end && end < picture.end)
          end = picture.begin > at ? picture.begin : picture.end;
      at = end;
    }
    return found;
  }

 private:
  void add(bool of_video, std::size_t begin, std::size_t end, int index) {
    const int width = of_video ? kWidth : kImageWidth;
    const int height = of_video ? kHeight : kImageHeight;
    pictures_.push_back(
        {of_video, begin, end, width / 16, height / 16,
         patches_of(test::video_frame(index, width, height), static_cast<std::size_t>(width)),
         (of_video ? "frame " : "image ") + std::to_string(index)});
  }

  const std::map<std::string, Tensor> want_ =
      read_tensors(vision_folder() + "/golden-video.safetensors");
  std::vector<Picture> pictures_;
};

}  // namespace g4::golden
