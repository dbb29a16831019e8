#include "api/images.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <utility>

namespace g4::api {
namespace {

namespace json = boost::json;

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

// A number of the model's budgets, or "auto".
Result<ImageBudget> read_budget(const json::value& value) {
  if (value == "auto") return ImageBudget::kAuto;
  boost::system::error_code bad;
  const auto tokens = value.to_number<std::int64_t>(bad);
  if (bad) return Error{"should be 70, 140, 280, 560, 1120 or \"auto\""};
  return image_budget(tokens);
}

Result<ImageBudget> part_budget(const chat::Part& part, ImageBudget otherwise) {
  if (!part.media.max_soft_tokens.is_null()) return read_budget(part.media.max_soft_tokens);
  if (part.media.detail == "low") return ImageBudget::k70;
  if (part.media.detail == "high") return ImageBudget::k1120;
  if (part.media.detail.empty() || part.media.detail == "auto") return otherwise;
  return Error{
      fmt::format("\"detail\" should be auto, low or high, not \"{}\"", part.media.detail)};
}

std::optional<ApiError> read_image(const chat::Part& part, ImageBudget otherwise,
                                   ImageSource& source) {
  const auto budget = part_budget(part, otherwise);
  if (!budget)
    return invalid(source.path, fmt::format("{}: {}", source.path, budget.error().message));
  source.budget = *budget;
  if (!part.media.url.starts_with("data:"))
    return invalid(source.path,
                   fmt::format("{}: images are taken as data: URLs; this server fetches nothing",
                               source.path));
  auto file = read_data_url(part.media.url);
  if (!file) return invalid(source.path, fmt::format("{}: {}", source.path, file.error().message));
  source.file = std::move(*file);
  return std::nullopt;
}

ImageBudget request_budget(Fields& fields) {
  const json::value* options = fields.find("mm_processor_kwargs");
  if (!options) return ImageBudget::k280;
  const json::value* tokens =
      options->is_object() ? options->get_object().if_contains("max_soft_tokens") : nullptr;
  if (!tokens || options->get_object().size() != 1) {
    fields.fail("mm_processor_kwargs",
                "\"mm_processor_kwargs\" should be an object with \"max_soft_tokens\" alone");
    return ImageBudget::k280;
  }
  const auto budget = read_budget(*tokens);
  if (!budget)
    fields.fail("mm_processor_kwargs.max_soft_tokens",
                fmt::format("\"max_soft_tokens\": {}", budget.error().message));
  return budget ? *budget : ImageBudget::k280;
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

Parsed<std::vector<ImageSource>> read_images(Fields& fields,
                                             const std::vector<chat::Message>& messages) {
  const ImageBudget otherwise = request_budget(fields);
  if (fields.error()) return *fields.error();
  std::vector<ImageSource> sources;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto* parts = std::get_if<std::vector<chat::Part>>(&messages[i].content);
    for (std::size_t j = 0; parts && j < parts->size(); ++j) {
      if ((*parts)[j].kind != chat::Part::Kind::kImage) continue;
      if (sources.size() == kImagesMax)
        return invalid("messages", fmt::format("a request may show at most {} images", kImagesMax));
      ImageSource& source = sources.emplace_back();
      source.path = fmt::format("messages[{}].content[{}]", i, j);
      if (auto error = read_image((*parts)[j], otherwise, source)) return *std::move(error);
    }
  }
  return sources;
}

void put_images_first(std::vector<chat::Message>& messages) {
  for (chat::Message& message : messages) {
    auto* parts = std::get_if<std::vector<chat::Part>>(&message.content);
    if (!parts) continue;
    std::vector<chat::Part> ordered;
    for (const bool images : {true, false})
      for (chat::Part& part : *parts)
        if ((part.kind == chat::Part::Kind::kImage) == images) ordered.push_back(std::move(part));
    *parts = std::move(ordered);
  }
}

}  // namespace g4::api
