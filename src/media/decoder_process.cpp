#include "media/decoder_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace g4 {
namespace {

constexpr std::chrono::milliseconds kLastMoments{100};

// The decoder sees none of our environment, which may hold keys.
std::vector<std::string> decoder_environment() {
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
  std::vector<std::string> environment = decoder_environment();
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

}  // namespace

Result<std::unique_ptr<DecoderProcess>> DecoderProcess::start(const std::string& program) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error{fmt::format("cannot make a socket: {}", std::strerror(errno))};
  pid_t process = 0;
  const int failure = spawn(program, ends[1], process);
  ::close(ends[1]);
  if (failure != 0) {
    ::close(ends[0]);
    return Error{
        fmt::format("cannot start the media decoder {}: {}", program, std::strerror(failure))};
  }
  return std::unique_ptr<DecoderProcess>(new DecoderProcess(process, ends[0]));
}

DecoderProcess::~DecoderProcess() {
  ::close(socket_);
  if (!status_) ::kill(process_, SIGKILL);
  reap(0);
}

void DecoderProcess::reap(int options) {
  if (status_) return;
  int status = 0;
  pid_t ended;
  while ((ended = ::waitpid(process_, &status, options)) < 0 && errno == EINTR) {
  }
  if (ended != 0) status_ = status;
}

bool DecoderProcess::running() {
  reap(WNOHANG);
  return !status_;
}

bool DecoderProcess::wait_for(short events, Deadline deadline) const {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd entry{socket_, events, 0};
    const int ready = ::poll(&entry, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

bool DecoderProcess::send(std::span<const std::byte> bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (!wait_for(POLLOUT, deadline)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool DecoderProcess::receive(std::span<std::byte> bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t n = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (n > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      if (!wait_for(POLLIN, deadline)) return false;
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
    // A decoder that answers byte by byte must not outlive its time either.
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

Ending DecoderProcess::end(Deadline deadline) {
  // If it has closed its socket it is about to end, or pretends to be.
  const Deadline last = std::min(deadline, std::chrono::steady_clock::now() + kLastMoments);
  while (std::chrono::steady_clock::now() < last && running()) ::usleep(1000);
  const bool late = running() || std::chrono::steady_clock::now() >= deadline;
  if (running()) ::kill(process_, SIGKILL);
  reap(0);
  if (late || (WIFSIGNALED(*status_) && WTERMSIG(*status_) == SIGXCPU))
    return {Ending::Kind::kLate};
  if (WIFSIGNALED(*status_)) return {Ending::Kind::kSignal, WTERMSIG(*status_)};
  return {Ending::Kind::kCode, WEXITSTATUS(*status_)};
}

}  // namespace g4
