// MediaReader: the images and videos of requests, decoded and put into their prompts on threads of
// its own, so that neither the HTTP threads nor the engine wait for a decoder.
//
// Bounded by MediaLimits; what is too much is told 429. Threads: read() from any.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

#include "api/conversation.h"
#include "fetch/media_fetcher.h"
#include "text/tokenizer.h"

namespace g4 {

struct MediaLimits {
  int waiting_max = 64;                                   // requests that are being read
  std::int64_t file_bytes_max = std::int64_t{512} << 20;  // of their files together
  // Of the pictures of all open requests; their last medium may go past it.
  std::int64_t picture_bytes_max = std::int64_t{2} << 30;
  // Media that would fill a context are not decoded to the end.
  std::uint64_t context_tokens_max = 0;
};

class MediaReader {
 public:
  static constexpr int kThreads = 2;
  // What one request may fetch from the web, all its files together.
  static constexpr std::uint64_t kFetchedBytesMax = std::uint64_t{256} << 20;
  static constexpr std::chrono::seconds kFetchTimeMax{60};
  using Done = std::function<void(api::Parsed<api::SeenConversation>)>;

  MediaReader(const Tokenizer& tokenizer, MediaFetchPolicy web, MediaLimits limits)
      : tokenizer_(tokenizer), fetcher_(std::move(web)), limits_(limits), threads_(kThreads) {}
  ~MediaReader() { finish(); }

  // done is called once, at once if there is too much, else on a thread of the reader.
  void read(api::Conversation conversation, Done done);
  // Returns when all that was taken is done; what is being fetched is given up. No read() during or
  // after it.
  void finish();

 private:
  api::Parsed<api::SeenConversation> see(api::Conversation& conversation) const;

  const Tokenizer& tokenizer_;
  const MediaFetcher fetcher_;
  const MediaLimits limits_;
  std::stop_source stop_;
  std::atomic<int> waiting_ = 0;
  std::atomic<std::int64_t> file_bytes_ = 0;
  // Shared with the pictures, which outlive their stay in here.
  const std::shared_ptr<std::atomic<std::int64_t>> picture_bytes_ =
      std::make_shared<std::atomic<std::int64_t>>(0);
  boost::asio::thread_pool threads_;
};

// Looks at the media of the request's conversation, if any; `then` gets the request or an error.
template <class Request, class Then>
void see_media(MediaReader& reader, Request request, Then then) {
  if (request.conversation.media.empty()) return then(std::move(request));
  // A function object must be copyable; what it carries is not small.
  auto shared = std::make_shared<Request>(std::move(request));
  reader.read(std::move(shared->conversation),
              [shared, then](api::Parsed<api::SeenConversation> seen) {
                if (auto* error = std::get_if<api::ApiError>(&seen)) return then(*std::move(error));
                shared->take(std::move(std::get<api::SeenConversation>(seen)));
                then(std::move(*shared));
              });
}

}  // namespace g4
