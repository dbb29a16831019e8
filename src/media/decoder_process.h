// One `gemma4-decoder` process and our end of its socket.
//
// Owner:   one thread at a time. Killed and reaped when this object goes.
// Failure: I/O fails once the deadline has passed or the process has gone; end() then says how.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace g4 {

using Deadline = std::chrono::steady_clock::time_point;

struct Ending {
  enum class Kind : std::uint8_t { kLate, kSignal, kCode };
  Kind kind;
  int number = 0;  // of the signal, or the code
};

class DecoderProcess {
 public:
  static Result<std::unique_ptr<DecoderProcess>> start(const std::string& program);
  ~DecoderProcess();
  DecoderProcess(const DecoderProcess&) = delete;
  DecoderProcess& operator=(const DecoderProcess&) = delete;

  bool running();
  bool send(std::span<const std::byte> bytes, Deadline deadline);
  bool receive(std::span<std::byte> bytes, Deadline deadline);
  // How it ended, after send() or receive() failed; ends it if it has not.
  Ending end(Deadline deadline);

 private:
  DecoderProcess(pid_t process, int socket) : process_(process), socket_(socket) {}
  bool wait_for(short events, Deadline deadline) const;
  void reap(int options);

  pid_t process_;
  int socket_;
  std::optional<int> status_;  // of waitpid, once it has ended
};

}  // namespace g4
