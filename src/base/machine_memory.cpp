#include "base/machine_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string_view>

namespace g4 {

std::uint64_t group_memory_limit(const std::string& mount, std::string group, const char* file) {
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  for (;;) {
    // "max", the limit of a group without one, is not a number and leaves value as it is.
    std::uint64_t value = 0;
    if (std::ifstream(mount + group + "/" + file) >> value) limit = std::min(limit, value);
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return limit;
    group.resize(slash);
  }
}

std::uint64_t machine_memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return 0;
  std::uint64_t bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  // Lines "0::/group" (v2) and "4:memory:/group" (v1).
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t path = line.find(":/");
    if (path == std::string::npos) continue;
    const std::string group = line.substr(path + 1);
    const std::string_view kind = std::string_view(line).substr(0, path);
    if (kind == "0:")
      bytes = std::min(bytes, group_memory_limit("/sys/fs/cgroup", group, "memory.max"));
    if (kind.ends_with(":memory"))
      bytes = std::min(bytes,
                       group_memory_limit("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes"));
  }
  return bytes;
}

}  // namespace g4
