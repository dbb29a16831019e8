// Addresses and host patterns: whatever is allowed is https to a plain host of the list, and no
// spelling of an address gets past it. The first line is a pattern, the rest an address.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "fetch/media_fetcher.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace g4;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const std::string address(text.substr(std::min(line + 1, text.size())));
  const Result<HostPattern> pattern = parse_host_pattern(text.substr(0, line));
  if (!pattern) {
    if (pattern.error().message.empty()) std::abort();
    return 0;
  }
  const MediaFetcher fetcher({.hosts = {*pattern}});
  if (!fetcher.check(address)) return 0;
  const Result<Url> url = Url::parse(address);
  if (!url || url->scheme() != "https" || url->has_extras() || url->port() != pattern->port)
    std::abort();
  const std::string& host = url->host();
  if (pattern->kind == HostPattern::Kind::kOne && host != pattern->host) std::abort();
  if (pattern->kind == HostPattern::Kind::kBelow &&
      (!host.ends_with(pattern->host) || url->address()))
    std::abort();
  if (host.find_first_of("\\/@?#% \t\r\n") != std::string::npos) std::abort();
  // Read again from what it was read as, it is the same.
  const Result<Url> again = Url::parse("https://" + host + ":" + std::to_string(url->port()) + "/");
  if (!again || again->host() != host || again->address() != url->address()) std::abort();
  return 0;
}
