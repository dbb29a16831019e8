// One `gemma4-decoder` process and our end of its socket.
//
// Owner:   one thread at a time. Killed and reaped when this object goes.
// Failure: I/O fails once the deadline has passed or the process has gone; end() then says how.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/child_process.h"
#include "base/result.h"

namespace g4 {

struct Ending {
  enum class Kind : std::uint8_t { kLate, kSignal, kCode };
  Kind kind;
  int number = 0;  // of the signal, or the code
};

class DecoderProcess {
 public:
  static Result<std::unique_ptr<DecoderProcess>> start(const std::string& program);

  bool running() { return process_->running(); }
  bool send(std::span<const std::byte> bytes, Deadline deadline) {
    return send_all(process_->socket(), bytes, deadline);
  }
  bool receive(std::span<std::byte> bytes, Deadline deadline) {
    return receive_all(process_->socket(), bytes, deadline);
  }
  // How it ended, after send() or receive() failed; ends it if it has not.
  Ending end(Deadline deadline);

 private:
  explicit DecoderProcess(std::unique_ptr<ChildProcess> process) : process_(std::move(process)) {}

  std::unique_ptr<ChildProcess> process_;
};

}  // namespace g4
