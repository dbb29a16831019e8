#include "base/huge_memory.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace g4 {
namespace {

TEST(HugeMemory, IsZeroedAlignedAndWritableToTheLastByte) {
  for (std::size_t bytes : {std::size_t{1}, std::size_t{4096}, HugeMemory::kHugePageBytes,
                            3 * HugeMemory::kHugePageBytes + 17}) {
    auto memory = HugeMemory::make(bytes);
    ASSERT_TRUE(memory.has_value());
    EXPECT_EQ(memory->size(), bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory->data()) % HugeMemory::kHugePageBytes, 0u);
    for (std::size_t i : {std::size_t{0}, bytes / 2, bytes - 1})
      EXPECT_EQ(memory->data()[i], std::byte{0});
    for (std::size_t i : {std::size_t{0}, bytes / 2, bytes - 1}) memory->data()[i] = std::byte{7};
  }
}

TEST(HugeMemory, MovesAndMayBeEmpty) {
  HugeMemory a = HugeMemory::make(100).value();
  std::byte* const data = a.data();
  HugeMemory b = std::move(a);
  EXPECT_EQ(b.data(), data);
  a = std::move(b);
  EXPECT_EQ(a.data(), data);
  EXPECT_EQ(HugeMemory::make(0).value().data(), nullptr);
}

TEST(HugeMemory, TooMuchIsAnErrorThatSaysHowMuch) {
  const auto memory = HugeMemory::make(SIZE_MAX - 5);
  ASSERT_FALSE(memory.has_value());
  EXPECT_NE(memory.error().message.find("18446744073709551610 bytes"), std::string::npos);
}

}  // namespace
}  // namespace g4
