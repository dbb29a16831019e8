// HugeMemory: zeroed anonymous memory on transparent huge pages where the kernel grants them.
//
// For what is read in an irregular order and is too large for the TLB: weights, the KV cache.
// Owner: this object; move only. Pages are taken when first touched. The last part of a size that
// is not a multiple of 2 MiB lies on small pages, so that nothing is wasted.
// Failure: `make` returns an Error when the address space or the memory limit is exhausted.
#pragma once

#include <cstddef>
#include <utility>

#include "base/result.h"

namespace g4 {

class HugeMemory {
 public:
  static constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

  HugeMemory() = default;
  static Result<HugeMemory> make(std::size_t bytes);
  HugeMemory(HugeMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  HugeMemory& operator=(HugeMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~HugeMemory();

  std::byte* data() const { return data_; }    // aligned to 2 MiB; null if empty
  std::size_t size() const { return bytes_; }  // as asked for

 private:
  HugeMemory(std::byte* data, std::size_t bytes) : data_(data), bytes_(bytes) {}
  std::byte* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// Where file data is read to piece by piece: page-aligned, as reads past the page cache want it,
// and kept for the next piece. One thread at a time.
class ReadBuffer {
 public:
  // At least `bytes` bytes; what they held before may be lost.
  Result<std::byte*> reserve(std::size_t bytes);

 private:
  HugeMemory memory_;
};

}  // namespace g4
