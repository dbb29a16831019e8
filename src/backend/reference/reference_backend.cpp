#include "backend/reference/reference_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace g4::reference {

void RowWeight::decode(std::int64_t expert, std::int64_t row, float* values) const {
  const std::size_t index = static_cast<std::size_t>(expert * out + row);
  dequantise(dtype, data.data() + index * row_bytes, values, static_cast<std::uint64_t>(in));
}

Result<std::unique_ptr<Weight>> ReferenceBackend::load(const WeightSource& source) {
  const int rank = source.shape.rank();
  assert(rank == 2 || rank == 3);
  auto weight = std::make_unique<RowWeight>();
  weight->dtype = source.dtype;
  weight->experts = rank == 3 ? static_cast<std::int64_t>(source.shape[0]) : 1;
  weight->out = static_cast<std::int64_t>(source.shape[rank - 2]);
  weight->in = static_cast<std::int64_t>(source.shape[rank - 1]);
  const auto row_bytes = byte_size(source.dtype, source.shape.back());
  const auto rows = static_cast<std::uint64_t>(weight->experts * weight->out);
  if (!row_bytes)
    return Error{fmt::format("tensor '{}': a row of {} values is not a whole number of {} blocks",
                             source.name, source.shape.back(), g4::name(source.dtype))};
  weight->row_bytes = *row_bytes;
  weight->bytes = *row_bytes * rows;
  weight->data.resize(weight->bytes);
  ReadBuffer buffer;
  constexpr std::size_t kPieceBytes = 4 << 20;
  for (std::size_t begin = 0; begin < weight->data.size(); begin += kPieceBytes) {
    const std::size_t bytes = std::min(kPieceBytes, weight->data.size() - begin);
    const std::span<const std::byte> piece = G4_TRY(source.read(begin, bytes, buffer));
    std::copy(piece.begin(), piece.end(), weight->data.data() + begin);
  }
  return std::unique_ptr<Weight>(std::move(weight));
}

Mat ReferenceBackend::allocate(std::int64_t rows, std::int64_t cols) {
  owned_.push_back(std::make_unique<std::vector<float>>(static_cast<std::size_t>(rows * cols)));
  return {owned_.back()->data(), rows, cols};
}

const float* ReferenceBackend::upload(std::span<const float> values) {
  owned_.push_back(std::make_unique<std::vector<float>>(values.begin(), values.end()));
  return owned_.back()->data();
}

}  // namespace g4::reference

namespace g4 {
std::unique_ptr<Backend> make_reference_backend() {
  return std::make_unique<reference::ReferenceBackend>();
}
}  // namespace g4
