#include "decode/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <initializer_list>

#include "base/sanitizers.h"

namespace g4::decode {
namespace {

Error failed(const char* what, int error) {
  return Error{fmt::format("cannot lock the decoder in: {}: {}", what, std::strerror(error))};
}

Status limit(__rlimit_resource resource, const rlimit& values, const char* name) {
  if (::setrlimit(resource, &values) != 0) return failed(name, errno);
  return {};
}

Status set_limits(const SandboxLimits& limits) {
  struct Row {
    __rlimit_resource resource;
    rlimit values;
    const char* name;
  };
  // SIGXCPU, by which the client tells that it was too slow, comes only if SIGKILL does not come at
  // the same moment.
  const rlimit cpu{limits.cpu_seconds, limits.cpu_seconds + 1};
  // Descriptors 0 to 2 are open. No RLIMIT_NPROC: it counts a user's processes everywhere.
  for (const Row& row :
       {Row{RLIMIT_CPU, cpu, "RLIMIT_CPU"}, Row{RLIMIT_NOFILE, {3, 3}, "RLIMIT_NOFILE"},
        Row{RLIMIT_CORE, {0, 0}, "RLIMIT_CORE"}, Row{RLIMIT_FSIZE, {0, 0}, "RLIMIT_FSIZE"}})
    if (Status status = limit(row.resource, row.values, row.name); !status) return status;
  if (kShadowMemory) return {};
  return limit(RLIMIT_AS, {limits.memory_bytes, limits.memory_bytes}, "RLIMIT_AS");
}

// Where memory runs out, the decoder is what may go: whoever started it has a model to lose. A
// wish; there may be no /proc.
void offer_to_die_first() {
  const int file = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = ::write(file, "1000", 4);
  ::close(file);
}

// <linux/landlock.h> of Debian 12 knows rights up to version 2; these grow with the kernel's
// version.
struct LandlockRules {
  std::uint64_t file_rights;
  std::uint64_t net_rights;  // since version 4
  std::uint64_t scoped;      // since version 6: abstract sockets, signals
};
constexpr std::array<int, 6> kFileRights{0, 13, 14, 15, 15, 16};  // bits by version

Result<Landlock> forbid_files() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1 /* version */);
  if (version < 1) return Landlock::kMissing;
  const int bits = kFileRights[static_cast<std::size_t>(version < 5 ? version : 5)];
  const LandlockRules rules{(std::uint64_t{1} << bits) - 1, version >= 4 ? 3u : 0u,
                            version >= 6 ? 3u : 0u};
  const std::size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  const long ruleset = ::syscall(SYS_landlock_create_ruleset, &rules, size, 0);
  if (ruleset < 0) return failed("Landlock", errno);
  const long done = ::syscall(SYS_landlock_restrict_self, ruleset, 0);
  const int error = errno;
  ::close(static_cast<int>(ruleset));
  if (done != 0) return failed("Landlock", error);
  return Landlock::kOn;
}

// The calls of a program that reads and writes open descriptors, allocates and computes.
constexpr std::initializer_list<int> kAllowed{SCMP_SYS(read),
                                              SCMP_SYS(write),
                                              SCMP_SYS(readv),
                                              SCMP_SYS(writev),
                                              SCMP_SYS(close),
                                              SCMP_SYS(lseek),
                                              SCMP_SYS(fstat),
                                              SCMP_SYS(munmap),
                                              SCMP_SYS(mremap),
                                              SCMP_SYS(brk),
                                              SCMP_SYS(madvise),
                                              SCMP_SYS(futex),
                                              SCMP_SYS(clock_gettime),
                                              SCMP_SYS(clock_nanosleep),
                                              SCMP_SYS(nanosleep),
                                              SCMP_SYS(gettimeofday),
                                              SCMP_SYS(getrandom),
                                              SCMP_SYS(sched_yield),
                                              SCMP_SYS(alarm),
                                              SCMP_SYS(dup2),
                                              SCMP_SYS(poll),
                                              SCMP_SYS(ppoll),
                                              SCMP_SYS(getpid),
                                              SCMP_SYS(gettid),
                                              SCMP_SYS(getrusage),
                                              SCMP_SYS(sysinfo),
                                              SCMP_SYS(uname),
                                              SCMP_SYS(rt_sigaction),
                                              SCMP_SYS(rt_sigprocmask),
                                              SCMP_SYS(rt_sigreturn),
                                              SCMP_SYS(sigaltstack),
                                              SCMP_SYS(sched_getaffinity),
                                              SCMP_SYS(exit),
                                              SCMP_SYS(exit_group),
                                              SCMP_SYS(restart_syscall),
                                              SCMP_SYS(getrlimit),
                                              SCMP_SYS(set_robust_list),
                                              SCMP_SYS(rseq)};

int add_rules(scmp_filter_ctx filter) {
  for (const int call : kAllowed)
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0)) return error;
  // Memory, but none that can be executed.
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                                           SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)))
      return error;
  // Threads, which libvips cannot do without, but no processes. The flags of clone3 lie in memory,
  // where no filter sees them; without it glibc turns to clone.
  if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                         SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)))
    return error;
  if (const int error = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0))
    return error;
  // abort() signals its own thread; nobody else may be signalled, and with nothing else.
  const scmp_arg_cmp abort[]{{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0},
                             {2, SCMP_CMP_EQ, SIGABRT, 0}};
  return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2, abort);
}

Status forbid_calls() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
  if (filter == nullptr) return failed("seccomp", ENOMEM);
  int error = add_rules(filter);
  if (error == 0) error = seccomp_load(filter);
  seccomp_release(filter);
  if (error != 0) return failed("seccomp", -error);
  return {};
}

}  // namespace

Result<Landlock> enter_sandbox(const SandboxLimits& limits) {
  offer_to_die_first();
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("dumpable", errno);
  // A write to a file then fails instead of killing: stderr may be one.
  ::signal(SIGXFSZ, SIG_IGN);
  auto landlock = forbid_files();
  if (!landlock) return landlock;
  if (Status status = set_limits(limits); !status) return std::move(status).error();
  if (Status status = forbid_calls(); !status) return std::move(status).error();
  return landlock;
}

}  // namespace g4::decode
