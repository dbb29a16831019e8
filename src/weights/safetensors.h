// Safetensors: bytes in, tensor list out. Pure: no file system.
//
// Layout: u64 length of the header, the header as a JSON object (name -> dtype, shape,
// data_offsets), then the data that offsets count from. "__metadata__" holds strings and is
// ignored. Types read: BF16, F16, F32; a tensor of another type makes the file unreadable.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "weights/checkpoint.h"
#include "weights/source.h"

namespace g4 {

inline constexpr std::uint64_t kSafetensorsHeaderBytesMax = 100'000'000;  // the format's own limit
inline constexpr std::uint64_t kSafetensorsIndexBytesMax = 64u << 20;
inline constexpr std::uint64_t kShardsMax = 1024;

// In file order; offsets from the start of the file; file = 0.
Result<std::vector<TensorInfo>> parse_safetensors(const ByteSource& source);

// model.safetensors.index.json: tensor name -> file name in the same folder. A file name that could
// lead out of the folder is an Error.
using ShardMap = std::map<std::string, std::string, std::less<>>;
Result<ShardMap> parse_safetensors_index(const std::string& file, std::string_view json);

}  // namespace g4
