// A prompt with two images through the tower and the decoder, against transformers: soft tokens in
// their places, seen both ways on sliding layers and causally on global ones. One of the images is
// longer than the window.
#include <gmock/gmock.h>

#include "model/vision_golden.h"

namespace g4 {
namespace {

constexpr double kTolerance = 1e-4;  // f32 goldens; ours sums in double
constexpr std::int32_t kImageId = 20;
constexpr std::size_t kGridsOfPrompt[] = {3, 2};  // of golden::kGrids, as they come in the prompt

class ImagePrompt {
 public:
  explicit ImagePrompt(std::unique_ptr<Backend> (*make)())
      : tower_(make(), golden::vision_folder(), 27 * 12), model_(make(), golden::vision_folder()) {
    std::size_t at = 0;
    for (const std::size_t grid : kGridsOfPrompt) {
      while (ids()[at] != kImageId) ++at;
      const Mat soft = tower_.encode({grid});
      const Mat kept = model_.backend().allocate(soft.rows, soft.cols);
      model_.backend().copy(kept, soft);
      images_.push_back({at, kept});
      at += static_cast<std::size_t>(soft.rows);
      EXPECT_EQ(ids()[at - 1], kImageId);
      EXPECT_NE(ids()[at], kImageId);
    }
  }
  const std::vector<std::int32_t>& ids() const { return want_.at("prompt.ids").ids; }
  const golden::Tensor& want(const std::string& name) const { return want_.at(name); }

  // Logits after the last of the prompt's tokens, which run in chunks that end at `ends`.
  Mat run(std::vector<std::size_t> ends, const DecoderTap& tap = {}) {
    model_.restart();
    Mat logits{};
    std::size_t begin = 0;
    ends.push_back(ids().size());
    for (const std::size_t end : ends) {
      logits = model_.run(std::span(ids()).subspan(begin, end - begin), tap, images_);
      begin = end;
    }
    return logits;
  }
  std::vector<std::int32_t> greedy(const std::vector<std::size_t>& ends, std::size_t count) {
    Mat logits = run(ends);
    std::vector<std::int32_t> found;
    while (true) {
      float* const last = logits.row(logits.rows - 1);
      last[kImageId] = -1e9F;
      found.push_back(static_cast<std::int32_t>(std::max_element(last, last + logits.cols) - last));
      if (found.size() == count) return found;
      logits = model_.run({&found.back(), 1});
    }
  }
  std::size_t after_image(std::size_t i) const {
    return images_[i].position + static_cast<std::size_t>(images_[i].soft.rows);
  }
  std::size_t before_image(std::size_t i) const { return images_[i].position; }

 private:
  const std::map<std::string, golden::Tensor> want_ =
      golden::read_tensors(golden::vision_folder() + "/golden-images.safetensors");
  golden::Tower tower_;
  golden::Model model_;
  std::vector<golden::Model::Image> images_;
};

TEST(ImagePrompt, HiddenStatesAndLogits) {
  ImagePrompt prompt(make_reference_backend);
  int compared = 0;
  const auto tap = [&](std::string_view what, std::size_t layer, Mat values) {
    if (what != "layer") return;
    const auto& want = prompt.want("hidden.layer." + std::to_string(layer)).values;
    EXPECT_LT(golden::relative_error({values.data, want.size()}, want), kTolerance) << layer;
    ++compared;
  };
  const Mat logits = prompt.run({}, tap);
  const auto& want = prompt.want("logits").values;
  EXPECT_LT(golden::relative_error({logits.data, want.size()}, want), kTolerance);
  EXPECT_EQ(compared, 3);
}

TEST(ImagePrompt, GreedyContinuationAtAnyChunkingThatCutsNoImage) {
  ImagePrompt prompt(make_reference_backend);
  const auto& want = prompt.want("greedy.ids").ids;
  const std::vector<std::vector<std::size_t>> cuts = {
      {},
      {3, prompt.before_image(0)},
      {prompt.after_image(0), prompt.after_image(0) + 2, prompt.before_image(1)},
      {prompt.before_image(0), prompt.after_image(0), prompt.before_image(1),
       prompt.after_image(1)}};
  for (const auto& ends : cuts) EXPECT_EQ(prompt.greedy(ends, want.size()), want) << ends.size();
}

// The tower's f16 keys and bf16 weights (vision_golden_test.cpp) reach the logits.
TEST(ImagePrompt, CpuFollowsTheReference) {
  ImagePrompt prompt([] { return std::move(make_cpu_backend({.threads = 2, .isa = {}})).value(); });
  const Mat logits = prompt.run({});
  const auto& want = prompt.want("logits").values;
  const double error = golden::relative_error({logits.data, want.size()}, want);
  std::printf("logits %.1e\n", error);
  EXPECT_LT(error, 5e-2);
}

}  // namespace
}  // namespace g4
