#include "api/data_url.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/percent.h"

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

Result<std::vector<std::byte>> from_percent(std::string_view text) {
  const auto decoded = percent_decode(text, Plus::kStays);
  if (!decoded) return Error{"a percent sign in a data: URL is not followed by two digits"};
  const auto* bytes = reinterpret_cast<const std::byte*>(decoded->data());
  return std::vector<std::byte>(bytes, bytes + decoded->size());
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
