// MediaReader: the images and videos of requests, decoded and put into their prompts on threads of
// its own, so that neither the HTTP threads nor the engine wait for a decoder.
//
// Bounded: at most kWaitingMax requests with media, with kBytesMax of files, are in here at once;
// more are refused. Threads: read() from any.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>

#include "api/chat_completions.h"
#include "text/tokenizer.h"

namespace g4 {

class MediaReader {
 public:
  static constexpr int kThreads = 2;
  static constexpr int kWaitingMax = 64;
  static constexpr std::int64_t kBytesMax = std::int64_t{512} << 20;
  using Done = std::function<void(api::Parsed<api::SeenConversation>)>;

  // Media that would fill a context of `context_tokens_max` are not decoded to the end.
  MediaReader(const Tokenizer& tokenizer, std::uint64_t context_tokens_max)
      : tokenizer_(tokenizer), context_tokens_max_(context_tokens_max), threads_(kThreads) {}
  ~MediaReader() { finish(); }

  // done is called once, at once if there is too much, else on a thread of the reader.
  void read(api::Conversation conversation, Done done);
  // Returns when all that was taken is done. No read() during or after it.
  void finish();

 private:
  api::Parsed<api::SeenConversation> see(api::Conversation& conversation) const;

  const Tokenizer& tokenizer_;
  const std::uint64_t context_tokens_max_;
  std::atomic<int> waiting_ = 0;
  std::atomic<std::int64_t> bytes_ = 0;
  boost::asio::thread_pool threads_;
};

}  // namespace g4
