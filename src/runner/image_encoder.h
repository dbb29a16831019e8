// ImageEncoder: images to soft tokens, in slices, each computed once as long as it is remembered.
//
// The next turn of a chat brings its images again; what a key has given before is kept, the least
// recently used forgotten first when all together exceed kKeptBytesMax. What was handed out stays
// as long as its holder wants. Engine thread only.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "backend/backend.h"
#include "engine/runner.h"
#include "model/vision_tower.h"

namespace g4 {

struct SoftTokens final : EncodedImage {
  std::vector<float> values;  // [tokens, hidden]
  std::int64_t tokens = 0;
};

class ImageEncoder {
 public:
  static constexpr std::int64_t kImageTokensMax = 1120;  // the model's largest budget
  static constexpr std::uint64_t kKeptBytesMax = std::uint64_t{256} << 20;
  // Multiply-adds of a slice: 0.12 s on the two cores of docs/speed.md, as long as
  // RunnerLimits::slice_tokens of the 26B-A4B's prompt take there.
  static constexpr std::int64_t kSliceWork = 24'000'000'000;

  ImageEncoder(Backend& backend, VisionConfig config, VisionWeights weights);

  // One slice of about `work` for the first of the images, as many as fit into the tower together
  // (Runner::encode_images). Those among them that are known cost nothing.
  Result<ImageProgress> advance(std::span<const ImageSpan> images, std::int64_t work = kSliceWork);
  void abandon();

  std::uint64_t kept_bytes() const { return kept_bytes_; }

  // Memory of the tower's work space for its largest image.
  static std::uint64_t work_bytes(const VisionConfig& config, std::uint32_t kv_value_bytes);

 private:
  struct Kept {
    std::string key;
    std::shared_ptr<const SoftTokens> soft;
  };
  // An image that is to be ready together with others; soft is null while the tower works on it.
  struct Wanted {
    std::shared_ptr<const ImageInput> image;
    std::shared_ptr<const SoftTokens> soft;
  };

  bool begun(std::span<const ImageSpan> images) const;
  Status begin(std::span<const ImageSpan> images);
  ImageProgress finish();
  std::shared_ptr<const SoftTokens> find(const std::string& key);
  void keep(const std::string& key, std::shared_ptr<const SoftTokens> soft);

  VisionTower tower_;
  std::vector<Wanted> wanted_;                            // those that are begun, in order
  std::vector<std::shared_ptr<const ImageInput>> fresh_;  // of these, what the tower works on
  std::list<Kept> kept_;                                  // most recently used first
  std::unordered_map<std::string, std::list<Kept>::iterator> by_key_;
  std::uint64_t kept_bytes_ = 0;
};

}  // namespace g4
