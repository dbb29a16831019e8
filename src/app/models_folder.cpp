#include "app/models_folder.h"

#include <fmt/format.h>

#include <cstdlib>

#include "app/catalogue.h"
#include "app/hub.h"

namespace g4::app {
namespace {

namespace fs = std::filesystem;

Result<fs::path> find_pulled(const std::string& argument) {
  const HubRef ref = G4_TRY(parse_hub_ref(std::string_view(argument).substr(3)));
  const fs::path folder = models_folder() / ref.owner / ref.repo;
  const fs::path path = ref.file.ends_with(".gguf") ? folder / ref.file : folder;
  std::error_code error;
  if (!fs::exists(path, error))
    return Error{fmt::format("{} is not on this machine; run: gemma4 pull {}", argument, argument)};
  if (ref.file.empty() && !fs::exists(folder / "config.json", error)) {
    // A repository with GGUF files only: the one that was pulled.
    std::vector<fs::path> models;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, error))
      if (entry.path().extension() == ".gguf" &&
          (entry.path().string().find("-of-") == std::string::npos ||
           entry.path().string().find("-00001-of-") != std::string::npos))
        models.push_back(entry.path());
    if (models.size() == 1) return models.front();
    return Error{fmt::format("{} holds {} models; name one as {}:FILE", folder.string(),
                             models.size(), argument)};
  }
  return path;
}

}  // namespace

fs::path models_folder() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  if (const std::string own = variable("G4_MODELS"); !own.empty()) return own;
  if (const std::string cache = variable("XDG_CACHE_HOME"); !cache.empty())
    return fs::path(cache) / "gemma4" / "models";
  return fs::path(variable("HOME")) / ".cache" / "gemma4" / "models";
}

Result<fs::path> find_model(const std::string& argument) {
  if (argument.starts_with("hf:")) return find_pulled(argument);
  std::error_code error;
  if (fs::exists(argument, error)) return fs::path(argument);
  if (const CatalogueEntry* entry = find_in_catalogue(argument)) {
    const fs::path path = catalogue_path(*entry, models_folder());
    if (fs::exists(path, error)) return path;
    return Error{fmt::format("{} is not on this machine; run: gemma4 pull {}", argument, argument)};
  }
  return Error{
      fmt::format("there is no file or folder '{}', and no model of that name in the catalogue "
                  "({}); a model of the hub is named hf:owner/repo",
                  argument, catalogue_names())};
}

}  // namespace g4::app
