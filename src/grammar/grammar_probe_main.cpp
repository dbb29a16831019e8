// gemma4-grammar-probe: started by grammar/probe.cpp with a socket as descriptor 0; tries grammars
// out, each in a child of its own, until the server goes.
//
// The vocabulary is made once, and each child has it at once because fork() copies on write: this
// process has one thread, so forking is safe.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "base/child_process.h"
#include "base/sanitizers.h"
#include "base/utf8.h"
#include "grammar/probe_protocol.h"
#include "grammar/trial.h"

namespace g4::grammar {
namespace {

// Of one grammar. The server gives up later than that.
constexpr itimerval kProcessorTime{{0, 0}, {1, 500'000}};
constexpr itimerval kWallTime{{0, 0}, {10, 0}};
constexpr std::uint64_t kMemoryBytes = std::uint64_t{512} << 20;  // beside the vocabulary
constexpr int kNice = 5;  // answers that are being written come first

std::uint64_t address_space_bytes() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// What a child may use. Each limit ends it without an answer.
void lock_in() {
  ::setitimer(ITIMER_PROF, &kProcessorTime, nullptr);
  ::setitimer(ITIMER_REAL, &kWallTime, nullptr);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::setrlimit(RLIMIT_FSIZE, &none);
  const rlim_t bytes = address_space_bytes() + kMemoryBytes;
  const rlimit memory{bytes, bytes};
  if (!kShadowMemory) ::setrlimit(RLIMIT_AS, &memory);
  // What llguidance says as it dies is no line for the server's log.
  const int nowhere = ::open("/dev/null", O_WRONLY);
  if (!kShadowMemory && nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
}

void answer(int socket, ProbeWord word, std::string_view sentence) {
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  if (send_all(socket, std::as_bytes(std::span(&word, 1)), deadline))
    (void)send_all(socket, std::as_bytes(std::span(utf8_beginning(sentence, kSentenceBytesMax))),
                   deadline);
}

[[noreturn]] void run_child(int socket, const std::shared_ptr<const Vocabulary>& vocabulary,
                            const TokenTable& table) {
  lock_in();
  const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  std::uint32_t bytes = 0;
  if (!receive_all(socket, std::as_writable_bytes(std::span(&bytes, 1)), deadline) ||
      bytes > kGrammarBytesMax)
    ::_exit(1);
  std::string lark(bytes, ' ');
  if (!receive_all(socket, std::as_writable_bytes(std::span(lark)), deadline)) ::_exit(1);
  const Status status = try_grammar(vocabulary, table, lark);
  if (status)
    answer(socket, ProbeWord::kPassed, "");
  else
    answer(socket, ProbeWord::kRefused, status.error().message);
  ::_exit(0);
}

Result<TokenTable> receive_table(int socket) {
  const auto packet = receive_packet(socket);
  if (!packet || packet->word != ProbeWord::kVocabulary || packet->descriptor < 0)
    return Error{"no vocabulary came"};
  const off_t size = ::lseek(packet->descriptor, 0, SEEK_END);
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::max<off_t>(size, 0)));
  std::size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t n = ::pread(packet->descriptor, bytes.data() + got, bytes.size() - got,
                              static_cast<off_t>(got));
    if (n <= 0) return Error{"the vocabulary cannot be read"};
    got += static_cast<std::size_t>(n);
  }
  ::close(packet->descriptor);
  return read_table(bytes);
}

Status serve(int socket) {
  auto table = receive_table(socket);
  if (!table) return std::move(table).error();
  auto vocabulary = Vocabulary::create(*table, nullptr);
  if (!vocabulary) return std::move(vocabulary).error();
  if (!send_packet(socket, ProbeWord::kReady, -1)) return {};
  while (const auto packet = receive_packet(socket)) {
    if (packet->descriptor < 0) continue;
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(socket);
      run_child(packet->descriptor, *vocabulary, *table);
    }
    if (child < 0) answer(packet->descriptor, ProbeWord::kBusy, "");
    ::close(packet->descriptor);
  }
  return {};
}

}  // namespace
}  // namespace g4::grammar

int main() {
  ::signal(SIGCHLD, SIG_IGN);  // children are nobody's to wait for
  (void)!::nice(g4::grammar::kNice);
  const g4::Status status = g4::grammar::serve(STDIN_FILENO);
  if (!status) std::fprintf(stderr, "gemma4-grammar-probe: %s\n", status.error().message.c_str());
  ::_exit(status ? 0 : 1);
}
