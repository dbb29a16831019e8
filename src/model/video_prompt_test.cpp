// A prompt with a video of six frames and an image through the tower and the decoder, against
// transformers. Ids in frames are those of videos; every frame is a block of its own, which sees
// itself both ways on sliding layers and nothing ahead on global ones. Frames are longer than the
// window.
#include <gmock/gmock.h>

#include "model/video_golden.h"

namespace g4 {
namespace {

constexpr double kTolerance = 1e-4;  // f32 goldens; ours sums in double

class VideoPrompt {
 public:
  explicit VideoPrompt(std::unique_ptr<Backend> (*make)())
      : tower_(make(), golden::vision_folder(), golden::VideoPrompt::kPatchesMax),
        model_(make(), golden::vision_folder(), golden.ids().size() + 40, golden.ids().size()) {
    for (const golden::Picture& picture : golden.pictures()) {
      const Mat soft = tower_.encode(picture.patches, picture.columns, picture.rows);
      EXPECT_EQ(static_cast<std::size_t>(soft.rows), picture.end - picture.begin);
      const Mat kept = model_.backend().allocate(soft.rows, soft.cols);
      model_.backend().copy(kept, soft);
      images_.push_back({picture.begin, kept});
    }
  }
  const Mat& soft(std::size_t picture) const { return images_[picture].soft; }

  // Of the rows that the golden keeps: "logits", "hidden.layer.N".
  std::map<std::string, std::vector<float>> run(std::span<const std::int32_t> ids,
                                                std::span<const std::size_t> ends) {
    std::map<std::string, std::vector<float>> found;
    std::size_t begin = 0, end = 0;
    const auto keep = [&](const std::string& name, Mat values) {
      for (const std::int32_t row : golden.want("rows").ids) {
        const auto at = static_cast<std::size_t>(row);
        if (at < begin || at >= end) continue;
        const float* from = values.row(static_cast<std::int64_t>(at - begin));
        found[name].insert(found[name].end(), from, from + values.cols);
      }
    };
    const auto tap = [&](std::string_view what, std::size_t layer, Mat values) {
      if (what == "layer") keep("hidden.layer." + std::to_string(layer), values);
    };
    model_.restart();
    for (; begin < ids.size(); begin = end) {
      end = *std::upper_bound(ends.begin(), ends.end(), begin);
      last_ = model_.run(ids.subspan(begin, end - begin), tap, images_);
      keep("logits", last_);
    }
    return found;
  }
  // After run(): the words that follow.
  std::vector<std::int32_t> greedy(std::size_t count) {
    std::vector<std::int32_t> said;
    while (true) {
      float* const logits = last_.row(last_.rows - 1);
      for (const std::int32_t id : golden::VideoPrompt::kPlaceholders) logits[id] = -1e9F;
      const float* best = std::max_element(logits, logits + last_.cols);
      said.push_back(static_cast<std::int32_t>(best - logits));
      if (said.size() == count) return said;
      last_ = model_.run({&said.back(), 1});
    }
  }

  const golden::VideoPrompt golden;

 private:
  golden::Tower tower_;
  golden::Model model_;
  std::vector<golden::Model::Image> images_;
  Mat last_{};
};

TEST(VideoPrompt, SoftTokensOfFrames) {
  const VideoPrompt prompt(make_reference_backend);
  const std::vector<float>& frames = prompt.golden.want("video.soft").values;
  std::size_t at = 0;
  for (std::size_t i = 0; i < prompt.golden.pictures().size(); ++i) {
    const Mat soft = prompt.soft(i);
    const std::span<const float> got(soft.data, static_cast<std::size_t>(soft.rows * soft.cols));
    std::span<const float> want = prompt.golden.want("image.soft").values;
    if (prompt.golden.pictures()[i].of_video) {
      want = std::span(frames).subspan(at, got.size());
      at += got.size();
    }
    EXPECT_LT(golden::relative_error(got, want), kTolerance) << i;
  }
  EXPECT_EQ(at, frames.size());
}

TEST(VideoPrompt, HiddenStatesLogitsAndWordsAtAnyChunkSize) {
  VideoPrompt prompt(make_reference_backend);
  const auto& words = prompt.golden.want("greedy.ids").ids;
  for (const std::size_t tokens : {1000, 160, 75, 10, 1}) {
    const auto found = prompt.run(prompt.golden.ids(), prompt.golden.ends(tokens));
    EXPECT_EQ(found.size(), 4U);
    for (const auto& [name, got] : found)
      EXPECT_LT(golden::relative_error(got, prompt.golden.want(name).values), kTolerance)
          << name << " in chunks of " << tokens;
    EXPECT_EQ(prompt.greedy(words.size()), words) << tokens;
  }
}

// What stands in a frame's places is no word: its id is never looked at.
TEST(VideoPrompt, IdsUnderSoftTokensDoNotMatter) {
  VideoPrompt prompt(make_reference_backend);
  std::vector<std::int32_t> ids = prompt.golden.ids();
  const auto ends = prompt.golden.ends(1000);
  const auto plain = prompt.run(ids, ends);
  for (const golden::Picture& picture : prompt.golden.pictures())
    for (std::size_t at = picture.begin; at < picture.end; ++at) {
      EXPECT_EQ(ids[at], picture.of_video ? 21 : 20);
      ids[at] = 0;
    }
  EXPECT_EQ(prompt.run(ids, ends), plain);
}

TEST(VideoPrompt, CpuFollowsTheReference) {
  VideoPrompt prompt([] { return std::move(make_cpu_backend({.threads = 2, .isa = {}})).value(); });
  const auto found = prompt.run(prompt.golden.ids(), prompt.golden.ends(160));
  const double error =
      golden::relative_error(found.at("logits"), prompt.golden.want("logits").values);
  std::printf("logits %.1e\n", error);
  EXPECT_LT(error, 5e-2);
}

}  // namespace
}  // namespace g4
