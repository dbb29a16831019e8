// An address of the web, parsed once by curl's own parser: what we judge is what curl will ask.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "fetch/address.h"

struct Curl_URL;

namespace g4 {

class Url {
 public:
  static constexpr std::size_t kBytesMax = 16 * 1024;

  // Absolute ones only. curl makes plain IPv4 of 0x7f.1, 127.1 and the like.
  static Result<Url> parse(const std::string& text);

  const std::string& scheme() const { return scheme_; }
  // In lower case, without the dot that may end it; IPv6 in brackets.
  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  // If the host is written as one.
  const std::optional<IpAddress>& address() const { return address_; }
  // A user, a password or a zone.
  bool has_extras() const { return has_extras_; }
  bool same_origin(const Url& other) const;

  // For CURLOPT_CURLU.
  Curl_URL* handle() const { return handle_.get(); }

 private:
  struct Free {
    void operator()(Curl_URL* handle) const;
  };

  std::unique_ptr<Curl_URL, Free> handle_;
  std::string scheme_, host_;
  std::uint16_t port_ = 0;
  std::optional<IpAddress> address_;
  bool has_extras_ = false;
};

}  // namespace g4
