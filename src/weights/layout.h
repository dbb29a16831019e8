// Where the tensors of one file lie: checks that both formats share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "weights/checkpoint.h"

namespace g4 {

inline constexpr std::uint64_t kTensorsMax = 1u << 18;  // in one file
inline constexpr std::uint64_t kTensorNameBytesMax = 512;

// Bytes of a tensor of this type and shape. An Error if a size is zero, the product overflows, or a
// row is not a whole number of blocks. `tensor` is its name in quotes.
Result<std::uint64_t> tensor_bytes(const std::string& file, const std::string& tensor, DType dtype,
                                   const Shape& shape);

// Puts the tensors in file order. An Error if one lies outside [data_begin, file_bytes), two share
// a byte, or two share a name.
Status check_layout(const std::string& file, std::uint64_t data_begin, std::uint64_t file_bytes,
                    std::vector<TensorInfo>& tensors);

}  // namespace g4
