// The sandbox proves itself: sandbox_probe enters it and tries what it should stop.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>

#include "base/sanitizers.h"

namespace g4 {
namespace {

struct Probe {
  std::set<std::string> said;
  int status = 0;
};

Probe probe(const std::string& mode) {
  const auto program =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "sandbox_probe";
  Probe probe;
  FILE* lines = ::popen(("exec '" + program.string() + "' " + mode).c_str(), "r");
  EXPECT_NE(lines, nullptr);
  if (lines == nullptr) return probe;
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), lines)) probe.said.insert(line.data());
  probe.status = ::pclose(lines);
  return probe;
}

void expect_stopped(const Probe& probe) {
  for (const char* name :
       {"open-read", "open-write", "open-proc", "unlink", "memfd", "socket-inet", "socket-unix",
        "fork", "vfork", "clone3", "spawn", "exec", "ptrace", "kill-parent", "kill-itself",
        "executable-memory", "endless-time", "prctl"})
    EXPECT_TRUE(probe.said.contains(std::string(name) + " stopped\n")) << name;
  EXPECT_TRUE(kShadowMemory || probe.said.contains("endless-memory stopped\n"));
  EXPECT_EQ(probe.status, 0);
}

TEST(Sandbox, StopsWhatADecoderNeverNeeds) {
  const Probe here = probe("");
  expect_stopped(here);
  if (here.said.contains("landlock DONE\n")) std::printf("this kernel has no Landlock\n");
}

TEST(Sandbox, StopsItOnAKernelWithoutLandlockToo) {
  const Probe old = probe("without-landlock");
  expect_stopped(old);
  EXPECT_TRUE(old.said.contains("landlock DONE\n"));
}

TEST(Sandbox, EndsWhatComputesTooLongByTheSignalForThat) {
  const Probe slow = probe("spin");
  ASSERT_TRUE(WIFSIGNALED(slow.status)) << slow.status;
  EXPECT_EQ(WTERMSIG(slow.status), SIGXCPU);
}

}  // namespace
}  // namespace g4
