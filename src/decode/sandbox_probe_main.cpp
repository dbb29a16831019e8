// Test program: locks itself in as the decoder does, then tries what a taken-over decoder would.
// Says "NAME stopped" or "NAME DONE" on stdout for each; decode_test reads that.
//
//   sandbox_probe
//   sandbox_probe without-landlock [PROGRAM]   as on a kernel that has none; runs PROGRAM there
//   sandbox_probe spin                         computes until it is stopped
#include <arpa/inet.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "base/sanitizers.h"
#include "decode/job.h"
#include "decode/sandbox.h"

namespace {

void report(const char* name, bool done) {
  std::string line = std::string(name) + (done ? " DONE\n" : " stopped\n");
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(9);
}

bool forks() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  return child > 0;
}

bool runs_a_program() {
  pid_t child = 0;
  char name[] = "/bin/true";
  char* argv[]{name, nullptr};
  return ::posix_spawn(&child, name, nullptr, nullptr, argv, nullptr) == 0;
}

// Through a volatile pointer, or the compiler sees that nobody needs the memory.
bool allocates_without_end() {
  for (int i = 0; i < 64; ++i) {
    char* volatile block = static_cast<char*>(std::malloc(std::size_t{256} << 20));
    if (block == nullptr) return false;
    block[0] = 1;
  }
  return true;
}

bool computes_without_end() {
  rlimit limit{};
  return ::syscall(SYS_getrlimit, RLIMIT_CPU, &limit) != 0 || limit.rlim_cur > 2;
}

bool signals_its_parent() { return ::kill(::getppid(), 0) == 0; }

void try_everything() {
  char name[] = "/bin/true";
  char* argv[]{name, nullptr};
  report("open-read", ::open("/etc/passwd", O_RDONLY) >= 0);
  report("open-write", ::open("/tmp/g4-probe", O_WRONLY | O_CREAT, 0600) >= 0);
  report("open-proc", ::open("/proc/self/mem", O_RDWR) >= 0);
  report("unlink", ::unlink("/tmp/g4-probe-victim") == 0);
  report("memfd", ::memfd_create("probe", 0) >= 0);
  report("socket-inet", ::socket(AF_INET, SOCK_STREAM, 0) >= 0);
  report("socket-unix", ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
  report("fork", forks());
  report("vfork", ::syscall(SYS_vfork) >= 0);
  report("clone3", ::syscall(SYS_clone3, nullptr, 0) >= 0 || errno != ENOSYS);
  report("spawn", runs_a_program());
  report("exec", ::execv(name, argv) == 0);
  report("ptrace", ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0);
  report("kill-parent", signals_its_parent());
  report("kill-itself", ::syscall(SYS_tgkill, ::getpid(), ::getpid(), SIGCHLD) == 0);
  report("executable-memory", ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
  report("endless-time", computes_without_end());
  report("prctl", ::syscall(SYS_prctl, 4 /* PR_SET_DUMPABLE */, 1, 0, 0, 0) == 0);
  if (!g4::kShadowMemory) report("endless-memory", allocates_without_end());
}

bool hide_landlock() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  const bool hidden =
      filter != nullptr &&
      seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0) == 0 &&
      seccomp_load(filter) == 0;
  seccomp_release(filter);
  return hidden;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "without-landlock" && !hide_landlock()) return 4;
  if (argc > 2) {
    ::execv(argv[2], argv + 2);
    return 5;
  }
  if (!g4::decode::start_libraries(argv[0])) return 2;
  const auto landlock = g4::decode::enter_sandbox({.cpu_seconds = mode == "spin" ? 1u : 2u});
  if (!landlock) return 3;
  for (volatile bool spin = mode == "spin"; spin;) {
  }
  try_everything();
  report("landlock", *landlock == g4::decode::Landlock::kMissing);
  ::_exit(0);  // as the decoder ends: no leak checker, which would need another process
}
