// Images in requests: OpenAI's image_url parts, their budgets, and data: URLs.
//
// A request's images are read here as bytes; decoding them is not this room's. Per image the budget
// is, in this order: the part's "max_soft_tokens", its "detail" (low 70, high 1120), the request's
// mm_processor_kwargs.max_soft_tokens (vLLM's), 280.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields.h"
#include "base/result.h"
#include "chat/message.h"
#include "media/budget.h"

namespace g4::api {

struct ImageSource {
  std::string path;  // of the part in the body, for errors: messages[0].content[1]
  std::vector<std::byte> file;
  ImageBudget budget = ImageBudget::k280;
};

inline constexpr std::size_t kImagesMax = 64;  // of one request

// The bytes of a data: URL (RFC 2397), base64 or percent-encoded. Its media type is not believed.
Result<std::vector<std::byte>> read_data_url(std::string_view url);

// Those of all image parts, in the order of the prompt.
Parsed<std::vector<ImageSource>> read_images(Fields& fields,
                                             const std::vector<chat::Message>& messages);

// In each message images come before the words, as the model was trained; both keep their order.
void put_images_first(std::vector<chat::Message>& messages);

}  // namespace g4::api
