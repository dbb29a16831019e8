#include "base/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

namespace g4 {
namespace {

std::vector<std::string> bare_environment() {
  std::vector<std::string> environment{"LC_ALL=C", "MALLOC_ARENA_MAX=1", "TZ=UTC0"};
  for (const char* name : {"LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS"})
    if (const char* value = std::getenv(name))
      environment.push_back(std::string(name) + "=" + value);
  return environment;
}

// Descriptor 0 is the socket, stderr is ours; nothing else is inherited, signals are as new.
int spawn(const std::string& program, int socket, pid_t& process) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, socket, STDIN_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<std::string> environment = bare_environment();
  std::vector<char*> envp;
  for (std::string& entry : environment) envp.push_back(entry.data());
  envp.push_back(nullptr);
  std::array<char*, 2> argv{const_cast<char*>(program.c_str()), nullptr};
  const int failure =
      ::posix_spawn(&process, program.c_str(), &actions, &attributes, argv.data(), envp.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failure;
}

bool wait_for(int socket, short events, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{socket, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

enum class Ended : std::uint8_t { kFull, kEnd, kFailed };

// Fills `bytes` as far as the stream goes; `got` counts them.
Ended receive(int socket, std::span<std::byte> bytes, Deadline deadline, std::size_t& got) {
  for (got = 0; got < bytes.size();) {
    const ssize_t n = ::recv(socket, bytes.data() + got, bytes.size() - got, MSG_DONTWAIT);
    if (n > 0) {
      got += static_cast<std::size_t>(n);
    } else if (n == 0) {
      return Ended::kEnd;
    } else if (errno == EAGAIN) {
      if (!wait_for(socket, POLLIN, deadline)) return Ended::kFailed;
    } else if (errno != EINTR) {
      return Ended::kFailed;
    }
    // One that answers byte by byte must not outlive its time either.
    if (std::chrono::steady_clock::now() > deadline) return Ended::kFailed;
  }
  return Ended::kFull;
}

}  // namespace

bool send_all(int socket, std::span<const std::byte> bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait_for(socket, POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool receive_all(int socket, std::span<std::byte> bytes, Deadline deadline) {
  std::size_t got = 0;
  return receive(socket, bytes, deadline, got) == Ended::kFull;
}

std::optional<std::size_t> receive_rest(int socket, std::span<std::byte> bytes, Deadline deadline) {
  std::size_t got = 0;
  if (receive(socket, bytes, deadline, got) != Ended::kEnd) return {};
  return got;
}

std::string program_beside(const char* name, const char* variable) {
  if (const char* named = std::getenv(variable)) return named;
  std::error_code failure;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failure);
  return (self.parent_path() / name).string();
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::string& program, Socket kind) {
  std::array<int, 2> ends{};
  const int type = kind == Socket::kStream ? SOCK_STREAM : SOCK_SEQPACKET;
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error{fmt::format("cannot make a socket: {}", std::strerror(errno))};
  pid_t process = 0;
  const int failure = spawn(program, ends[1], process);
  ::close(ends[1]);
  if (failure != 0) {
    ::close(ends[0]);
    return Error{fmt::format("cannot start {}: {}", program, std::strerror(failure))};
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(process, ends[0]));
}

ChildProcess::~ChildProcess() {
  ::close(socket_);
  kill();
  reap(0);
}

void ChildProcess::reap(int options) {
  if (status_) return;
  int status = 0;
  pid_t ended;
  while ((ended = ::waitpid(process_, &status, options)) < 0 && errno == EINTR) {
  }
  if (ended != 0) status_ = status;
}

bool ChildProcess::running() {
  reap(WNOHANG);
  return !status_;
}

void ChildProcess::kill() {
  if (!status_) ::kill(process_, SIGKILL);
}

int ChildProcess::wait() {
  reap(0);
  return *status_;
}

}  // namespace g4
