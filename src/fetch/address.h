// IP addresses, and whose they are: the internet's or somebody's own network's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

struct sockaddr;

namespace g4 {

// IPv4 or IPv6. ::ffff:a.b.c.d is the IPv4 address a.b.c.d, because that is what it connects to.
class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;  // IPv4 as ::ffff:a.b.c.d

  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  // "10.1.2.3" or "fd00::1": four decimal numbers, no brackets, no zone.
  static std::optional<IpAddress> parse(std::string_view text);
  // Nothing unless it is of IPv4 or IPv6.
  static std::optional<IpAddress> of(const sockaddr* address, std::size_t bytes);

  const Bytes& bytes() const { return bytes_; }
  bool is_v4() const;
  std::string text() const;
  bool operator==(const IpAddress&) const = default;

 private:
  Bytes bytes_;
};

struct Network {
  IpAddress first;
  int bits = 128;  // of the 16 bytes; an IPv4 /8 has 104

  bool contains(const IpAddress& address) const;
};

// "10.0.0.0/8", "fd00::/8", or an address alone.
Result<Network> parse_network(std::string_view text);

enum class AddressReach {
  kPublic,   // anyone's
  kPrivate,  // this machine's or its organisation's: 127/8, 10/8, 172.16/12, 192.168/16, 100.64/10,
             // 198.18/15, ::1, fc00::/7
  kNever,    // no server of media is there: link-local (with the clouds' metadata), multicast,
             // unspecified, reserved, examples, tunnels that hide an IPv4 address
};

// An IPv4 address behind NAT64 (64:ff9b::/96) is public if it is, else never.
AddressReach reach_of(const IpAddress& address);

// A network all of whose addresses are kPrivate, or why it is not one.
Result<Network> parse_private_network(std::string_view text);

}  // namespace g4
