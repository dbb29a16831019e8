// HostPattern: an entry of a list of hosts that may be asked. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "fetch/url.h"

namespace g4 {

struct HostPattern {
  enum class Kind {
    kOne,    // example.com, 10.1.2.3, [fd00::1]
    kBelow,  // *.example.com: every name that ends so, but not example.com itself
    kAny,    // *
  };

  Kind kind = Kind::kOne;
  std::string host;  // as Url::host(); of kBelow with its first dot
  std::uint16_t port = 443;

  bool matches(const Url& url) const;
};

// Each may have a ":port". An Error says what to write.
Result<HostPattern> parse_host_pattern(std::string_view text);

// Names of ASCII letters, digits, '-' and '_', and addresses as they are usually written: whatever
// else curl takes, a resolver may read in its own way.
bool is_plain_host(const Url& url);

}  // namespace g4
