// TestScript: a server in Python that a test suite runs beside itself. Its first line of output
// has its ports; it ends with us.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>

extern char** environ;

namespace g4 {

class TestScript {
 public:
  // `script` in tests/.
  explicit TestScript(const std::string& script, std::string argument = "") {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::string path = std::string(G4_SOURCE_DIR "/tests/") + script, python = "python3";
    char* argv[] = {python.data(), path.data(), argument.empty() ? nullptr : argument.data(),
                    nullptr};
    EXPECT_EQ(posix_spawnp(&process_, "python3", &actions, nullptr, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE* out = fdopen(ends[0], "r");
    EXPECT_EQ(fscanf(out, "%d %d", &ports_[0], &ports_[1]), 2) << script << " did not start";
    fclose(out);
  }
  ~TestScript() {
    kill(process_, SIGTERM);
    waitpid(process_, nullptr, 0);
  }
  TestScript(const TestScript&) = delete;
  TestScript& operator=(const TestScript&) = delete;

  int port(std::size_t i) const { return ports_.at(i); }

 private:
  pid_t process_ = 0;
  std::array<int, 2> ports_{};
};

}  // namespace g4
