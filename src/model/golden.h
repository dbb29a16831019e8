// Test support: golden tensors that python/reference wrote from transformers, and one sequence that
// runs through a decoder with its own KV blocks (in scrambled order, so that a wrong table shows).
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "model/decoder.h"
#include "weights/checkpoint.h"

namespace g4::golden {

inline std::string models_folder() { return std::string(G4_SOURCE_DIR) + "/tests/golden/models/"; }

struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> values;      // of F32 tensors
  std::vector<std::int32_t> ids;  // of I32 tensors
};

// Every tensor of a golden.safetensors; our own file, so a failure is an assertion.
inline std::map<std::string, Tensor> read_tensors(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  const std::string bytes = text.str();
  EXPECT_GT(bytes.size(), 8U) << path;
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  std::map<std::string, Tensor> tensors;
  const boost::json::value json = boost::json::parse(bytes.substr(8, header));
  for (const auto& [name, info] : json.as_object()) {
    if (name == "__metadata__") continue;
    Tensor tensor;
    for (const auto& size : info.at("shape").as_array())
      tensor.shape.push_back(size.to_number<std::int64_t>());
    const auto begin = info.at("data_offsets").at(0).to_number<std::uint64_t>();
    const auto end = info.at("data_offsets").at(1).to_number<std::uint64_t>();
    const char* data = bytes.data() + 8 + header + begin;
    if (info.at("dtype") == "F32") {
      tensor.values.resize((end - begin) / 4);
      std::memcpy(tensor.values.data(), data, end - begin);
    } else {
      EXPECT_EQ(info.at("dtype"), "I32");
      tensor.ids.resize((end - begin) / 4);
      std::memcpy(tensor.ids.data(), data, end - begin);
    }
    tensors.emplace(name, std::move(tensor));
  }
  return tensors;
}

// ||got - want|| / ||want||
inline double relative_error(std::span<const float> got, std::span<const float> want) {
  EXPECT_EQ(got.size(), want.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i) {
    difference += (static_cast<double>(got[i]) - want[i]) * (static_cast<double>(got[i]) - want[i]);
    norm += static_cast<double>(want[i]) * want[i];
  }
  return std::sqrt(difference / norm);
}

// A decoder on some backend with room for one sequence of `context` tokens, `rows_max` at a time.
class Model {
 public:
  static constexpr std::uint64_t kRowsMax = 96;
  static constexpr std::uint32_t kBlockTokens = 4;

  Model(std::unique_ptr<Backend> backend, const std::string& path, std::uint64_t context = 160,
        std::uint64_t rows_max = kRowsMax)
      : backend_(std::move(backend)) {
    auto checkpoint = Checkpoint::open(path);
    if (!checkpoint) throw std::runtime_error(checkpoint.error().message);
    auto config = read_config(*checkpoint);
    if (!config) throw std::runtime_error(config.error().message);
    auto weights = load_weights(*backend_, *checkpoint, *config, {});
    if (!weights) throw std::runtime_error(weights.error().message);
    decoder_ = std::make_unique<Decoder>(*backend_, *config, std::move(*weights),
                                         static_cast<std::int64_t>(rows_max));
    logits_ = backend_->allocate(static_cast<std::int64_t>(rows_max), config->vocab);

    KvLayout layout;
    layout.layers = kv_layers(*config);
    layout.window = config->window;
    layout.block_tokens = kBlockTokens;
    const auto blocks = static_cast<std::uint32_t>(context / kBlockTokens + 1);
    layout.sliding_ring_blocks =
        static_cast<std::uint32_t>((config->window + rows_max - 2) / kBlockTokens + 2);
    layout.global_blocks = blocks;
    layout.sliding_blocks = layout.sliding_ring_blocks;
    for (std::uint32_t i = 0; i < blocks; ++i) global_.push_back(blocks - 1 - i);
    for (std::uint32_t i = 0; i < layout.sliding_blocks; ++i)
      sliding_.push_back((i * 7 + 3) % layout.sliding_blocks);
    if (layout.sliding_blocks % 7 == 0)
      for (std::uint32_t i = 0; i < layout.sliding_blocks; ++i) sliding_[i] = i;
    kv_ = std::move(backend_->make_kv(layout)).value();
  }

  // Soft tokens of an image in the prompt, whose first one stands at `position`.
  struct Image {
    std::uint64_t position;
    Mat soft;
  };

  // Runs tokens after what has run before; logits of all of them. No image may be cut.
  Mat run(std::span<const std::int32_t> ids, const DecoderTap& tap = {},
          std::span<const Image> images = {}) {
    const auto n = static_cast<std::int64_t>(ids.size());
    std::vector<PositionRange> ranges;
    std::vector<SoftRows> soft;
    for (const Image& image : images) {
      if (image.position < n_past_ || image.position >= n_past_ + ids.size()) continue;
      ranges.push_back(
          {image.position, image.position + static_cast<std::uint64_t>(image.soft.rows)});
      soft.push_back({static_cast<std::int64_t>(image.position - n_past_), image.soft});
    }
    const BatchSequence sequence{0, n, n_past_, global_, sliding_, ranges};
    decoder_->forward({{&sequence, 1}, ids, soft}, *kv_, tap);
    n_past_ += ids.size();
    std::vector<std::int32_t> rows;
    for (std::int32_t i = 0; i < n; ++i) rows.push_back(i);
    decoder_->logits(logits_.top(n), rows, tap);
    return logits_.top(n);
  }
  void restart() { n_past_ = 0; }
  Backend& backend() { return *backend_; }
  const ModelConfig& config() const { return decoder_->config(); }

  std::vector<std::int32_t> greedy(std::span<const std::int32_t> prompt, std::size_t chunk,
                                   std::size_t n) {
    restart();
    Mat logits{};
    for (std::size_t at = 0; at < prompt.size(); at += chunk)
      logits = run(prompt.subspan(at, std::min(chunk, prompt.size() - at)));
    std::vector<std::int32_t> ids;
    while (true) {
      const float* last = logits.row(logits.rows - 1);
      ids.push_back(static_cast<std::int32_t>(std::max_element(last, last + logits.cols) - last));
      if (ids.size() == n) return ids;
      logits = run({&ids.back(), 1});
    }
  }

 private:
  std::unique_ptr<Backend> backend_;  // outlives what it owns
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<KvStore> kv_;
  Mat logits_;
  std::uint64_t n_past_ = 0;
  std::vector<std::uint32_t> global_, sliding_;
};

}  // namespace g4::golden
