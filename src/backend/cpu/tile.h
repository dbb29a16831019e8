// Tile order: how the bits of a weight matrix lie in memory for the kernels (see kernels.h).
//
// The bits are the file's, reordered: packing and unpacking lose nothing. Types with 6-bit scales
// get them as whole bytes (Q4_K + 2.8 %, Q5_K + 2.3 %, IQ4_XS + 1.5 %); a last tile of fewer than
// 16 rows is filled up with zeros.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/dtype.h"

namespace g4::cpu {

struct TileShape {
  std::size_t bytes = 0;          // of a tile; a multiple of 64
  std::size_t quants_offset = 0;  // a multiple of 64; zero for plain types
};
// k: values of a row, whole blocks of the type.
TileShape tile_shape(DType dtype, std::int64_t k);

// Packs `rows` (1..16) consecutive rows of the file. `tile` is zero before.
void pack_tile(DType dtype, const std::byte* file_rows, int rows, std::int64_t k, std::byte* tile);
// One row of a tile as the file had it.
void unpack_row(DType dtype, const std::byte* tile, int row, std::int64_t k, std::byte* file_row);

}  // namespace g4::cpu
