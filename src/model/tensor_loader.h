// TensorLoader: takes tensors out of a checkpoint by name and gives them to a backend, checking
// shape and counting bytes. Without a backend it only checks and counts: that dry run finds a
// missing or misshapen tensor before gigabytes are read.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/result.h"
#include "weights/checkpoint.h"

namespace g4 {

// Called after each tensor with the bytes read so far and in all.
using LoadProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;

class TensorLoader {
 public:
  // backend null: a dry run, in which weights come out null and vectors empty.
  TensorLoader(Backend* backend, const Checkpoint& checkpoint, LoadProgress progress,
               std::uint64_t total_bytes)
      : backend_(backend),
        checkpoint_(checkpoint),
        progress_(std::move(progress)),
        total_(total_bytes) {}

  bool dry() const { return !backend_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }
  std::uint64_t bytes() const { return done_; }

  Result<const TensorInfo*> find(const std::string& name, const Shape& expected) const;
  Result<std::unique_ptr<Weight>> matrix(const std::string& name, const Shape& shape);
  // Small tensors: norms, scales. Infinities and NaN are refused.
  Result<std::vector<float>> values(const std::string& name, const Shape& shape);
  Result<const float*> vector(const std::string& name, const Shape& shape);

  // For tensors that are put together here: load, then count each.
  Result<std::unique_ptr<Weight>> load(const WeightSource& source);
  const float* upload(std::span<const float> values);
  void count(const TensorInfo& tensor);

 private:
  Backend* backend_;
  const Checkpoint& checkpoint_;
  LoadProgress progress_;
  std::uint64_t total_, done_ = 0;
};

}  // namespace g4
