// Shape: up to four sizes, slowest dimension first ([out, in], as PyTorch prints it).
#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>

namespace g4 {

class Shape {
 public:
  static constexpr int kRankMax = 4;
  Shape() = default;
  Shape(std::initializer_list<std::uint64_t> sizes) {
    for (std::uint64_t size : sizes) push_back(size);
  }
  void push_back(std::uint64_t size) {
    assert(rank_ < kRankMax);
    sizes_[static_cast<std::size_t>(rank_++)] = size;
  }
  int rank() const { return rank_; }
  std::uint64_t operator[](int i) const {
    assert(i >= 0 && i < rank_);
    return sizes_[static_cast<std::size_t>(i)];
  }
  std::uint64_t back() const { return rank_ == 0 ? 1 : (*this)[rank_ - 1]; }

  // Product of the sizes; nullopt if it overflows 64 bits. A rank-0 shape has one element.
  std::optional<std::uint64_t> elements() const {
    std::uint64_t n = 1;
    for (int i = 0; i < rank_; ++i)
      if (__builtin_mul_overflow(n, (*this)[i], &n)) return std::nullopt;
    return n;
  }
  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int i = 0; i < rank_; ++i)
      if ((*this)[i] != other[i]) return false;
    return true;
  }
  std::string to_string() const {  // "[2816, 4096]"
    std::string text = "[";
    for (int i = 0; i < rank_; ++i) text += (i ? ", " : "") + std::to_string((*this)[i]);
    return text + "]";
  }

 private:
  std::array<std::uint64_t, kRankMax> sizes_{};
  int rank_ = 0;
};

}  // namespace g4
