#include "base/huge_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace g4 {
namespace {

constexpr std::size_t kPageBytes = 4096;

std::size_t whole_pages(std::size_t bytes) { return (bytes + kPageBytes - 1) & ~(kPageBytes - 1); }

}  // namespace

Result<HugeMemory> HugeMemory::make(std::size_t bytes) {
  if (bytes == 0) return HugeMemory();
  const auto failed = [&](int error) {
    return Error{fmt::format("cannot get {} bytes of memory: {}", bytes, std::strerror(error))};
  };
  if (bytes > SIZE_MAX / 2) return failed(ENOMEM);
  // One huge page more than asked for, of which the parts before and after the aligned range go
  // back.
  const std::size_t wanted = whole_pages(bytes);
  const std::size_t mapped = wanted + kHugePageBytes;
  void* const map =
      mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED) return failed(errno);
  auto* const start = static_cast<std::byte*>(map);
  const std::size_t before =
      (kHugePageBytes - reinterpret_cast<std::uintptr_t>(start)) & (kHugePageBytes - 1);
  if (before != 0) munmap(start, before);
  std::byte* const data = start + before;
  munmap(data + wanted, kHugePageBytes - before);
  madvise(data, wanted, MADV_HUGEPAGE);  // a wish: without it all works, slower
  return HugeMemory(data, bytes);
}

HugeMemory::~HugeMemory() {
  if (data_ != nullptr) munmap(data_, whole_pages(bytes_));
}

Result<std::byte*> ReadBuffer::reserve(std::size_t bytes) {
  if (bytes > memory_.size()) memory_ = G4_TRY(HugeMemory::make(bytes));
  return memory_.data();
}

}  // namespace g4
