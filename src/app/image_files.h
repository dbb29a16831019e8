// Images that a command line names: flags, and from a file to what the model reads.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/runner.h"

namespace g4::app {

void add_image_options(CLI::App& command, std::vector<std::string>& files, std::string& tokens);

// Decoded by gemma4-decoder, then prepared. tokens: a budget, or "auto".
Result<std::shared_ptr<const ImageInput>> read_image(const std::string& path,
                                                     const std::string& tokens);

}  // namespace g4::app
