#include "fetch/url.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <charconv>

namespace g4 {
namespace {

std::optional<std::string> url_part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) != CURLUE_OK) return std::nullopt;
  std::string copy(text);
  curl_free(text);
  return copy;
}

void to_lower(std::string& text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
}

}  // namespace

void Url::Free::operator()(Curl_URL* handle) const { curl_url_cleanup(handle); }

Result<Url> Url::parse(const std::string& text) {
  if (text.size() > kBytesMax)
    return Error{fmt::format("an address may have at most {} bytes", kBytesMax)};
  Url url;
  url.handle_.reset(curl_url());
  if (!url.handle_ || text.find('\0') != std::string::npos ||
      curl_url_set(url.handle_.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
    return Error{fmt::format("'{}' is no address", text.substr(0, text.find('\0')))};
  CURLU* handle = url.handle_.get();
  url.scheme_ = url_part(handle, CURLUPART_SCHEME).value_or("");
  url.host_ = url_part(handle, CURLUPART_HOST).value_or("");
  to_lower(url.host_);
  if (url.host_.ends_with('.')) url.host_.pop_back();
  const std::string port = url_part(handle, CURLUPART_PORT).value_or("");
  std::from_chars(port.data(), port.data() + port.size(), url.port_);
  for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_ZONEID})
    url.has_extras_ = url.has_extras_ || url_part(handle, part).has_value();
  const bool brackets = url.host_.starts_with('[') && url.host_.ends_with(']');
  url.address_ = IpAddress::parse(brackets ? url.host_.substr(1, url.host_.size() - 2) : url.host_);
  return url;
}

bool Url::same_origin(const Url& other) const {
  return scheme_ == other.scheme_ && host_ == other.host_ && port_ == other.port_;
}

}  // namespace g4
