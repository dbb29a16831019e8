// Takes from this process, for good, all it does not need to turn bytes into pixels.
//
//   no file, not even to read (Landlock without a path, and seccomp), no socket, no new process,
//   no program, no executable memory, no other process's memory; bounded memory and CPU time;
//   the first to go where the machine's memory runs out
//
// What is not on the list of calls fails with EPERM, which libraries handle better than death.
// Libraries must have loaded their modules before. Call with no other thread running.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace g4::decode {

struct SandboxLimits {
  std::uint64_t memory_bytes = std::uint64_t{3} << 30;  // address space, code included
  std::uint64_t cpu_seconds = 120;                      // the client's deadline is usually shorter
};

enum class Landlock : std::uint8_t { kOn, kMissing };  // missing: old kernel or switched off

// An Error if a part other than Landlock cannot be had: then nothing foreign may be read.
Result<Landlock> enter_sandbox(const SandboxLimits& limits);

}  // namespace g4::decode
