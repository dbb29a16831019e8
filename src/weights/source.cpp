#include "weights/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace g4 {
namespace {

constexpr std::size_t kReadBytesMax = std::size_t{1} << 30;  // pread moves at most 2 GiB at once
constexpr std::size_t kDirectAlignment = 4096;  // of offset, size and memory; no disk wants more
constexpr std::size_t kQuotedBytesMax = 120;

std::string reason(int error) { return std::generic_category().message(error); }

Status check_range(const ByteSource& source, std::uint64_t offset, std::uint64_t bytes) {
  if (offset <= source.size() && bytes <= source.size() - offset) return {};
  return Error{fmt::format("{}: {} bytes at offset {} lie outside the {}-byte file", source.name(),
                           bytes, offset, source.size())};
}

}  // namespace

Status MemorySource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  G4_TRY(check_range(*this, offset, out.size()));
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return {};
}

Result<File> File::open(const std::string& path) {
  // O_NONBLOCK: a named pipe must fail below, not wait here for a writer.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return Error{fmt::format("{}: cannot open: {}", path, reason(errno))};
  File file(path, descriptor, 0);
  struct stat status{};
  if (::fstat(descriptor, &status) != 0)
    return Error{fmt::format("{}: cannot read its size: {}", path, reason(errno))};
  if (!S_ISREG(status.st_mode)) return Error{fmt::format("{}: not a regular file", path)};
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      direct_descriptor_(std::exchange(other.direct_descriptor_, -1)),
      size_(std::exchange(other.size_, 0)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(direct_descriptor_, other.direct_descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

File::~File() {
  for (const int descriptor : {descriptor_, direct_descriptor_})
    if (descriptor >= 0) ::close(descriptor);
}

Status File::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  G4_TRY(check_range(*this, offset, out.size()));
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), std::min(out.size(), kReadBytesMax),
                                static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{fmt::format("{}: read failed: {}", path_, reason(errno))};
    if (got == 0) return Error{fmt::format("{}: the file became shorter while it was open", path_)};
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

bool File::bypass_page_cache() {
  // The file that is open, whatever its path names by now.
  const std::string again = fmt::format("/proc/self/fd/{}", descriptor_);
  if (direct_descriptor_ < 0)
    direct_descriptor_ = ::open(again.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  return direct_descriptor_ >= 0;
}

Result<std::span<const std::byte>> File::read_into(std::uint64_t offset, std::size_t bytes,
                                                   ReadBuffer& buffer) const {
  G4_TRY(check_range(*this, offset, bytes));
  const std::size_t before = offset % kDirectAlignment;
  const std::size_t whole =
      (before + bytes + kDirectAlignment - 1) / kDirectAlignment * kDirectAlignment;
  std::byte* const data = G4_TRY(buffer.reserve(whole));
  if (direct_descriptor_ >= 0 && whole <= kReadBytesMax) {
    const ssize_t got =
        ::pread(direct_descriptor_, data, whole, static_cast<off_t>(offset - before));
    if (got >= 0 && static_cast<std::size_t>(got) >= before + bytes)
      return std::span<const std::byte>(data + before, bytes);
  }
  // Whatever went wrong there, the plain way succeeds or says why.
  G4_TRY(read_at(offset, {data, bytes}));
  return std::span<const std::byte>(data, bytes);
}

Result<std::string> read_text(const std::string& path, std::uint64_t bytes_max) {
  const File file = G4_TRY(File::open(path));
  if (file.size() > bytes_max)
    return Error{
        fmt::format("{}: {} bytes, but at most {} are allowed", path, file.size(), bytes_max)};
  std::string text(file.size(), '\0');
  G4_TRY(file.read_at(0, std::as_writable_bytes(std::span(text))));
  return text;
}

std::string in_quotes(std::string_view name) {
  std::string text = "'";
  for (char c : name.substr(0, kQuotedBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '\'' || c == '\\')
      text += fmt::format("\\x{:02x}", byte);
    else
      text += c;
  }
  return text + (name.size() > kQuotedBytesMax ? "...'" : "'");
}

}  // namespace g4
