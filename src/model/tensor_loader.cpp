#include "model/tensor_loader.h"

#include <fmt/format.h>

#include <cmath>

namespace g4 {

Result<const TensorInfo*> TensorLoader::find(const std::string& name, const Shape& expected) const {
  const TensorInfo* tensor = checkpoint_.find(name);
  if (!tensor) return Error{fmt::format("{}: tensor '{}' is missing", checkpoint_.path(), name)};
  if (!(tensor->shape == expected))
    return Error{fmt::format("{}: tensor '{}' has shape {}, expected {}", checkpoint_.path(), name,
                             tensor->shape.to_string(), expected.to_string())};
  return tensor;
}

Result<std::unique_ptr<Weight>> TensorLoader::matrix(const std::string& name, const Shape& shape) {
  const TensorInfo* tensor = G4_TRY(find(name, shape));
  auto weight =
      G4_TRY(load({tensor->name, tensor->dtype, shape,
                   [this, tensor](std::uint64_t begin, std::size_t bytes, ReadBuffer& buffer) {
                     return checkpoint_.read_into(*tensor, begin, bytes, buffer);
                   }}));
  count(*tensor);
  return weight;
}

Result<std::vector<float>> TensorLoader::values(const std::string& name, const Shape& shape) {
  const TensorInfo* tensor = G4_TRY(find(name, shape));
  count(*tensor);
  if (dry()) return std::vector<float>();
  std::vector<float> read = G4_TRY(checkpoint_.read_f32(*tensor));
  for (float value : read)
    if (!std::isfinite(value))
      return Error{fmt::format("{}: tensor '{}' holds {}, expected finite numbers",
                               checkpoint_.path(), tensor->name, value)};
  return read;
}

Result<const float*> TensorLoader::vector(const std::string& name, const Shape& shape) {
  const std::vector<float> read = G4_TRY(values(name, shape));
  return upload(read);
}

Result<std::unique_ptr<Weight>> TensorLoader::load(const WeightSource& source) {
  if (dry()) return std::unique_ptr<Weight>();
  return backend_->load(source);
}

const float* TensorLoader::upload(std::span<const float> values) {
  return dry() ? nullptr : backend_->upload(values);
}

void TensorLoader::count(const TensorInfo& tensor) {
  done_ += tensor.bytes;
  if (!dry() && progress_) progress_(done_, total_);
}

}  // namespace g4
