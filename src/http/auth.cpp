#include "http/auth.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <array>

namespace g4 {
namespace {

// Hashing first makes both sides equally long, so that not even the length of a key shows.
using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;
Digest sha256(std::string_view text) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::string_view> unless_empty(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

bool constant_time_equal(std::string_view a, std::string_view b) {
  const Digest digest_a = sha256(a);
  const Digest digest_b = sha256(b);
  return CRYPTO_memcmp(digest_a.data(), digest_b.data(), digest_a.size()) == 0;
}

std::optional<std::string_view> client_key(const HttpHeaders& headers) {
  if (const auto authorization = headers.find("authorization")) {
    const std::string_view text = trimmed(*authorization);
    for (std::string_view scheme : {"bearer ", "token "})
      if (iequals(text.substr(0, scheme.size()), scheme))
        return unless_empty(trimmed(text.substr(scheme.size())));
  }
  if (const auto key = headers.find("x-api-key")) return unless_empty(trimmed(*key));
  return std::nullopt;
}

}  // namespace g4
