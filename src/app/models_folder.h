// Where models live, and what a MODEL argument means.
//
// $G4_MODELS, else $XDG_CACHE_HOME/gemma4/models, else ~/.cache/gemma4/models. MODEL is a path, a
// name of the catalogue, or hf:owner/repo[:file]; the last two must have been pulled before.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace g4::app {

std::filesystem::path models_folder();

// The path to open. An Error says how to get a model that is not there.
Result<std::filesystem::path> find_model(const std::string& argument);

}  // namespace g4::app
