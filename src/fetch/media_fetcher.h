// MediaFetcher: files that a client names by an https address, from hosts that the operator allows.
//
// The address comes from a stranger, so a fetch must not become a way into the networks that this
// machine sees:
//  - Hosts: a list; empty means that nothing is fetched. Redirects are held to it too.
//  - Addresses: a name is resolved once, and each address is judged when a socket for it is opened.
//    Private ones are connected to only if the operator said so: an entry of the list that is such
//    an address, or a network of `private_networks` for hosts that an entry names (not for those
//    that only "*" lets in).
//  - No proxy of the environment, no credentials, no cookies, no referrer. Certificates are
//  checked.
//  - Bounds of bytes, of time with all redirects, of silence.
// Sentences never say which address a name had, nor whether something listened there; at log level
// debug an operator reads why a host was not asked.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "fetch/address.h"
#include "fetch/host_pattern.h"

namespace g4 {

struct MediaFetchPolicy {
  std::vector<HostPattern> hosts{};  // none: fetching is off
  std::vector<Network> private_networks{};
  std::string authorities_pem{};                      // trusted besides the system's
  std::uint64_t bytes_max = std::uint64_t{64} << 20;  // as much as the decoder takes
  std::chrono::milliseconds time_max{30'000};
  std::chrono::seconds stall_max{10};
  int redirects_max = 3;
};

// What is left of a request's own bounds; the policy's hold as well.
struct MediaFetchBounds {
  std::uint64_t bytes_max = UINT64_MAX;
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::stop_token stop{};  // noticed within about a second
};

class MediaFetcher {
 public:
  explicit MediaFetcher(MediaFetchPolicy policy) : policy_(std::move(policy)) {}

  // May the address be asked at all? Touches no network.
  Status check(const std::string& url) const;
  // The file, or a sentence for the client. Blocks; any number of threads at once.
  Result<std::vector<std::byte>> fetch(const std::string& url,
                                       const MediaFetchBounds& bounds = {}) const;

 private:
  const MediaFetchPolicy policy_;
};

}  // namespace g4
