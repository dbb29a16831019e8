#include "serve/ignored.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/json.hpp>

namespace g4 {
namespace {

// The beginning, in whole characters.
std::string_view shortened(std::string_view name) {
  constexpr std::size_t kBytesMax = 64;
  if (name.size() <= kBytesMax) return name;
  std::size_t end = kBytesMax;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  return name.substr(0, end);
}

}  // namespace

void log_ignored(const HttpRequest& request, std::string_view what,
                 std::span<const std::string> names, std::size_t count) {
  if (names.empty() || !spdlog::should_log(spdlog::level::debug)) return;
  constexpr std::size_t kNamesMax = 16;
  boost::json::array shown;
  for (const std::string& name : names.first(std::min(names.size(), kNamesMax)))
    shown.emplace_back(shortened(name));
  spdlog::debug("{}: {} {} and were ignored: {}", request.id, count, what,
                boost::json::serialize(shown));
}

void log_unread(const HttpRequest& request, const api::UnreadFields& unread) {
  log_ignored(request, "fields mean nothing here", unread.names, unread.count);
}

}  // namespace g4
