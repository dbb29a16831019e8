// Is the vision tower right? Against transformers in f32 on a random tower, from a Hugging Face
// folder and from an mmproj GGUF of the same weights; then the fast backend against the same.
#include "model/vision_golden.h"

#include <gmock/gmock.h>

#include <random>

namespace g4 {
namespace {

constexpr double kTolerance = 1e-4;  // f32 goldens; ours sums in double
constexpr std::int64_t kPatchesMax = 27 * 12;

std::span<const float> all(Mat values) {
  return {values.data, static_cast<std::size_t>(values.rows * values.cols)};
}

class VisionGolden : public testing::TestWithParam<const char*> {
 protected:
  std::string checkpoint() const { return golden::vision_folder() + GetParam(); }
  const std::map<std::string, golden::Tensor> want_ =
      golden::read_tensors(golden::vision_folder() + "/golden-vision.safetensors");
};
INSTANTIATE_TEST_SUITE_P(Files, VisionGolden, testing::Values("", "/mmproj.gguf"),
                         [](const auto& tested) {
                           return std::string(*tested.param ? "Mmproj" : "HuggingFace");
                         });

TEST_P(VisionGolden, HiddenStatesAndSoftTokens) {
  golden::Tower tower(make_reference_backend(), checkpoint(), kPatchesMax);
  for (std::size_t i = 0; i < golden::kGrids.size(); ++i) {
    const std::string grid = golden::kGrids[i].name() + ".";
    int compared = 0;
    const auto tap = [&](std::string_view what, std::int64_t layer, Mat values) {
      std::string name = grid + std::string(what);
      if (what == "layer") name += "." + std::to_string(layer);
      EXPECT_LT(golden::relative_error(all(values), want_.at(name).values), kTolerance) << name;
      ++compared;
    };
    const Mat soft = tower.encode({i}, tap);
    EXPECT_LT(golden::relative_error(all(soft), want_.at(grid + "soft").values), kTolerance)
        << grid;
    EXPECT_EQ(compared, 2 + tower.config().layers);
  }
}

// The tower shows what comes after standardisation only; here pooling alone.
TEST_P(VisionGolden, PoolingWithoutStandardisation) {
  golden::Tower tower(make_reference_backend(), checkpoint(), kPatchesMax);
  const float root = std::sqrt(static_cast<float>(tower.config().hidden));
  for (const golden::Grid& grid : golden::kGrids) {
    std::vector<float> last = want_.at(grid.name() + ".layer.2").values;
    const auto& pooled = want_.at(grid.name() + ".pooled");
    const PatchGrid image{0, grid.columns, grid.rows};
    const Mat got = tower.backend().allocate(pooled.shape.at(0), pooled.shape.at(1));
    tower.backend().pool_patches(got, {last.data(), image.size(), got.cols}, {&image, 1},
                                 {3, root, nullptr, nullptr});
    EXPECT_LT(golden::relative_error(all(got), pooled.values), 1e-6) << grid.name();
  }
}

std::unique_ptr<Backend> backend_named(const std::string& name) {
  if (name == "reference") return make_reference_backend();
  auto backend = make_cpu_backend({.threads = 2, .isa = name});
  return backend ? std::move(*backend) : nullptr;
}

// 495 patches, in company and however the work is sliced: from many slices for each pass over a
// layer to few for the whole, and some of each kind in turn.
TEST_P(VisionGolden, ImagesTogetherAndInSlicesAreTheSameBitsAsAlone) {
  std::mt19937 random(3);
  std::vector<std::int64_t> mixed;
  for (int i = 0; i < 7; ++i) mixed.push_back(std::int64_t{1} << random() % 25);
  for (const std::string name : {"reference", "avx2", "avx512"}) {
    if (!backend_named(name)) continue;
    golden::Tower alone(backend_named(name), checkpoint(), kPatchesMax);
    std::vector<float> want;
    for (const std::size_t i : {1U, 3U, 2U, 0U}) {
      const Mat soft = alone.encode({i});
      EXPECT_EQ(alone.slices(), 1U);
      want.insert(want.end(), soft.data, soft.data + soft.rows * soft.cols);
    }
    golden::Tower together(backend_named(name), checkpoint(), 500);
    std::size_t most = 0;
    for (const auto& works : std::vector<std::vector<std::int64_t>>{
             {VisionTower::kAllWork}, {1}, {1'000'000}, {3'000'000}, {1, 5'000'000}, mixed}) {
      const Mat soft = together.encode({1, 3, 2, 0}, {}, works);
      EXPECT_TRUE(std::ranges::equal(all(soft), want)) << name << ", work " << works.front();
      most = std::max(most, together.slices());
    }
    EXPECT_EQ(most, 2U + 3 * 2 * 8);  // three layers, two passes, 64 rows at a time
  }
}

// What was begun and given up leaves no trace in what comes after it.
TEST_P(VisionGolden, ForgottenImagesLeaveNoTrace) {
  golden::Tower tower(make_reference_backend(), checkpoint(), kPatchesMax);
  const Mat soft = tower.encode({3});
  const std::vector<float> want(soft.data, soft.data + soft.rows * soft.cols);
  tower.begin({2});
  for (int i = 0; i < 9; ++i) ASSERT_FALSE(tower.advance(1));
  EXPECT_TRUE(std::ranges::equal(all(tower.encode({3})), want));
}

// f16 keys and values in attention; on avx512 bf16 weights (the folder's) round their columns to
// bf16 as well: one part in 2^9, which three layers and the standardisation enlarge.
TEST_P(VisionGolden, CpuFollowsTheReferenceOnEveryInstructionSet) {
  int tried = 0;
  for (const char* isa : {"avx2", "avx512"}) {
    auto backend = make_cpu_backend({.threads = 2, .isa = isa});
    if (!backend) continue;
    ++tried;
    const bool bf16 = std::string(isa) == "avx512" && !*GetParam();
    golden::Tower tower(std::move(*backend), checkpoint(), kPatchesMax);
    for (std::size_t i = 0; i < golden::kGrids.size(); ++i) {
      const Mat soft = tower.encode({i});
      const double error =
          golden::relative_error(all(soft), want_.at(golden::kGrids[i].name() + ".soft").values);
      std::printf("%-12s %-7s %-6s soft tokens %.1e\n", *GetParam() ? "mmproj" : "folder", isa,
                  golden::kGrids[i].name().c_str(), error);
      EXPECT_LT(error, bf16 ? 2e-2 : 2e-3) << isa << " " << golden::kGrids[i].name();
    }
  }
  EXPECT_GT(tried, 0);
}

}  // namespace
}  // namespace g4
