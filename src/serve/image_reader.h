// ImageReader: the images of chat requests, decoded and put into their prompts on threads of its
// own, so that neither the HTTP threads nor the engine wait for a decoder.
//
// Bounded: at most kWaitingMax requests with images are in here at once; more are refused.
#pragma once

#include <atomic>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <optional>

#include "api/chat_completions.h"
#include "text/tokenizer.h"

namespace g4 {

class ImageReader {
 public:
  static constexpr int kThreads = 2;
  static constexpr int kWaitingMax = 64;
  // The request, its images in the prompt, or why not.
  using Done = std::function<void(api::Parsed<api::ChatRequest>)>;

  explicit ImageReader(const Tokenizer& tokenizer) : tokenizer_(tokenizer), threads_(kThreads) {}
  ~ImageReader() { finish(); }

  // done is called once, at once if there are too many, else on a thread of the reader.
  void read(api::ChatRequest request, Done done);
  // Returns when all that was taken is done. No read() during or after it.
  void finish();

 private:
  const Tokenizer& tokenizer_;
  std::atomic<int> waiting_ = 0;
  boost::asio::thread_pool threads_;
};

}  // namespace g4
