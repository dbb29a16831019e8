// A program of ours, running beside this process and spoken to over one socket.
//
// It sees none of our environment, which may hold keys, and inherits no descriptor but the socket
// (its 0) and stderr. Started without fork(), so from any thread of a process with many.
//
// Owner:   one thread at a time. Killed and reaped when this object goes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace g4 {

using Deadline = std::chrono::steady_clock::time_point;

// Bytes over a stream socket; false once the deadline has passed or the other end has gone.
bool send_all(int socket, std::span<const std::byte> bytes, Deadline deadline);
bool receive_all(int socket, std::span<std::byte> bytes, Deadline deadline);
// As receive_all(), but ends at the end of the stream: how many bytes came before it. Nothing if
// the deadline passes, or if more come.
std::optional<std::size_t> receive_rest(int socket, std::span<std::byte> bytes, Deadline deadline);

// The program of this name beside our own, or what the environment variable names.
std::string program_beside(const char* name, const char* variable);

class ChildProcess {
 public:
  enum class Socket : std::uint8_t { kStream, kPackets };
  static Result<std::unique_ptr<ChildProcess>> start(const std::string& program, Socket kind);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int socket() const { return socket_; }
  bool running();
  void kill();
  int wait();  // for its end; as waitpid() says it

 private:
  ChildProcess(pid_t process, int socket) : process_(process), socket_(socket) {}
  void reap(int options);

  pid_t process_;
  int socket_;
  std::optional<int> status_;  // of waitpid, once it has ended
};

}  // namespace g4
