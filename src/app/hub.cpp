#include "app/hub.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include "app/models_folder.h"

namespace g4::app {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kPublicHub = "https://huggingface.co";
constexpr std::uint64_t kListingBytesMax = 32 << 20;
constexpr std::chrono::seconds kListingTimeMax{60};
constexpr std::uint64_t kFileBytesMax = 1ULL << 50;
constexpr std::size_t kFilesMax = 4096;  // so that sums of sizes stay below 2^62

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

// A word of a repository's name or revision.
bool is_plain_word(std::string_view word) {
  static constexpr std::string_view kOthers = "._-";
  return !word.empty() && word.size() <= 96 && word.front() != '.' &&
         std::all_of(word.begin(), word.end(), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                  kOthers.find(c) != std::string_view::npos;
         });
}

std::string escape_path(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    out += escape_segment(path.substr(0, slash));
    if (slash < path.size()) out += '/';
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return out;
}

std::optional<HubFile> read_entry(const json::object& entry) {
  const json::value* name = entry.if_contains("rfilename");
  if (name == nullptr || !name->is_string()) return std::nullopt;
  HubFile file{.name = std::string(name->as_string()), .bytes = 0, .checksum = std::nullopt};
  file.bytes = entry.at("size").to_number<std::uint64_t>();
  if (file.bytes > kFileBytesMax) throw std::range_error("size");
  if (const json::value* blob = entry.if_contains("blobId"); blob != nullptr && blob->is_string())
    file.checksum = parse_checksum(blob->as_string());
  if (const json::value* lfs = entry.if_contains("lfs"); lfs != nullptr && lfs->is_object()) {
    // Of a large file blobId names its pointer, not its bytes.
    file.checksum.reset();
    const json::value* sum = lfs->as_object().if_contains("sha256");
    if (sum == nullptr) sum = lfs->as_object().if_contains("oid");
    if (sum != nullptr && sum->is_string()) file.checksum = parse_checksum(sum->as_string());
  }
  return file;
}

bool is_gguf(const HubFile& file) {
  const std::string_view base = std::string_view(file.name).substr(file.name.find_last_of('/') + 1);
  return base.ends_with(".gguf") && !base.starts_with("mmproj");  // a projector is no model
}

bool is_model_side_file(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return false;
  return name == "config.json" || name == "generation_config.json" ||
         name.ends_with(".safetensors.index.json") || name.starts_with("chat_template") ||
         (name.starts_with("tokenizer") && name.ends_with(".json"));
}

bool is_top_safetensors(const HubFile& file) {
  return file.name.ends_with(".safetensors") && file.name.find('/') == std::string::npos;
}

struct SplitName {
  std::string stem;
  std::uint32_t parts;
};

// "model-00001-of-00003.gguf" -> {"model", 3}
std::optional<SplitName> split_name(std::string_view name) {
  constexpr std::string_view kPattern = "-00001-of-00003.gguf";
  if (name.size() <= kPattern.size()) return std::nullopt;
  const std::string_view tail = name.substr(name.size() - kPattern.size());
  for (std::size_t i = 0; i < kPattern.size(); ++i) {
    const bool digit = kPattern[i] >= '0' && kPattern[i] <= '9';
    const bool fits = digit ? tail[i] >= '0' && tail[i] <= '9' : tail[i] == kPattern[i];
    if (!fits) return std::nullopt;
  }
  std::uint32_t parts = 0;
  std::from_chars(tail.data() + 10, tail.data() + 15, parts);
  return SplitName{std::string(name.substr(0, name.size() - kPattern.size())), parts};
}

Result<std::vector<HubFile>> all_parts(const HubRef& ref, const HubFile& wanted,
                                       std::span<const HubFile> listing) {
  const std::optional<SplitName> split = split_name(wanted.name);
  if (!split) return std::vector{wanted};
  std::vector<HubFile> parts;
  for (std::uint32_t part = 1; part <= split->parts; ++part) {
    const std::string name = fmt::format("{}-{:05}-of-{:05}.gguf", split->stem, part, split->parts);
    const auto found = std::find_if(listing.begin(), listing.end(),
                                    [&](const HubFile& file) { return file.name == name; });
    if (found == listing.end())
      return Error{fmt::format("{} has no {}, a part of {}", ref.name(), name, wanted.name)};
    parts.push_back(*found);
  }
  return parts;
}

std::string gguf_choices(const HubRef& ref, std::span<const HubFile> models) {
  std::string text = fmt::format("{} has several models; name one:", ref.name());
  for (const HubFile& file : models)
    text += fmt::format("\n  gemma4 pull hf:{}:{}  ({})", ref.name(), file.name,
                        format_bytes(file.bytes));
  return text;
}

// One of each GGUF model; of a split one the first part.
std::vector<HubFile> gguf_models(std::span<const HubFile> listing) {
  std::vector<HubFile> models;
  for (const HubFile& file : listing) {
    if (!is_gguf(file)) continue;
    if (split_name(file.name) && file.name.find("-00001-of-") == std::string::npos) continue;
    models.push_back(file);
  }
  return models;
}

Result<std::vector<HubFile>> choose_named(const HubRef& ref, std::span<const HubFile> listing) {
  const auto found = std::find_if(listing.begin(), listing.end(),
                                  [&](const HubFile& file) { return file.name == ref.file; });
  if (found == listing.end()) {
    std::vector<std::string> names;
    for (const HubFile& file : listing)
      if (is_gguf(file) || is_top_safetensors(file)) names.push_back(file.name);
    return Error{
        fmt::format("{} has no file '{}'; it has {}", ref.name(), ref.file,
                    names.empty() ? "no model files" : fmt::to_string(fmt::join(names, ", ")))};
  }
  std::vector<HubFile> chosen = G4_TRY(all_parts(ref, *found, listing));
  if (is_top_safetensors(*found)) {
    std::copy_if(listing.begin(), listing.end(), std::back_inserter(chosen),
                 [](const HubFile& file) { return is_model_side_file(file.name); });
  }
  return chosen;
}

// The reason codes are those of the hub's X-Error-Code header.
std::string explain(const HubRef& ref, const HubOptions& options, const HttpAnswer& answer) {
  const auto code = answer.headers.find("x-error-code");
  const std::string reason = code == answer.headers.end() ? "" : code->second;
  const std::string page = fmt::format("{}/{}", options.endpoint, ref.name());
  const bool has_token = !options.token.empty();
  if (reason == "GatedRepo" && !has_token)
    return fmt::format(
        "{} is gated: accept its terms at {}, make a token in your account's settings, and set "
        "HF_TOKEN to it",
        ref.name(), page);
  if (reason == "GatedRepo" || answer.status == 403)
    return fmt::format(
        "the hub refuses {} to the account of HF_TOKEN ({}): accept its terms at {}, and give the "
        "token the right to read gated repositories",
        ref.name(), answer.status, page);
  if (reason == "RevisionNotFound")
    return fmt::format("{} has no revision '{}'", ref.name(), ref.revision);
  if (answer.status == 401 && has_token)
    return fmt::format(
        "the hub does not know {} or does not take this HF_TOKEN (401): check the name at {} and "
        "the token",
        ref.name(), page);
  if (answer.status == 401)
    return fmt::format(
        "the hub does not know {} or it is private (401): check the name at {}; for a private one "
        "set HF_TOKEN",
        ref.name(), page);
  if (answer.status == 404) return fmt::format("the hub has no {} (404), see {}", ref.name(), page);
  if (answer.status == 429)
    return fmt::format("the hub asks us to slow down (429){}",
                       has_token ? "" : "; with HF_TOKEN set its limits are higher");
  return fmt::format("the hub answered {} for {}", answer.status, page);
}

// What is not there yet, and how many bytes that is.
struct Missing {
  std::vector<HubFile> files;
  std::uint64_t bytes = 0;
};

Result<Missing> find_missing(std::span<const HubFile> chosen, const fs::path& folder,
                             const RetryOptions& retry) {
  Missing missing;
  for (const HubFile& file : chosen) {
    const fs::path path = folder / file.name;
    Progress progress("checking " + file.name, file.bytes, {.style = retry.progress});
    if (G4_TRY(is_whole(path, file.bytes, file.checksum, &progress))) continue;
    std::error_code error;
    const std::uint64_t there = fs::file_size(part_path(path), error);
    missing.files.push_back(file);
    missing.bytes += file.bytes - (error ? 0 : std::min(there, file.bytes));
  }
  return missing;
}

}  // namespace

HubOptions hub_options_from_environment() {
  HubOptions options;
  options.endpoint = environment("HF_ENDPOINT");
  if (options.endpoint.empty()) options.endpoint = kPublicHub;
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  options.token = environment("HF_TOKEN");
  options.models = models_folder();
  return options;
}

Result<HubRef> parse_hub_ref(std::string_view text) {
  HubRef ref;
  std::string_view rest = text;
  if (const std::size_t colon = rest.find(':'); colon != std::string_view::npos) {
    ref.file = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!is_safe_name(ref.file)) return Error{fmt::format("'{}' is no file name", ref.file)};
  }
  if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
    ref.revision = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_plain_word(ref.revision))
      return Error{fmt::format("'{}' is no revision", ref.revision)};
  }
  const std::size_t slash = rest.find('/');
  if (slash != std::string_view::npos) {
    ref.owner = rest.substr(0, slash);
    ref.repo = rest.substr(slash + 1);
  }
  if (!is_plain_word(ref.owner) || !is_plain_word(ref.repo))
    return Error{fmt::format("'hf:{}' is not of the form hf:owner/repo[@revision][:file]", text)};
  return ref;
}

bool is_safe_name(std::string_view name) {
  if (name.empty() || name.size() > 1024 || name.front() == '/') return false;
  while (true) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.size() > 200) return false;
    for (const char c : part)
      if (static_cast<unsigned char>(c) < 0x20 || c == '\\' || c == 0x7f) return false;
    if (slash == std::string_view::npos) return true;
    name.remove_prefix(slash + 1);
  }
}

Result<std::vector<HubFile>> parse_listing(std::string_view text) {
  boost::system::error_code error;
  const json::value document = json::parse(text, error);
  const json::value* siblings =
      !error && document.is_object() ? document.as_object().if_contains("siblings") : nullptr;
  if (siblings == nullptr || !siblings->is_array())
    return Error{"the hub's answer is not the listing of a repository"};
  std::vector<HubFile> files;
  try {
    for (const json::value& entry : siblings->as_array()) {
      if (!entry.is_object()) continue;
      std::optional<HubFile> file = read_entry(entry.as_object());
      if (file) files.push_back(std::move(*file));
    }
  } catch (const std::exception&) {
    return Error{"the hub's listing holds a file without a sensible size"};
  }
  return files;
}

Result<std::vector<HubFile>> choose_files(const HubRef& ref, std::span<const HubFile> listing) {
  std::vector<HubFile> chosen;
  if (!ref.file.empty()) {
    chosen = G4_TRY(choose_named(ref, listing));
  } else if (std::any_of(listing.begin(), listing.end(), is_top_safetensors)) {
    std::copy_if(listing.begin(), listing.end(), std::back_inserter(chosen),
                 [](const HubFile& file) {
                   return is_top_safetensors(file) || is_model_side_file(file.name);
                 });
  } else {
    const std::vector<HubFile> models = gguf_models(listing);
    if (models.empty())
      return Error{fmt::format("{} has neither safetensors nor GGUF files", ref.name())};
    if (models.size() > 1) return Error{gguf_choices(ref, models)};
    chosen = G4_TRY(all_parts(ref, models.front(), listing));
  }
  if (chosen.size() > kFilesMax)
    return Error{fmt::format("{} has {} model files, at most {} are taken", ref.name(),
                             chosen.size(), kFilesMax)};
  for (const HubFile& file : chosen)
    if (!is_safe_name(file.name))
      return Error{fmt::format("{} lists a file '{}', which would leave the models folder",
                               ref.name(), file.name)};
  return chosen;
}

fs::path pulled_path(const HubRef& ref, std::span<const HubFile> chosen, const fs::path& models) {
  const fs::path folder = models / ref.owner / ref.repo;
  return !chosen.empty() && is_gguf(chosen.front()) ? folder / chosen.front().name : folder;
}

Result<fs::path> pull(const HubRef& ref, const HubOptions& options) {
  HttpClient client;
  const auto explain_answer = [&](const HttpAnswer& answer) {
    return explain(ref, options, answer);
  };
  const std::string listing = G4_TRY(
      fetch_text(client,
                 {.url = fmt::format("{}/api/models/{}/revision/{}?blobs=true", options.endpoint,
                                     ref.name(), escape_segment(ref.revision)),
                  .bearer = options.token,
                  .body_bytes_max = kListingBytesMax,
                  .time_max = kListingTimeMax},
                 options.retry, explain_answer));
  const std::vector<HubFile> files = G4_TRY(parse_listing(listing));
  const std::vector<HubFile> chosen = G4_TRY(choose_files(ref, files));

  const fs::path folder = options.models / ref.owner / ref.repo;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return Error{fmt::format("cannot make the folder {}: {}", folder.string(), error.message())};
  const Missing missing = G4_TRY(find_missing(chosen, folder, options.retry));
  if (Status status = check_space(folder, missing.bytes); !status) return status.error();
  for (const HubFile& file : missing.files) {
    const Status status =
        download(client,
                 {.url = fmt::format("{}/{}/resolve/{}/{}", options.endpoint, ref.name(),
                                     escape_segment(ref.revision), escape_path(file.name)),
                  .bearer = options.token,
                  .destination = folder / file.name,
                  .label = file.name,
                  .bytes = file.bytes,
                  .checksum = file.checksum},
                 options.retry, explain_answer);
    if (!status) return status.error();
  }
  return pulled_path(ref, chosen, options.models);
}

}  // namespace g4::app
