// Both ends of the decoder's protocol: what is accepted holds to its limits and is written back to
// the very same meaning. The input is a request, then an answer, a picture's mark, and a decoder's
// first words.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "media/decode_protocol.h"
#include "media/file_kind.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

template <std::size_t N>
std::array<std::byte, N> take(const std::uint8_t*& data, std::size_t& size) {
  std::array<std::byte, N> bytes{};
  const std::size_t n = size < N ? size : N;
  std::memcpy(bytes.data(), data, n);
  data += n;
  size -= n;
  return bytes;
}

void check_answer(std::span<const std::byte, g4::kAnswerBytes> bytes,
                  const g4::DecodeRequest& request) {
  const auto answer = g4::read_answer(bytes, request);
  if (!answer) return;
  if (answer->failed)
    return require(answer->sentence_bytes >= 1 && answer->sentence_bytes <= g4::kSentenceBytesMax);
  require(bool(g4::check_image_size(answer->size)));
  require(answer->size.pixels() <= request.limits.pixels_max);
  require(answer->pictures >= 1 && answer->pictures <= g4::kVideoFramesMax);
  require(request.wants_video() || answer->pictures == 1);
  require(!request.wants_video() ||
          answer->size.pixels() * 3 * answer->pictures <= request.limits.video_bytes_max);
  require(bool(g4::read_answer(g4::write_answer(*answer), request)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)g4::file_kind(std::as_bytes(std::span(data, size)));
  auto request = g4::read_request(take<g4::kRequestBytes>(data, size));
  if (request) {
    require(request->file_bytes >= 1 && request->file_bytes <= request->limits.file_bytes_max);
    const auto written = g4::write_request(*request);
    const auto again = g4::read_request(written);
    require(again && g4::write_request(*again) == written);
    if (const auto* video = std::get_if<g4::VideoOptions>(&request->options)) {
      const auto frames =
          g4::sample_frames({request->file_bytes, 25}, *video, request->limits.frames_max);
      if (frames) {
        require(!frames->empty() &&
                frames->size() <= static_cast<std::size_t>(request->limits.frames_max));
        for (std::size_t i = 0; i < frames->size(); ++i)
          require((*frames)[i] < request->file_bytes &&
                  (i == 0 || (*frames)[i] > (*frames)[i - 1]));
      }
    }
  } else {
    request = g4::DecodeRequest{g4::ImageOptions{}, {}, 1};
  }
  check_answer(take<g4::kAnswerBytes>(data, size), *request);
  const auto mark = g4::read_picture_mark(take<g4::kPictureBytes>(data, size));
  require(!mark || mark->index >= 0);
  const auto first_words = take<g4::kReadyBytes>(data, size);
  const auto ready = g4::read_ready(first_words);
  require(!ready || g4::write_ready(*ready) == first_words);
  return 0;
}
