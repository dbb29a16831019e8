#include "fetch/host_pattern.h"

#include <fmt/format.h>

namespace g4 {
namespace {

constexpr std::size_t kHostBytesMax = 253;  // of a name in DNS
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kNameBytes = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
constexpr std::string_view kPatternBytes =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]";

// 256.1.1.1 or 1.1 or 0x7f.1.: no name of DNS ends in a number, but resolvers take some for IPv4.
bool ends_in_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0
  return last.find_first_not_of(kDigits) == std::string_view::npos || last.starts_with("0x");
}

}  // namespace

bool is_plain_host(const Url& url) {
  if (url.address()) return true;
  const std::string& host = url.host();
  return !host.empty() && host.size() <= kHostBytesMax && !host.starts_with('.') &&
         !host.ends_with('.') && host.find("..") == std::string::npos &&
         host.find_first_not_of(kNameBytes) == std::string::npos && !ends_in_number(host);
}

bool HostPattern::matches(const Url& url) const {
  if (url.port() != port) return false;
  switch (kind) {
    case Kind::kOne:
      return url.host() == host;
    case Kind::kBelow:
      return url.host().size() > host.size() && url.host().ends_with(host);
    case Kind::kAny:
      return true;
  }
  return false;
}

Result<HostPattern> parse_host_pattern(std::string_view text) {
  const Error wrong{fmt::format(
      "'{}' is no host; write example.com, *.example.com, 10.1.2.3, [fd00::1] or *, and a :port "
      "if it is not 443",
      text)};
  HostPattern pattern;
  std::string host(text);
  if (text.starts_with("*.")) {
    pattern.kind = HostPattern::Kind::kBelow;
    host = text.substr(2);
  } else if (text == "*" || text.starts_with("*:")) {
    pattern.kind = HostPattern::Kind::kAny;
    host.replace(0, 1, "any");
  }
  if (host.empty() || host.ends_with(':') ||
      host.find_first_not_of(kPatternBytes) != std::string::npos)
    return wrong;
  const Result<Url> url = Url::parse(fmt::format("https://{}/", host));
  if (!url || !is_plain_host(*url) || url->port() == 0) return wrong;
  pattern.port = url->port();
  if (pattern.kind == HostPattern::Kind::kAny) return pattern;
  if (pattern.kind == HostPattern::Kind::kBelow && url->address()) return wrong;
  if (url->address() && reach_of(*url->address()) == AddressReach::kNever)
    return Error{fmt::format("{} is an address of a kind that is never asked", text)};
  pattern.host = (pattern.kind == HostPattern::Kind::kBelow ? "." : "") + url->host();
  return pattern;
}

}  // namespace g4
