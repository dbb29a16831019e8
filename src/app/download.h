// One file from an address to a path: resumed, retried, checked, and in place only when whole.
//
// Bytes gather in DESTINATION.part, which a later call (or a later run) goes on with; a lock on it
// keeps a second gemma4 away. Checked by size and checksum it is renamed to DESTINATION, so what
// stands there is always whole. A part that fails its check is deleted.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "app/checksum.h"
#include "base/progress.h"
#include "base/result.h"
#include "fetch/http_client.h"

namespace g4::app {

struct Download {
  std::string url;
  std::string bearer;
  std::filesystem::path destination;
  std::string label;                 // for progress and sentences
  std::uint64_t bytes = 0;           // as the listing says; a different answer is an error
  std::optional<Checksum> checksum;  // absent: taken from the answer's X-Linked-ETag or ETag
};

struct RetryOptions {
  std::uint32_t attempts_max = 6;               // in a row without a new byte
  std::chrono::milliseconds pause_first{1000};  // doubles each time
  std::chrono::seconds pause_max{60};           // a longer Retry-After is told to the user instead
  Progress::Style progress = Progress::Style::kAuto;
};

// A sentence for an answer that is neither 200 nor 206.
using Explain = std::function<std::string(const HttpAnswer&)>;

// GET of a small document with the same patience.
Result<std::string> fetch_text(HttpClient& client, const HttpGet& request,
                               const RetryOptions& options, const Explain& explain);

Status download(HttpClient& client, const Download& file, const RetryOptions& options,
                const Explain& explain);

// The path that holds the bytes until they are whole.
std::filesystem::path part_path(const std::filesystem::path& destination);

// Is `path` a file of this size with this checksum?
Result<bool> is_whole(const std::filesystem::path& path, std::uint64_t bytes,
                      const std::optional<Checksum>& checksum, Progress* progress);

// An Error with numbers unless `bytes` more fit on the disk of `folder`, which must exist.
Status check_space(const std::filesystem::path& folder, std::uint64_t bytes);

}  // namespace g4::app
