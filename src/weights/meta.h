// Typed reads of GGUF metadata. Each fails with a sentence naming the file, the key, and the type
// found. For an optional key ask Checkpoint::meta(key) first.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "weights/checkpoint.h"

namespace g4 {

Result<std::uint64_t> meta_u64(const Checkpoint& checkpoint, std::string_view key);  // any int >= 0
Result<double> meta_f64(const Checkpoint& checkpoint, std::string_view key);  // float or integer
Result<bool> meta_bool(const Checkpoint& checkpoint, std::string_view key);
Result<std::string> meta_string(const Checkpoint& checkpoint, std::string_view key);

Result<std::vector<std::uint64_t>> meta_u64s(const Checkpoint& checkpoint, std::string_view key);
Result<std::vector<std::int64_t>> meta_i64s(const Checkpoint& checkpoint, std::string_view key);
Result<std::vector<double>> meta_f64s(const Checkpoint& checkpoint, std::string_view key);
Result<std::vector<bool>> meta_bools(const Checkpoint& checkpoint, std::string_view key);
// Lent by the checkpoint: a vocabulary has hundreds of thousands.
Result<std::span<const std::string>> meta_strings(const Checkpoint& checkpoint,
                                                  std::string_view key);

}  // namespace g4
