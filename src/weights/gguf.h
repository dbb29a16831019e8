// GGUF version 3, little endian: bytes in, metadata and tensor list out. Pure: no file system.
//
// Layout: "GGUF", u32 version, u64 tensor count, u64 key count, the keys (name, u32 type, value),
// the tensor entries (name, u32 rank, u64 sizes fastest first, u32 type, u64 offset), padding to
// general.alignment, then the data that offsets count from. A string is a u64 length and its bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "weights/checkpoint.h"
#include "weights/source.h"

namespace g4 {

using MetaMap = std::map<std::string, MetaValue, std::less<>>;

// Limits far above any published file, so that a hostile one costs little memory.
inline constexpr std::uint64_t kGgufHeaderBytesMax = 256u << 20;  // all before the tensor data
inline constexpr std::uint64_t kGgufKeysMax = 1u << 16;
inline constexpr std::uint64_t kGgufKeyBytesMax = 65535;  // the format's own limit
inline constexpr std::uint64_t kGgufStringBytesMax = 16u << 20;
inline constexpr std::uint64_t kGgufElementsMax = 1u << 24;  // of all arrays together
inline constexpr std::uint64_t kGgufAlignmentMax = 1u << 20;
inline constexpr std::uint64_t kGgufAlignmentDefault = 32;

struct GgufFile {
  MetaMap metadata;
  std::vector<TensorInfo> tensors;  // in file order; offsets from the start of the file; file = 0
  std::uint64_t alignment = kGgufAlignmentDefault;
  std::uint64_t data_begin = 0;
};

Result<GgufFile> parse_gguf(const ByteSource& source);

}  // namespace g4
