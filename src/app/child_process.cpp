#include "app/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace g4::app {
namespace {

constexpr std::size_t kOutputBytesMax = 16 * 1024;

std::string read_tail(int descriptor) {
  std::string tail;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t n = ::read(descriptor, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return tail;
    tail.append(buffer.data(), static_cast<std::size_t>(n));
    if (tail.size() > kOutputBytesMax) tail.erase(0, tail.size() - kOutputBytesMax);
  }
}

int exit_code_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<ChildResult> run_program(const std::vector<std::string>& arguments) {
  assert(!arguments.empty());
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
    return Error{fmt::format("cannot make a pipe: {}", std::strerror(errno))};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);

  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int failure = ::posix_spawnp(&child, argv.front(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  if (failure != 0) {
    ::close(pipe_ends[0]);
    return Error{fmt::format("cannot run {}: {}", arguments.front(), std::strerror(failure))};
  }
  ChildResult result;
  result.output = read_tail(pipe_ends[0]);
  ::close(pipe_ends[0]);
  result.exit_code = exit_code_of(child);
  return result;
}

}  // namespace g4::app
