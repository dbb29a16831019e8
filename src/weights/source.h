// Where the parsers get their bytes from: a file read with pread, or memory (tests, fuzzing).
//
// Threads: read_at may run on several threads at once. Failure: one sentence that names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/huge_memory.h"
#include "base/result.h"

namespace g4 {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual const std::string& name() const = 0;
  virtual std::uint64_t size() const = 0;
  // Fills `out` from [offset, offset + out.size()); an Error if that is not inside the source.
  virtual Status read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::span<const std::byte> bytes)
      : name_(std::move(name)), bytes_(bytes) {}
  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return bytes_.size(); }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::string name_;
  std::span<const std::byte> bytes_;  // borrowed
};

// A regular file, open for reading. Owns the descriptor.
class File final : public ByteSource {
 public:
  static Result<File> open(const std::string& path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File() override;

  const std::string& name() const override { return path_; }
  std::uint64_t size() const override { return size_; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override;

  // [offset, offset + bytes), somewhere in the buffer.
  Result<std::span<const std::byte>> read_into(std::uint64_t offset, std::size_t bytes,
                                               ReadBuffer& buffer) const;
  // From now on read_into reads past the page cache; false where the file system cannot.
  bool bypass_page_cache();

 private:
  File(std::string path, int descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(descriptor), size_(size) {}
  std::string path_;
  int descriptor_ = -1;
  int direct_descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// The whole file as text; an Error if it has more than `bytes_max` bytes.
Result<std::string> read_text(const std::string& path, std::uint64_t bytes_max);

// A name from a file for use in a message: in quotes, cut to a readable length, and with bytes that
// could upset a terminal or a log written as \xNN.
std::string in_quotes(std::string_view name);

}  // namespace g4
