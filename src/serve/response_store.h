// ResponseStore: the answers of POST /v1/responses that a later request may go on from.
//
// In memory, bounded by number and bytes: the oldest are forgotten, all of them when the program
// ends. A response that others went on from lives on in them when it is deleted or forgotten, and
// its bytes count until the last of them goes.
// Threads: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/stored_response.h"
#include "base/thread_annotations.h"

namespace g4 {

struct ResponseStoreLimits {
  std::size_t count_max = 4096;
  std::size_t bytes_max = std::size_t{128} << 20;
};

class ResponseStore {
 public:
  explicit ResponseStore(ResponseStoreLimits limits = {}) : limits_(limits) {}

  // One that has more bytes than all may have is not kept.
  void put(api::ResponseToStore response) EXCLUDES(mutex_);
  // Null if it is not there.
  std::shared_ptr<const api::StoredResponse> find(std::string_view id) const EXCLUDES(mutex_);
  // False if it is not there.
  bool erase(std::string_view id) EXCLUDES(mutex_);

 private:
  using Kept = std::shared_ptr<const api::StoredResponse>;
  struct Entry {
    std::string id;
    Kept response;
  };
  template <class T>
  std::shared_ptr<const T> counted(T value, std::size_t bytes);

  const ResponseStoreLimits limits_;
  // Of all that is alive, wherever it is held.
  const std::shared_ptr<std::atomic<std::size_t>> bytes_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  mutable Mutex mutex_;
  std::map<std::uint64_t, Entry> by_age_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::uint64_t> ages_ GUARDED_BY(mutex_);
  std::uint64_t next_age_ GUARDED_BY(mutex_) = 0;
};

}  // namespace g4
