// Checksums of files as the hub names them: SHA-256 of large files, git's blob id of small ones.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "base/result.h"

namespace g4::app {

struct Checksum {
  enum class Kind : std::uint8_t { kSha256, kGitBlob };
  Kind kind = Kind::kSha256;
  std::string hex;  // lower case
  bool operator==(const Checksum&) const = default;
};

// 64 hexadecimal digits are a SHA-256, 40 a git blob id; quotes and W/ of an ETag are left off.
std::optional<Checksum> parse_checksum(std::string_view text);

// Of the whole file; `progress` may be null.
Result<Checksum> checksum_of_file(const std::filesystem::path& path, Checksum::Kind kind,
                                  Progress* progress);

}  // namespace g4::app
