#include "weights/layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "weights/source.h"

namespace g4 {

Result<std::uint64_t> tensor_bytes(const std::string& file, const std::string& tensor, DType dtype,
                                   const Shape& shape) {
  for (int i = 0; i < shape.rank(); ++i)
    if (shape[i] == 0)
      return Error{fmt::format("{}: tensor {}: shape {} has a size of zero", file, tensor,
                               shape.to_string())};
  const std::optional<std::uint64_t> elements = shape.elements();
  if (!elements)
    return Error{fmt::format("{}: tensor {}: shape {} has more than 2^64 elements", file, tensor,
                             shape.to_string())};
  if (shape.back() % traits(dtype).block_elements != 0)
    return Error{fmt::format("{}: tensor {}: rows of {} values, but {} stores blocks of {}", file,
                             tensor, shape.back(), name(dtype), traits(dtype).block_elements)};
  const std::optional<std::uint64_t> bytes = byte_size(dtype, *elements);
  if (!bytes)
    return Error{fmt::format("{}: tensor {}: shape {} of {} needs more than 2^64 bytes", file,
                             tensor, shape.to_string(), name(dtype))};
  return *bytes;
}

Status check_layout(const std::string& file, std::uint64_t data_begin, std::uint64_t file_bytes,
                    std::vector<TensorInfo>& tensors) {
  std::unordered_set<std::string_view> names;
  for (const TensorInfo& tensor : tensors) {
    if (!names.insert(tensor.name).second)
      return Error{fmt::format("{}: two tensors are named {}", file, in_quotes(tensor.name))};
    if (tensor.offset < data_begin || tensor.offset > file_bytes ||
        tensor.bytes > file_bytes - tensor.offset)
      return Error{fmt::format(
          "{}: tensor {}: {} bytes at offset {} lie outside the data, bytes "
          "{} to {} of the file",
          file, in_quotes(tensor.name), tensor.bytes, tensor.offset, data_begin, file_bytes)};
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.offset < b.offset; });
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    const TensorInfo &before = tensors[i - 1], &after = tensors[i];
    if (after.offset < before.offset + before.bytes)
      return Error{fmt::format("{}: tensors {} and {} share bytes", file, in_quotes(before.name),
                               in_quotes(after.name))};
  }
  return {};
}

}  // namespace g4
