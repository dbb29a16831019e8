// Models from a Hugging Face hub: which files a repository needs here, and their download.
//
// `hf:owner/repo[@revision][:file]` -> MODELS/owner/repo/... Address and token of the hub come from
// HF_ENDPOINT and HF_TOKEN as for the hub's own client. Names in listings are foreign: each is
// checked before it becomes a path.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/checksum.h"
#include "app/download.h"
#include "base/result.h"

namespace g4::app {

struct HubRef {
  std::string owner, repo;
  std::string revision = "main";
  std::string file;  // empty: what the model needs

  std::string name() const { return owner + "/" + repo; }
};

struct HubOptions {
  std::string endpoint;
  std::string token;  // empty: none
  std::filesystem::path models;
  RetryOptions retry;
};

struct HubFile {
  std::string name;  // with folders, as in the listing
  std::uint64_t bytes = 0;
  std::optional<Checksum> checksum;
};

HubOptions hub_options_from_environment();

// `text` without its "hf:".
Result<HubRef> parse_hub_ref(std::string_view text);

// The answer of /api/models/REPO/revision/REVISION?blobs=true.
Result<std::vector<HubFile>> parse_listing(std::string_view json);

// What to download: one file (all parts of a split GGUF), or config, tokenizer and safetensors. A
// repository that has GGUF files only gives an Error that lists them, unless there is just one.
Result<std::vector<HubFile>> choose_files(const HubRef& ref, std::span<const HubFile> listing);

// May this name from a listing become a path below the model's folder?
bool is_safe_name(std::string_view name);

// Where pull() puts it: a folder, or the (first) file if a GGUF is chosen.
std::filesystem::path pulled_path(const HubRef& ref, std::span<const HubFile> chosen,
                                  const std::filesystem::path& models);

// Downloads what is missing and returns pulled_path. Files that are there already are checked.
Result<std::filesystem::path> pull(const HubRef& ref, const HubOptions& options);

}  // namespace g4::app
