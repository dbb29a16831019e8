// Finds the files of a checkpoint, has them parsed, and reads tensor data from them. Data is read
// with pread into the caller's memory; nothing is mapped.
#include "weights/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <numeric>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "base/machine_memory.h"
#include "weights/gguf.h"
#include "weights/safetensors.h"
#include "weights/source.h"

namespace g4 {
namespace {

namespace fs = std::filesystem;

struct SideFile {
  std::string_view name;
  std::uint64_t bytes_max;
};
// Gemma's tokenizer.json has 33 MB, its tokenizer_config.json up to 1.2 MB.
constexpr SideFile kSideFiles[] = {{"config.json", 1u << 20},
                                   {"generation_config.json", 1u << 20},
                                   {"tokenizer_config.json", 16u << 20},
                                   {"chat_template.jinja", 1u << 20},
                                   {"tokenizer.json", 256u << 20}};

bool is_present(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// "model-00002-of-00003.gguf" -> prefix "model", part 2 of 3.
struct SplitName {
  std::string prefix;
  std::uint32_t part = 0, parts = 0;

  std::string of_part(std::uint32_t i) const {
    return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, i, parts);
  }
};

std::optional<SplitName> parse_split_name(const std::string& path) {
  constexpr std::string_view kPattern = "-00000-of-00000.gguf";
  if (path.size() <= kPattern.size()) return std::nullopt;
  const std::size_t begin = path.size() - kPattern.size();
  std::uint32_t numbers[2] = {0, 0};
  for (std::size_t i = 0; i < kPattern.size(); ++i) {
    const char c = path[begin + i];
    if (kPattern[i] != '0') {
      if (c != kPattern[i]) return std::nullopt;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    std::uint32_t& number = numbers[i < 7 ? 0 : 1];
    number = number * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return SplitName{path.substr(0, begin), numbers[0], numbers[1]};
}

// An unsigned or non-negative key of one part; nullopt if absent or of another type.
std::optional<std::uint64_t> count_of(const MetaMap& metadata, std::string_view key) {
  const auto entry = metadata.find(key);
  if (entry == metadata.end()) return std::nullopt;
  if (const auto* value = std::get_if<std::uint64_t>(&entry->second)) return *value;
  if (const auto* value = std::get_if<std::int64_t>(&entry->second))
    if (*value >= 0) return static_cast<std::uint64_t>(*value);
  return std::nullopt;
}

}  // namespace

struct Checkpoint::Impl {
  Format format = Format::kGguf;
  std::string path;
  std::vector<File> files;
  std::vector<std::string> file_names;
  std::vector<TensorInfo> tensors;
  std::unordered_map<std::string_view, std::size_t> by_name;  // into tensors
  MetaMap metadata;
  std::map<std::string, std::string, std::less<>> side_files;

  Status open_gguf();
  Status add_part(const SplitName& split, std::uint32_t part);
  Status open_folder(const fs::path& folder);
  Status open_index(const fs::path& index);
  Status open_safetensors(const fs::path& file);
  Status read_side_files(const fs::path& folder);
  Result<const File*> file_of(const TensorInfo& tensor, std::uint64_t begin,
                              std::size_t bytes) const;
  Status add_file(File file, std::vector<TensorInfo> found);
};

Status Checkpoint::Impl::add_file(File file, std::vector<TensorInfo> found) {
  const auto index = static_cast<std::uint32_t>(files.size());
  for (TensorInfo& tensor : found) {
    tensor.file = index;
    tensors.push_back(std::move(tensor));
  }
  file_names.push_back(file.name());
  files.push_back(std::move(file));
  return {};
}

Status Checkpoint::Impl::open_gguf() {
  const std::optional<SplitName> split = parse_split_name(path);
  if (split) {
    if (split->parts == 0 || split->parts > kShardsMax || split->part == 0 ||
        split->part > split->parts)
      return Error{fmt::format("{}: part {} of {} is no part of a split file (limit {})", path,
                               split->part, split->parts, kShardsMax)};
    for (std::uint32_t part = 1; part <= split->parts; ++part) G4_TRY(add_part(*split, part));
    if (!metadata.contains("split.tensors.count")) return {};
    const std::optional<std::uint64_t> expected = count_of(metadata, "split.tensors.count");
    if (!expected) return Error{fmt::format("{}: key 'split.tensors.count' is not a count", path)};
    if (*expected != tensors.size())
      return Error{
          fmt::format("{}: key 'split.tensors.count' is {}, but the {} parts have {} tensors", path,
                      *expected, split->parts, tensors.size())};
    return {};
  }
  File file = G4_TRY(File::open(path));
  GgufFile gguf = G4_TRY(parse_gguf(file));
  if (count_of(gguf.metadata, "split.count").value_or(1) > 1)
    return Error{
        fmt::format("{}: one part of a split file; expected a name like "
                    "'...-00001-of-00003.gguf'",
                    path)};
  metadata = std::move(gguf.metadata);
  return add_file(std::move(file), std::move(gguf.tensors));
}

Status Checkpoint::Impl::add_part(const SplitName& split, std::uint32_t part) {
  File file = G4_TRY(File::open(split.of_part(part)));
  GgufFile gguf = G4_TRY(parse_gguf(file));
  const auto number = count_of(gguf.metadata, "split.no");
  const auto count = count_of(gguf.metadata, "split.count");
  const bool single = split.parts == 1 && !count;
  if (!single && (count != split.parts || number != part - 1))
    return Error{
        fmt::format("{}: keys 'split.no' and 'split.count' say {} of {}; expected {} of "
                    "{}, as the file is named",
                    file.name(), number ? std::to_string(*number) : "nothing",
                    count ? std::to_string(*count) : "nothing", part - 1, split.parts)};
  if (part == 1) metadata = std::move(gguf.metadata);  // later parts repeat only split.*
  return add_file(std::move(file), std::move(gguf.tensors));
}

Status Checkpoint::Impl::read_side_files(const fs::path& folder) {
  for (const SideFile& side : kSideFiles) {
    const fs::path file = folder / side.name;
    if (!is_present(file)) continue;
    side_files.emplace(side.name, G4_TRY(read_text(file.string(), side.bytes_max)));
  }
  if (!side_files.contains("config.json"))
    return Error{fmt::format("{}: the folder has no config.json", folder.string())};
  return {};
}

Status Checkpoint::Impl::open_safetensors(const fs::path& path_of_file) {
  File file = G4_TRY(File::open(path_of_file.string()));
  std::vector<TensorInfo> found = G4_TRY(parse_safetensors(file));
  return add_file(std::move(file), std::move(found));
}

Status Checkpoint::Impl::open_index(const fs::path& index) {
  const std::string text = G4_TRY(read_text(index.string(), kSafetensorsIndexBytesMax));
  const ShardMap shard_of = G4_TRY(parse_safetensors_index(index.string(), text));
  std::map<std::string, std::uint32_t> shards;  // name -> index into files
  for (const auto& [tensor, shard] : shard_of) shards.emplace(shard, 0);
  if (shards.size() > kShardsMax)
    return Error{fmt::format("{}: {} files, but at most {} are allowed", index.string(),
                             shards.size(), kShardsMax)};
  for (auto& [shard, number] : shards) {
    number = static_cast<std::uint32_t>(files.size());
    G4_TRY(open_safetensors(index.parent_path() / shard));
  }
  std::unordered_map<std::string_view, std::uint32_t> file_of;
  for (const TensorInfo& tensor : tensors) file_of.emplace(tensor.name, tensor.file);
  for (const auto& [tensor, shard] : shard_of) {
    const auto found = file_of.find(tensor);
    if (found == file_of.end() || found->second != shards[shard])
      return Error{fmt::format("{}: tensor {} is not in {}, where the index places it",
                               index.string(), in_quotes(tensor), in_quotes(shard))};
  }
  return {};
}

Status Checkpoint::Impl::open_folder(const fs::path& folder) {
  G4_TRY(read_side_files(folder));
  const fs::path index = folder / "model.safetensors.index.json";
  if (is_present(index)) return open_index(index);
  const fs::path single = folder / "model.safetensors";
  if (is_present(single)) return open_safetensors(single);
  return Error{
      fmt::format("{}: the folder has neither model.safetensors nor "
                  "model.safetensors.index.json",
                  folder.string())};
}

Result<Checkpoint> Checkpoint::open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  std::error_code ec;
  const fs::file_status status = fs::status(path, ec);
  if (!fs::exists(status)) {
    const bool absent = !ec || ec == std::errc::no_such_file_or_directory;
    return Error{fmt::format("{}: {}", path, absent ? "no such file or folder" : ec.message())};
  }
  if (fs::is_directory(status)) {
    impl->format = Format::kHuggingFace;
    G4_TRY(impl->open_folder(path));
  } else if (path.ends_with(".gguf")) {
    impl->format = Format::kGguf;
    G4_TRY(impl->open_gguf());
  } else if (path.ends_with(".safetensors")) {
    impl->format = Format::kHuggingFace;
    const fs::path folder = fs::path(path).parent_path();
    G4_TRY(impl->read_side_files(folder.empty() ? fs::path(".") : folder));
    G4_TRY(impl->open_safetensors(path));
  } else {
    return Error{
        fmt::format("{}: expected a folder with config.json, a .gguf or a .safetensors "
                    "file",
                    path)};
  }
  for (std::size_t i = 0; i < impl->tensors.size(); ++i) {
    const auto [other, fresh] = impl->by_name.emplace(impl->tensors[i].name, i);
    if (!fresh)
      return Error{fmt::format(
          "{}: tensor {} is also in {}", impl->file_names[impl->tensors[i].file],
          in_quotes(impl->tensors[i].name), impl->file_names[impl->tensors[other->second].file])};
  }
  Checkpoint checkpoint(std::move(impl));
  const std::uint64_t memory = machine_memory_bytes();
  if (memory != 0 && checkpoint.file_bytes() > memory / 2)
    for (File& file : checkpoint.impl_->files) file.bypass_page_cache();
  return checkpoint;
}

Checkpoint::Checkpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

Checkpoint::Format Checkpoint::format() const { return impl_->format; }
const std::string& Checkpoint::path() const { return impl_->path; }
std::span<const std::string> Checkpoint::files() const { return impl_->file_names; }
std::span<const TensorInfo> Checkpoint::tensors() const { return impl_->tensors; }

std::uint64_t Checkpoint::file_bytes() const {
  return std::accumulate(impl_->files.begin(), impl_->files.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const File& file) { return sum + file.size(); });
}

const TensorInfo* Checkpoint::find(std::string_view name) const {
  const auto found = impl_->by_name.find(name);
  return found == impl_->by_name.end() ? nullptr : &impl_->tensors[found->second];
}

const MetaValue* Checkpoint::meta(std::string_view key) const {
  const auto found = impl_->metadata.find(key);
  return found == impl_->metadata.end() ? nullptr : &found->second;
}

std::vector<std::string_view> Checkpoint::meta_keys() const {
  std::vector<std::string_view> keys;
  keys.reserve(impl_->metadata.size());
  for (const auto& [key, value] : impl_->metadata) keys.push_back(key);
  return keys;
}

std::optional<std::string> Checkpoint::side_file(std::string_view name) const {
  const auto found = impl_->side_files.find(name);
  if (found == impl_->side_files.end()) return std::nullopt;
  return found->second;
}

Result<const File*> Checkpoint::Impl::file_of(const TensorInfo& tensor, std::uint64_t begin,
                                              std::size_t bytes) const {
  assert(tensor.file < files.size());
  if (begin > tensor.bytes || bytes > tensor.bytes - begin)
    return Error{fmt::format("{}: tensor {}: bytes {} to {} asked for, but it has {}",
                             file_names[tensor.file], in_quotes(tensor.name), begin, begin + bytes,
                             tensor.bytes)};
  return &files[tensor.file];
}

Status Checkpoint::read(const TensorInfo& tensor, std::uint64_t begin,
                        std::span<std::byte> out) const {
  const File* const file = G4_TRY(impl_->file_of(tensor, begin, out.size()));
  return file->read_at(tensor.offset + begin, out);
}

Result<std::span<const std::byte>> Checkpoint::read_into(const TensorInfo& tensor,
                                                         std::uint64_t begin, std::size_t bytes,
                                                         ReadBuffer& buffer) const {
  const File* const file = G4_TRY(impl_->file_of(tensor, begin, bytes));
  return file->read_into(tensor.offset + begin, bytes, buffer);
}

Result<std::vector<float>> Checkpoint::read_f32(const TensorInfo& tensor) const {
  const DTypeTraits& type = traits(tensor.dtype);
  const std::uint64_t blocks = tensor.bytes / type.block_bytes;
  const std::uint64_t step = (std::uint64_t{4} << 20) / type.block_bytes;  // blocks in one read
  std::vector<float> values(blocks * type.block_elements);
  std::vector<std::byte> bytes(std::min(step, blocks) * type.block_bytes);
  for (std::uint64_t i = 0; i < blocks; i += step) {
    const std::uint64_t count = std::min(step, blocks - i);
    const auto part = std::span(bytes).first(count * type.block_bytes);
    G4_TRY(read(tensor, i * type.block_bytes, part));
    dequantise(tensor.dtype, part.data(), values.data() + i * type.block_elements,
               count * type.block_elements);
  }
  return values;
}

}  // namespace g4
