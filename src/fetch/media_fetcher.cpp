#include "fetch/media_fetcher.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "fetch/http_client.h"

namespace g4 {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::string_view kScheme = "https";

// For sentences and the log; of checked URLs only, so that it is short and plain.
std::string shown(const Url& url) {
  return url.port() == 443 ? url.host() : fmt::format("{}:{}", url.host(), url.port());
}

// How a host came to be allowed.
enum class Grant { kNone, kAsAny, kByName };

Grant grant_of(const MediaFetchPolicy& policy, const Url& url) {
  Grant grant = Grant::kNone;
  for (const HostPattern& pattern : policy.hosts) {
    if (!pattern.matches(url)) continue;
    if (pattern.kind != HostPattern::Kind::kAny) return Grant::kByName;
    grant = Grant::kAsAny;
  }
  return grant;
}

Status check_url(const MediaFetchPolicy& policy, const Url& url) {
  if (url.scheme() != kScheme) return Error{fmt::format("only {}: addresses are fetched", kScheme)};
  if (url.has_extras())
    return Error{"addresses with a user name, a password or a zone are not fetched"};
  if (!is_plain_host(url))
    return Error{
        "the host of an address to fetch is a name of ASCII letters, digits, '-' and '.' (of an "
        "international name the xn-- form), or an IP address"};
  if (grant_of(policy, url) != Grant::kNone) return {};
  return Error{fmt::format(
      "this server does not fetch from {}; its operator can allow it with --media-host, or send a "
      "data: URL",
      shown(url))};
}

AddressRule address_rule(const MediaFetchPolicy& policy, const Url& url) {
  const bool named = grant_of(policy, url) == Grant::kByName;
  return [&policy, named, is_address = url.address().has_value(),
          host = shown(url)](const IpAddress& address) {
    const AddressReach reach = reach_of(address);
    if (reach == AddressReach::kPublic) return true;
    const bool open = std::ranges::any_of(
        policy.private_networks, [&](const Network& network) { return network.contains(address); });
    if (reach == AddressReach::kPrivate && named && (is_address || open)) return true;
    spdlog::debug(
        "media: {} is at {}, which {}", host, address.text(),
        reach == AddressReach::kNever ? "is never asked"
        : named                       ? "is private: --media-private would allow it"
                : "is private: --media-host with its name and --media-private would allow it");
    return false;
  };
}

Result<Url> parse_url(const std::string& text) {
  Result<Url> url = Url::parse(text);
  if (url) return url;
  return Error{"it should be an https: address; spaces and the like percent-encoded"};
}

std::string sentence_for(const HttpAnswer& answer, std::string_view place) {
  switch (answer.trouble) {
    case Trouble::kUnreachable:
      return fmt::format("{} cannot be reached", place);
    case Trouble::kUntrusted:
      return fmt::format("{} has no certificate that this server trusts", place);
    case Trouble::kTooSlow:
      return fmt::format("{} took too long", place);
    case Trouble::kNone:
    case Trouble::kBroken:
      break;
  }
  return fmt::format("{} broke off", place);
}

}  // namespace

Status MediaFetcher::check(const std::string& url) const {
  if (policy_.hosts.empty())
    return Error{
        "this server fetches nothing from the web: send a data: URL, or have its operator allow "
        "the host with --media-host"};
  return check_url(policy_, G4_TRY(parse_url(url)));
}

Result<std::vector<std::byte>> MediaFetcher::fetch(const std::string& url,
                                                   const MediaFetchBounds& bounds) const {
  if (Status status = check(url); !status) return status.error();
  const std::string host = shown(G4_TRY(parse_url(url)));
  const auto time = std::min(
      policy_.time_max, std::chrono::duration_cast<milliseconds>(bounds.deadline - Clock::now()));
  if (time.count() <= 0) return Error{fmt::format("no time is left to fetch from {}", host)};

  int hops = 0;
  HttpClient client(
      {.judge = [&](const Url& hop) -> Result<AddressRule> {
         ++hops;
         if (Status status = check_url(policy_, hop); !status) {
           // The other place may be a matter of the inner network: for the log alone.
           spdlog::debug("media: {} redirects elsewhere: {}", host, status.error().message);
           return Error{fmt::format("{} redirects to where this server does not fetch from", host)};
         }
         return address_rule(policy_, hop);
       },
       .redirects_max = policy_.redirects_max,
       .proxy = Proxy::kNone,
       .authorities_pem = policy_.authorities_pem});
  std::vector<std::byte> file;
  const auto on_start = [&](const HttpAnswer& answer) -> Status {
    if (answer.status >= 200 && answer.status < 300) return {};
    return Error{fmt::format("{} answered with status {}", host, answer.status)};
  };
  const auto on_body = [&](std::string_view bytes) -> Status {
    const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
    file.insert(file.end(), data, data + bytes.size());
    return {};
  };
  const auto answer = client.get({.url = url,
                                  .body_bytes_max = std::min(policy_.bytes_max, bounds.bytes_max),
                                  .time_max = time,
                                  .stall_max = policy_.stall_max,
                                  .stop = bounds.stop},
                                 on_start, on_body);
  if (!answer) return answer.error();
  if (answer->trouble != Trouble::kNone)
    return Error{sentence_for(*answer, hops > 1 ? host + " redirects to a place that" : host)};
  return file;
}

}  // namespace g4
