// For tests that meddle with the probe process.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace g4::grammar::test {

// Ids of this process's children that run the probe program. A child that has ended and was not
// waited for has no program any more.
inline std::vector<pid_t> probes() {
  std::vector<pid_t> found;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t child = 0; children >> child;) {
      std::error_code failure;
      const auto program =
          std::filesystem::read_symlink("/proc/" + std::to_string(child) + "/exe", failure);
      if (program.filename() == "gemma4-grammar-probe") found.push_back(child);
    }
  }
  return found;
}

inline void kill_probes() {
  for (const pid_t probe : probes()) ::kill(probe, SIGKILL);
  while (!probes().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

// While it lives, another program is started as the probe.
class OtherProbe {
 public:
  explicit OtherProbe(const char* program) { ::setenv(kName, program, 1); }
  ~OtherProbe() { ::unsetenv(kName); }
  OtherProbe(const OtherProbe&) = delete;
  OtherProbe& operator=(const OtherProbe&) = delete;

 private:
  static constexpr const char* kName = "G4_GRAMMAR_PROBE";
};

}  // namespace g4::grammar::test
