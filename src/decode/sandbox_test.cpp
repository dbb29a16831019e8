// The sandbox proves itself: sandbox_probe enters it and tries what it should stop.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>

#include "base/sanitizers.h"

namespace g4 {
namespace {

TEST(Sandbox, StopsWhatADecoderNeverNeeds) {
  const auto probe =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sandbox_probe";
  FILE* lines = ::popen(("exec '" + probe.string() + "'").c_str(), "r");
  ASSERT_NE(lines, nullptr);
  std::set<std::string> said;
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), lines)) said.insert(line.data());
  const int status = ::pclose(lines);
  for (const char* name : {"open-read", "open-write", "open-proc", "unlink", "memfd", "socket-inet",
                           "socket-unix", "fork", "vfork", "clone3", "spawn", "exec", "ptrace",
                           "kill-parent", "executable-memory", "endless-time", "prctl"})
    EXPECT_TRUE(said.contains(std::string(name) + " stopped\n")) << name;
  EXPECT_TRUE(kShadowMemory || said.contains("endless-memory stopped\n"));
  if (said.contains("landlock DONE\n")) std::printf("this kernel has no Landlock\n");
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace g4
