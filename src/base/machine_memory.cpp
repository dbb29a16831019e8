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
    std::uint64_t value = 0;  // "max", the limit of a group without one, is not a number
    if (std::ifstream(mount + group + "/" + file) >> value) limit = std::min(limit, value);
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return limit;
    group.resize(slash);
  }
}

std::uint64_t groups_memory_limit(std::istream& groups, const std::string& mount) {
  std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  for (std::string line; std::getline(groups, line);) {
    const std::size_t path = line.find(":/");
    if (path == std::string::npos) continue;
    const std::string group = line.substr(path + 1);
    const std::string_view kind = std::string_view(line).substr(0, path);
    if (kind == "0:") limit = std::min(limit, group_memory_limit(mount, group, "memory.max"));
    if (kind.ends_with(":memory"))
      limit =
          std::min(limit, group_memory_limit(mount + "/memory", group, "memory.limit_in_bytes"));
  }
  return limit;
}

std::uint64_t machine_memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return 0;
  const std::uint64_t bytes = static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
  std::ifstream groups("/proc/self/cgroup");
  return std::min(bytes, groups_memory_limit(groups, "/sys/fs/cgroup"));
}

}  // namespace g4
