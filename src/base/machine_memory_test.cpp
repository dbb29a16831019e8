#include "base/machine_memory.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

namespace g4 {
namespace {

TEST(MachineMemory, TheSmallestLimitOnTheWayUpCounts) {
  std::string folder = testing::TempDir() + "cgroup-XXXXXX";
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  std::filesystem::create_directories(folder + "/a/b/c");
  const auto write = [&](const char* group, const char* text) {
    std::ofstream(folder + group + "/memory.max") << text << "\n";
  };
  write("/a/b/c", "max");
  EXPECT_EQ(group_memory_limit(folder, "/a/b/c", "memory.max"),
            std::numeric_limits<std::uint64_t>::max());
  write("/a", "1000");
  write("/a/b", "2000");
  EXPECT_EQ(group_memory_limit(folder, "/a/b/c", "memory.max"), 1000U);
  write("/a/b/c", "500");
  EXPECT_EQ(group_memory_limit(folder, "/a/b/c", "memory.max"), 500U);
  write("", "300");
  EXPECT_EQ(group_memory_limit(folder, "/a/b/c", "memory.max"), 300U);
  EXPECT_EQ(group_memory_limit(folder, "/", "memory.max"), 300U);

  const auto limit_of = [&](const char* lines) {
    std::istringstream groups(lines);
    return groups_memory_limit(groups, folder);
  };
  EXPECT_EQ(limit_of("0::/a\n"), 300U);
  std::filesystem::create_directories(folder + "/memory/x");
  std::ofstream(folder + "/memory/x/memory.limit_in_bytes") << 200 << "\n";
  EXPECT_EQ(limit_of("3:cpu,cpuacct:/x\n2:memory:/x\n"), 200U);
  EXPECT_EQ(limit_of("3:cpu,cpuacct:/x\n"), std::numeric_limits<std::uint64_t>::max());
  std::filesystem::remove_all(folder);
}

TEST(MachineMemory, ThisMachineHasSome) { EXPECT_GT(machine_memory_bytes(), 1U << 26); }

}  // namespace
}  // namespace g4
