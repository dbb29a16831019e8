#include "fetch/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

namespace g4 {
namespace {

constexpr int kV4PrefixBits = 96;
constexpr IpAddress::Bytes kV4Prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

IpAddress from_v4(const void* four_bytes) {
  IpAddress::Bytes bytes = kV4Prefix;
  std::memcpy(bytes.data() + 12, four_bytes, 4);
  return IpAddress(bytes);
}

struct Range {
  Network network;
  AddressReach reach;
};

// IANA's registries of special-purpose addresses; the first row that fits counts.
const std::vector<Range>& ranges() {
  using enum AddressReach;
  static const std::vector<Range> all = [] {
    std::vector<Range> rows;
    for (const char* text : {"127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                             "100.64.0.0/10", "198.18.0.0/15", "::1/128", "fc00::/7"})
      rows.push_back({*parse_network(text), kPrivate});
    for (const char* text : {"0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
                             "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
                             "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"})
      rows.push_back({*parse_network(text), kNever});
    for (const char* text : {"0.0.0.0/0", "2000::/3"})
      rows.push_back({*parse_network(text), kPublic});
    rows.push_back({*parse_network("::/0"), kNever});
    return rows;
  }();
  return all;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  in_addr v4{};
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return from_v4(&v4);
  in6_addr v6{};
  if (inet_pton(AF_INET6, copy.c_str(), &v6) != 1) return std::nullopt;
  Bytes bytes;
  std::memcpy(bytes.data(), &v6, bytes.size());
  return IpAddress(bytes);
}

std::optional<IpAddress> IpAddress::of(const sockaddr* address, std::size_t bytes) {
  if (address->sa_family == AF_INET && bytes >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    return from_v4(&v4.sin_addr);
  }
  if (address->sa_family == AF_INET6 && bytes >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    Bytes copy;
    std::memcpy(copy.data(), &v6.sin6_addr, copy.size());
    return IpAddress(copy);
  }
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.begin() + 12, bytes_.begin());
}

std::string IpAddress::text() const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (is_v4()) {
    inet_ntop(AF_INET, bytes_.data() + 12, buffer, sizeof buffer);
  } else {
    inet_ntop(AF_INET6, bytes_.data(), buffer, sizeof buffer);
  }
  return buffer;
}

bool Network::contains(const IpAddress& address) const {
  const auto& a = first.bytes();
  const auto& b = address.bytes();
  const int whole = bits / 8, rest = bits % 8;
  if (!std::equal(a.begin(), a.begin() + whole, b.begin())) return false;
  return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

Result<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto first = IpAddress::parse(text.substr(0, slash));
  const Error wrong{
      fmt::format("'{}' is no network; write an address or e.g. 10.1.0.0/16, fd00::/8", text)};
  if (!first) return wrong;
  const bool v4 = text.find(':') == std::string_view::npos;
  const int prefix = v4 ? kV4PrefixBits : 0;
  if (slash == std::string_view::npos) return Network{*first};
  int bits = 0;
  const char* end = text.data() + text.size();
  const auto [read, error] = std::from_chars(text.data() + slash + 1, end, bits);
  if (error != std::errc() || read != end || bits < 0 || bits > 128 - prefix) return wrong;
  return Network{*first, prefix + bits};
}

AddressReach reach_of(const IpAddress& address) {
  static const Network nat64 = *parse_network("64:ff9b::/96");
  if (nat64.contains(address)) {
    const AddressReach inner = reach_of(from_v4(address.bytes().data() + 12));
    return inner == AddressReach::kPublic ? inner : AddressReach::kNever;
  }
  const auto fits = [&](const Range& range) { return range.network.contains(address); };
  return std::ranges::find_if(ranges(), fits)->reach;
}

Result<Network> parse_private_network(std::string_view text) {
  Network network = G4_TRY(parse_network(text));
  for (const Range& range : ranges())
    if (range.reach == AddressReach::kPrivate && network.bits >= range.network.bits &&
        range.network.contains(network.first))
      return network;
  return Error{fmt::format(
      "{} lies in none of the private networks: 127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, "
      "192.168.0.0/16, 100.64.0.0/10, 198.18.0.0/15, ::1, fc00::/7",
      text)};
}

}  // namespace g4
