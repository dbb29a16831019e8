// Test support: the toy vision tower on some backend, and the pixels that its goldens were made of.
#pragma once

#include <array>
#include <stdexcept>

#include "model/golden.h"
#include "model/vision_tower.h"

namespace g4::golden {

inline std::string vision_folder() { return models_folder() + "gemma4-vision"; }

struct Grid {
  std::int64_t columns, rows;
  std::string name() const { return std::to_string(columns) + "x" + std::to_string(rows); }
};
// In the order of python/reference/make_vision_goldens.py: the index seeds the pixels.
inline constexpr std::array<Grid, 4> kGrids = {{{3, 3}, {3, 30}, {27, 12}, {12, 6}}};

// Bytes of a hash as the image processor hands them over; the Python script has the same formula.
inline std::vector<float> pixels(std::int64_t count, std::size_t seed) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i) {
    std::uint32_t h =
        static_cast<std::uint32_t>(static_cast<std::uint64_t>(i) + seed * 1'000'003U) * 2654435761U;
    h ^= h >> 15;
    h *= 2246822519U;
    h ^= h >> 13;
    values.push_back(static_cast<float>((h >> 24) * (1.0 / 255)));
  }
  return values;
}

class Tower {
 public:
  Tower(std::unique_ptr<Backend> backend, const std::string& path, std::int64_t patches_max)
      : backend_(std::move(backend)) {
    const auto checkpoint = must(Checkpoint::open(path));
    const auto config = must(read_vision_config(checkpoint));
    if (!config) throw std::runtime_error(path + " holds no vision tower");
    auto weights = must(load_vision_weights(*backend_, checkpoint, *config, {}));
    tower_ = std::make_unique<VisionTower>(*backend_, *config, std::move(weights), patches_max);
  }

  // These images of kGrids, together and in this order.
  void begin(const std::vector<std::size_t>& which, const VisionTap& tap = {}) {
    std::vector<ImagePatchesView> images;
    values_.clear();
    for (const std::size_t i : which) {
      const Grid& grid = kGrids.at(i);
      values_.push_back(pixels(grid.columns * grid.rows * config().patch_values(), i));
      images.push_back({values_.back(), grid.columns, grid.rows});
    }
    if (const Status begun = tower_->begin(images, tap); !begun)
      throw std::runtime_error(begun.error().message);
  }
  // Of any image; valid as long as those of the other encode().
  Mat encode(std::span<const float> patches, std::int64_t columns, std::int64_t rows) {
    const ImagePatchesView image{patches, columns, rows};
    if (const Status begun = tower_->begin({&image, 1}); !begun)
      throw std::runtime_error(begun.error().message);
    while (!advance(VisionTower::kAllWork)) {
    }
    return tower_->soft_tokens();
  }
  bool advance(std::int64_t work) { return tower_->advance(work); }
  // Their soft tokens, valid until the next begin(); slices of these works, over and over.
  Mat encode(const std::vector<std::size_t>& which, const VisionTap& tap = {},
             const std::vector<std::int64_t>& works = {VisionTower::kAllWork}) {
    begin(which, tap);
    slices_ = 1;
    while (!advance(works[(slices_ - 1) % works.size()])) ++slices_;
    return tower_->soft_tokens();
  }
  std::size_t slices() const { return slices_; }  // of the last encode()
  const VisionConfig& config() const { return tower_->config(); }
  Backend& backend() { return *backend_; }

 private:
  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(result).value();
  }

  std::unique_ptr<Backend> backend_;  // outlives what it owns
  std::unique_ptr<VisionTower> tower_;
  std::vector<std::vector<float>> values_;  // of the images begun
  std::size_t slices_ = 0;
};

}  // namespace g4::golden
