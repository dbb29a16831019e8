#include "media/decoder_process.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

namespace g4 {
namespace {

constexpr std::chrono::milliseconds kLastMoments{100};

}  // namespace

Result<std::unique_ptr<DecoderProcess>> DecoderProcess::start(const std::string& program) {
  auto process = ChildProcess::start(program, ChildProcess::Socket::kStream);
  if (!process) return Error{fmt::format("no media decoder: {}", process.error().message)};
  return std::unique_ptr<DecoderProcess>(new DecoderProcess(*std::move(process)));
}

Ending DecoderProcess::end(Deadline deadline) {
  // If it has closed its socket it is about to end, or pretends to be.
  const Deadline last = std::min(deadline, std::chrono::steady_clock::now() + kLastMoments);
  while (std::chrono::steady_clock::now() < last && running()) ::usleep(1000);
  const bool late = running() || std::chrono::steady_clock::now() >= deadline;
  process_->kill();
  const int status = process_->wait();
  if (late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) return {Ending::Kind::kLate};
  if (WIFSIGNALED(status)) return {Ending::Kind::kSignal, WTERMSIG(status)};
  return {Ending::Kind::kCode, WEXITSTATUS(status)};
}

}  // namespace g4
