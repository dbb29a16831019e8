// Images and videos in requests: OpenAI's image_url parts, vLLM's video_url, videos given as
// pictures, with their options.
//
// Bytes of data: URLs are read here; fetching and decoding are not this room's. Options stand
// beside the URL: "max_soft_tokens" (70 to 1120 or "auto"); for an image "detail" (low 70, high
// 1120) and "page" (of a PDF or TIFF, from 1); for a video "num_frames", or "fps" with
// "max_frames", and "start" and "end" in seconds. The request's own defaults are vLLM's:
// mm_processor_kwargs. max_soft_tokens for images, media_io_kwargs.video.num_frames and .fps for
// videos.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "api/fields.h"
#include "chat/message.h"
#include "service/prompt_media.h"

namespace g4::api {

// Its bytes; or, if `url` is not empty, where to fetch them.
struct MediaFile {
  std::string url;
  std::vector<std::byte> bytes;
};

struct ImagePart {
  MediaFile file;
  ImageBudget budget = ImageBudget::k280;
  std::int32_t page = 0;
};
struct VideoPart {
  MediaFile file;
  VideoLook look;
};
struct FramesPart {  // a video given as pictures
  std::vector<MediaFile> frames;
  double fps = kFramesPerSecond;
  ImageBudget budget = ImageBudget::k70;
};

struct RequestMedium {
  std::string path;  // of the part in the body, for errors: messages[0].content[1]
  std::variant<ImagePart, VideoPart, FramesPart> part;
};

inline constexpr std::size_t kMediaMax = 64;  // images and videos of one request

// Those of all image and video parts, in the order of the prompt.
Parsed<std::vector<RequestMedium>> read_media(Fields& fields,
                                              const std::vector<chat::Message>& messages);

// In each message media come before the words, as the model was trained; both keep their order.
void put_media_first(std::vector<chat::Message>& messages);

// The "prompt_tokens_details" of an answer: what each medium cost, and whether detail was lost.
// seen[i] is what came of media[i].
boost::json::object media_usage(std::span<const RequestMedium> media,
                                std::span<const PromptMedium> seen);

}  // namespace g4::api
