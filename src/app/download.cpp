#include "app/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <thread>

namespace g4::app {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

std::string why() { return std::strerror(errno); }

std::optional<std::uint64_t> header_number(const HttpAnswer& answer, std::string_view name) {
  const auto found = answer.headers.find(name);
  if (found == answer.headers.end()) return std::nullopt;
  std::uint64_t value = 0;
  const std::string& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "bytes 100-199/200" -> 100
std::optional<std::uint64_t> range_start(const HttpAnswer& answer) {
  const auto found = answer.headers.find("content-range");
  if (found == answer.headers.end() || !found->second.starts_with("bytes ")) return std::nullopt;
  std::uint64_t value = 0;
  const char* begin = found->second.data() + 6;
  const auto [end, error] =
      std::from_chars(begin, found->second.data() + found->second.size(), value);
  if (error != std::errc() || *end != '-') return std::nullopt;
  return value;
}

bool may_pass(const HttpAnswer& answer) {
  if (answer.status == 0 || !answer.failure.empty()) return answer.can_retry;
  return answer.status == 408 || answer.status == 429 || answer.status >= 500;
}

// Counts failures in a row and sleeps between them.
class Patience {
 public:
  explicit Patience(const RetryOptions& options) : options_(options) {}

  void progressed() { failures_ = 0; }

  // Sleeps and returns nothing, or says why it is time to give up.
  std::optional<std::string> wait(const HttpAnswer& answer) {
    if (!may_pass(answer)) return "";
    if (++failures_ >= options_.attempts_max) return fmt::format("; tried {} times", failures_);
    milliseconds pause = options_.pause_first * (1U << std::min(failures_ - 1, 16U));
    pause = std::min<milliseconds>(pause, options_.pause_max);
    if (const auto asked = header_number(answer, "retry-after");
        asked && answer.status != 200 && answer.status != 206) {
      if (*asked > static_cast<std::uint64_t>(options_.pause_max.count()))
        return fmt::format("; it asks for a pause of {}",
                           format_duration(static_cast<double>(*asked)));
      pause = std::max(pause, milliseconds(1000 * *asked));
    }
    std::this_thread::sleep_for(pause);
    return std::nullopt;
  }

 private:
  const RetryOptions& options_;
  std::uint32_t failures_ = 0;
};

// DESTINATION.part, open and locked; bytes are only ever added at its end.
class PartFile {
 public:
  static Result<PartFile> open(const fs::path& path, std::uint64_t bytes_max) {
    PartFile part(path);
    part.descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (part.descriptor_ < 0)
      return Error{fmt::format("cannot write {}: {}", path.string(), why())};
    if (::flock(part.descriptor_, LOCK_EX | LOCK_NB) != 0)
      return Error{fmt::format("{} is being written by another gemma4", path.string())};
    const off_t end = ::lseek(part.descriptor_, 0, SEEK_END);
    part.size_ = end < 0 ? 0 : static_cast<std::uint64_t>(end);
    if (part.size_ > bytes_max) {  // of another revision
      if (Status status = part.clear(); !status) return status.error();
    }
    return part;
  }
  PartFile(PartFile&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        size_(other.size_) {}
  ~PartFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  std::uint64_t size() const { return size_; }

  Status clear() {
    if (::ftruncate(descriptor_, 0) != 0)
      return Error{fmt::format("cannot empty {}: {}", path_.string(), why())};
    size_ = 0;
    return {};
  }

  Status append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Error{fmt::format("cannot write {}: {}", path_.string(), why())};
      bytes.remove_prefix(static_cast<std::size_t>(n));
      size_ += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Status sync() {
    if (::fsync(descriptor_) != 0)
      return Error{fmt::format("cannot write {}: {}", path_.string(), why())};
    return {};
  }

 private:
  explicit PartFile(fs::path path) : path_(std::move(path)) {}

  fs::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// One GET of what is missing. Learns the checksum if the listing had none.
Result<HttpAnswer> fetch_rest(HttpClient& client, const Download& file, PartFile& part,
                              std::optional<Checksum>& checksum, Progress& progress) {
  bool wanted = false;
  const auto on_start = [&](const HttpAnswer& answer) -> Status {
    wanted = answer.status == 200 || answer.status == 206;
    if (!wanted) return {};
    if (!checksum) {
      for (const char* name : {"x-linked-etag", "etag"}) {
        const auto found = answer.headers.find(name);
        if (!checksum && found != answer.headers.end()) checksum = parse_checksum(found->second);
      }
    }
    const std::uint64_t start = answer.status == 206 ? range_start(answer).value_or(~0ULL) : 0;
    if (start == part.size()) return {};
    if (start != 0)
      return Error{
          fmt::format("{}: asked for bytes from {} on, got others", file.label, part.size())};
    progress.set_done(0);  // the server sends the whole file again
    return part.clear();
  };
  const auto on_body = [&](std::string_view bytes) -> Status {
    if (!wanted) return {};
    if (part.size() + bytes.size() > file.bytes)
      return Error{
          fmt::format("{}: more than the {} bytes that the listing says", file.label, file.bytes)};
    progress.advance(bytes.size());
    return part.append(bytes);
  };
  return client.get({.url = file.url,
                     .bearer = file.bearer,
                     .offset = part.size(),
                     .body_bytes_max = file.bytes + (1U << 20)},  // or an error's text
                    on_start, on_body);
}

Status fetch_all(HttpClient& client, const Download& file, const RetryOptions& options,
                 const Explain& explain, PartFile& part, std::optional<Checksum>& checksum) {
  Progress progress(file.label, file.bytes,
                    {.style = options.progress, .done_before = part.size()});
  Patience patience(options);
  while (part.size() < file.bytes || file.bytes == 0) {
    const std::uint64_t before = part.size();
    HttpAnswer answer = G4_TRY(fetch_rest(client, file, part, checksum, progress));
    const bool good = answer.status == 200 || answer.status == 206;
    if (good && part.size() == file.bytes) break;
    if (good && answer.failure.empty()) {
      answer.failure = fmt::format("it ended after {} of {} bytes", part.size(), file.bytes);
      answer.can_retry = true;
    }
    if (answer.status == 416) {  // the part is not a beginning of this file
      if (Status status = part.clear(); !status) return status;
      progress.set_done(0);
      answer.failure = "the resumed part did not fit";
      answer.can_retry = true;
    }
    if (part.size() > before) patience.progressed();
    if (const auto give_up = patience.wait(answer)) {
      const std::string reason = answer.failure.empty() ? explain(answer) : answer.failure;
      return Error{fmt::format("{}: {}{}", file.label, reason, *give_up)};
    }
  }
  return part.sync();
}

}  // namespace

std::filesystem::path part_path(const fs::path& destination) {
  fs::path part = destination;
  part += ".part";
  return part;
}

Result<bool> is_whole(const fs::path& path, std::uint64_t bytes,
                      const std::optional<Checksum>& checksum, Progress* progress) {
  std::error_code error;
  if (fs::file_size(path, error) != bytes || error) return false;
  if (!checksum) return true;
  return G4_TRY(checksum_of_file(path, checksum->kind, progress)) == *checksum;
}

Status check_space(const fs::path& folder, std::uint64_t bytes) {
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0)
    return Error{fmt::format("cannot ask how much space {} has: {}", folder.string(), why())};
  const std::uint64_t free = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (bytes <= free) return {};
  return Error{
      fmt::format("{} more are needed, but the disk of {} has {} free; make room, or set "
                  "G4_MODELS to a folder on another disk",
                  format_bytes(bytes), folder.string(), format_bytes(free))};
}

Result<std::string> fetch_text(HttpClient& client, const HttpGet& request,
                               const RetryOptions& options, const Explain& explain) {
  Patience patience(options);
  std::string body;
  for (;;) {
    const HttpAnswer answer = G4_TRY(client.get_text(request, body));
    if (answer.status == 200 && answer.failure.empty()) return body;
    if (const auto give_up = patience.wait(answer)) {
      const std::string reason = answer.failure.empty() ? explain(answer) : answer.failure;
      return Error{reason + *give_up};
    }
  }
}

Status download(HttpClient& client, const Download& file, const RetryOptions& options,
                const Explain& explain) {
  std::error_code error;
  fs::create_directories(file.destination.parent_path(), error);
  if (error)
    return Error{fmt::format("cannot make the folder {}: {}",
                             file.destination.parent_path().string(), error.message())};
  const fs::path part = part_path(file.destination);
  PartFile bytes = G4_TRY(PartFile::open(part, file.bytes));
  std::optional<Checksum> checksum = file.checksum;
  if (Status status = fetch_all(client, file, options, explain, bytes, checksum); !status)
    return status;

  Progress progress("checking " + file.label, file.bytes, {.style = options.progress});
  if (!G4_TRY(is_whole(part, file.bytes, checksum, &progress))) {
    fs::remove(part, error);
    return Error{
        fmt::format("{}: the bytes received do not have the checksum {} of the listing; "
                    "they were deleted, try again",
                    file.label, checksum ? checksum->hex : "")};
  }
  fs::rename(part, file.destination, error);
  if (error)
    return Error{fmt::format("cannot move {} into place: {}", part.string(), error.message())};
  return {};
}

}  // namespace g4::app
