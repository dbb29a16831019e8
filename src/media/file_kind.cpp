#include "media/file_kind.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace g4 {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  FileKind kind;
};
constexpr std::array kMagics{
    Magic{"\xFF\xD8\xFF"sv, FileKind::kJpeg}, Magic{"\x89PNG\r\n\x1A\n"sv, FileKind::kPng},
    Magic{"GIF87a"sv, FileKind::kGif},        Magic{"GIF89a"sv, FileKind::kGif},
    Magic{"II*\0"sv, FileKind::kTiff},        Magic{"MM\0*"sv, FileKind::kTiff},
    Magic{"%PDF-"sv, FileKind::kPdf},         Magic{"\x1A\x45\xDF\xA3"sv, FileKind::kMatroska},
};
constexpr std::array kHeifBrands{"avif"sv, "avis"sv, "heic"sv, "heix"sv, "heim"sv, "heis"sv,
                                 "hevc"sv, "hevx"sv, "mif1"sv, "msf1"sv, "miaf"sv};
// QuickTime files of old have no `ftyp` and start with one of these boxes.
constexpr std::array kQuickTimeBoxes{"moov"sv, "mdat"sv, "wide"sv, "free"sv, "skip"sv};

bool among(std::string_view word, std::span<const std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

Result<FileKind> file_kind(std::span<const std::byte> file) {
  if (file.empty()) return Error{"the file is empty"};
  const std::string_view text(reinterpret_cast<const char*>(file.data()),
                              std::min<std::size_t>(file.size(), 16));
  for (const Magic& magic : kMagics)
    if (text.starts_with(magic.bytes)) return magic.kind;
  if (text.size() >= 12) {
    const std::string_view box = text.substr(4, 4), brand = text.substr(8, 4);
    if (text.starts_with("RIFF") && brand == "WEBP") return FileKind::kWebp;
    if (text.starts_with("RIFF") && brand == "AVI ") return FileKind::kAvi;
    if (box == "ftyp") return among(brand, kHeifBrands) ? FileKind::kHeif : FileKind::kMp4;
    if (among(box, kQuickTimeBoxes)) return FileKind::kMp4;
  }
  return Error{
      "this is no file of a known kind: images may be JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC or "
      "PDF, videos MP4, MOV, MKV, WebM, AVI, GIF or WebP"};
}

bool is_picture(FileKind kind) { return kind <= FileKind::kPdf; }

bool is_video(FileKind kind) {
  return kind > FileKind::kPdf || kind == FileKind::kGif || kind == FileKind::kWebp;
}

}  // namespace g4
