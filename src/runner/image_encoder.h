// ImageEncoder: images to soft tokens, each computed once as long as it is remembered.
//
// The next turn of a chat brings its images again; what a key has given before is kept, the least
// recently used forgotten first when all together exceed kKeptBytesMax. Engine thread only.
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

struct SoftTokens {
  std::vector<float> values;  // [tokens, hidden]
  std::int64_t tokens = 0;
};

class ImageEncoder {
 public:
  static constexpr std::int64_t kImageTokensMax = 1120;  // the model's largest budget
  static constexpr std::uint64_t kKeptBytesMax = std::uint64_t{256} << 20;

  ImageEncoder(Backend& backend, VisionConfig config, VisionWeights weights);

  // Soft tokens of each image, in order. Those that are not known are encoded together.
  std::vector<std::shared_ptr<const SoftTokens>> encode(std::span<const ImageInput* const> images);

  std::uint64_t kept_bytes() const { return kept_bytes_; }
  std::uint64_t encoded() const { return encoded_; }  // images so far

  // Memory of the tower's work space for its largest image.
  static std::uint64_t activation_bytes(const VisionConfig& config);

 private:
  struct Kept {
    std::string key;
    std::shared_ptr<const SoftTokens> soft;
  };
  std::shared_ptr<const SoftTokens> find(const std::string& key);
  void keep(const std::string& key, std::shared_ptr<const SoftTokens> soft);
  void encode_missing(std::span<const ImageInput* const> images,
                      std::span<std::shared_ptr<const SoftTokens>> found);

  VisionTower tower_;
  std::list<Kept> kept_;  // most recently used first
  std::unordered_map<std::string, std::list<Kept>::iterator> by_key_;
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t encoded_ = 0;
};

}  // namespace g4
