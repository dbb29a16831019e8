#include "api/data_url.h"

#include <openssl/evp.h>

#include <algorithm>

namespace g4::api {
namespace {

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

Result<std::vector<std::byte>> from_base64(std::string_view text) {
  const std::size_t padding = text.size() - std::min(text.find('='), text.size());
  const std::string_view digits = text.substr(0, text.size() - padding);
  if (text.size() % 4 != 0 || padding > 2 ||
      text.substr(digits.size()).find_first_not_of('=') != std::string_view::npos ||
      !std::ranges::all_of(digits, is_base64))
    return Error{"the data of a data: URL is not valid base64"};
  std::vector<std::byte> bytes(text.size() / 4 * 3);
  EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                  reinterpret_cast<const unsigned char*>(text.data()),
                  static_cast<int>(text.size()));
  bytes.resize(bytes.size() - padding);
  return bytes;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::vector<std::byte>> from_percent(std::string_view text) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes.push_back(static_cast<std::byte>(text[i]));
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return Error{"a percent sign in a data: URL is not followed by two digits"};
    bytes.push_back(static_cast<std::byte>(high * 16 + low));
    i += 2;
  }
  return bytes;
}

}  // namespace

Result<std::vector<std::byte>> read_data_url(std::string_view url) {
  constexpr std::string_view kScheme = "data:", kBase64 = ";base64";
  const std::size_t comma = url.find(',');
  if (!url.starts_with(kScheme) || comma == std::string_view::npos)
    return Error{"a data: URL should read data:TYPE;base64,DATA"};
  const std::string_view type = url.substr(kScheme.size(), comma - kScheme.size());
  const std::string_view data = url.substr(comma + 1);
  return type.ends_with(kBase64) ? from_base64(data) : from_percent(data);
}

}  // namespace g4::api
