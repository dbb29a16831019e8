#include "backend/cpu/tile.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace g4::cpu {
namespace {

// Every bit of the file must come back, and a tile must not be larger than promised.
TEST(Tile, UnpackingGivesTheBytesOfTheFile) {
  std::mt19937 random(1);
  for (int type = 0; type < kDTypeCount; ++type) {
    const auto dtype = static_cast<DType>(type);
    for (std::int64_t blocks : {1, 3, 22}) {
      const std::int64_t k = blocks * traits(dtype).block_elements;
      const std::uint64_t row_bytes = *byte_size(dtype, static_cast<std::uint64_t>(k));
      for (int rows : {1, 7, 16}) {
        std::vector<std::byte> file(static_cast<std::size_t>(rows) * row_bytes);
        for (std::byte& byte : file) byte = static_cast<std::byte>(random());
        const TileShape shape = tile_shape(dtype, k);
        std::vector<std::byte> tile(shape.bytes);
        EXPECT_EQ(shape.bytes % 64, 0u);
        EXPECT_EQ(shape.quants_offset % 64, 0u);
        if (blocks > 2 && is_quantised(dtype)) {
          EXPECT_LE(static_cast<double>(shape.bytes),
                    1.03 * 16.0 * static_cast<double>(row_bytes) + 64);
        }
        pack_tile(dtype, file.data(), rows, k, tile.data());
        std::vector<std::byte> row(row_bytes);
        for (int r = 0; r < rows; ++r) {
          unpack_row(dtype, tile.data(), r, k, row.data());
          EXPECT_TRUE(std::equal(
              row.begin(), row.end(),
              file.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(r) * row_bytes)))
              << name(dtype) << " row " << r << " of " << rows << ", k " << k;
        }
      }
    }
  }
}

}  // namespace
}  // namespace g4::cpu
