#include "serve/image_reader.h"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "media/decoder_client.h"
#include "service/image_prompt.h"

namespace g4 {
namespace {

// Decodes the images one after the other: two requests at a time keep two cores busy.
std::optional<api::ApiError> see(api::ChatRequest& request, const Tokenizer& tokenizer) {
  std::vector<std::shared_ptr<const ImageInput>> images;
  for (api::ImageSource& source : request.images) {
    const auto wrong = [&](const Error& error) {
      return api::invalid(source.path, fmt::format("{}: {}", source.path, error.message));
    };
    const Result<RgbImage> image = decode_image(source.file, {}, {});
    if (!image) return wrong(image.error());
    Result<PreparedImage> prepared = prepare_image(*image, source.budget);
    if (!prepared) return wrong(prepared.error());
    images.push_back(make_image_input(*std::move(prepared)));
    source.file = {};
  }
  const auto ids = image_tokens(tokenizer);
  if (!ids) return api::invalid("messages", "this model's vocabulary has no images");
  auto placed = place_images(request.prompt.prompt, images, *ids);
  if (!placed) return api::invalid("messages", placed.error().message);
  request.prompt.prompt = std::move(placed->tokens);
  request.prompt.images = std::move(placed->images);
  request.images.clear();
  return std::nullopt;
}

}  // namespace

void ImageReader::read(api::ChatRequest request, Done done) {
  if (waiting_.fetch_add(1) >= kWaitingMax) {
    --waiting_;
    return done(api::ApiError{429,
                              fmt::format("{} requests with images are waiting to be decoded; no "
                                          "more are taken now",
                                          kWaitingMax),
                              std::nullopt, "queue_full"});
  }
  // A function object of asio must be copyable; what it carries is not small.
  auto shared = std::make_shared<api::ChatRequest>(std::move(request));
  boost::asio::post(threads_, [this, shared, done = std::move(done)] {
    auto error = see(*shared, tokenizer_);
    --waiting_;
    if (error) return done(*std::move(error));
    done(std::move(*shared));
  });
}

void ImageReader::finish() { threads_.join(); }

}  // namespace g4
