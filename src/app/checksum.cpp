#include "app/checksum.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

namespace g4::app {
namespace {

constexpr std::size_t kReadBytes = 1 << 20;

class File {
 public:
  explicit File(const std::filesystem::path& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

std::optional<Checksum> parse_checksum(std::string_view text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  if (text.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  if (text.size() == 64) return Checksum{Checksum::Kind::kSha256, std::string(text)};
  if (text.size() == 40) return Checksum{Checksum::Kind::kGitBlob, std::string(text)};
  return std::nullopt;
}

Result<Checksum> checksum_of_file(const std::filesystem::path& path, Checksum::Kind kind,
                                  Progress* progress) {
  const File file(path);
  struct stat info{};
  if (file.descriptor() < 0 || ::fstat(file.descriptor(), &info) != 0)
    return Error{fmt::format("cannot read {}: {}", path.string(), std::strerror(errno))};

  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> digest(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
  EVP_DigestInit_ex(digest.get(), kind == Checksum::Kind::kSha256 ? EVP_sha256() : EVP_sha1(),
                    nullptr);
  if (kind == Checksum::Kind::kGitBlob) {
    const std::string header = fmt::format("blob {}", info.st_size);
    EVP_DigestUpdate(digest.get(), header.c_str(), header.size() + 1);  // with its NUL
  }
  std::vector<char> buffer(kReadBytes);
  for (;;) {
    const ssize_t n = ::read(file.descriptor(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error{fmt::format("cannot read {}: {}", path.string(), std::strerror(errno))};
    if (n == 0) break;
    EVP_DigestUpdate(digest.get(), buffer.data(), static_cast<std::size_t>(n));
    if (progress != nullptr) progress->advance(static_cast<std::uint64_t>(n));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  EVP_DigestFinal_ex(digest.get(), bytes.data(), &size);
  Checksum sum{kind, {}};
  for (unsigned i = 0; i < size; ++i) sum.hex += fmt::format("{:02x}", bytes[i]);
  return sum;
}

}  // namespace g4::app
