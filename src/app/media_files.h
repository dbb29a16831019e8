// Images and videos that a command line names: flags, and from a file to what the prompt holds.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/message.h"
#include "service/prompt_media.h"

namespace g4::app {

struct MediaFlags {
  std::string image_tokens = "280", video_tokens = "70";  // a budget, or "auto"
  std::optional<std::int32_t> frames;
  std::optional<double> fps, start_seconds, end_seconds;
};
// How closely to look, for `run` and `chat` alike.
void add_media_flags(CLI::App& command, MediaFlags& flags);

struct NamedFile {
  chat::Part::Kind kind;  // kImage or kVideo
  std::string path;
};
// --image and --video, which keep their order.
void add_media_files(CLI::App& command, std::vector<NamedFile>& files);

// Decoded by gemma4-decoder, then prepared.
Result<PromptMedium> read_medium(const NamedFile& file, const MediaFlags& flags);

// "[a.png: 258 tokens; 4000x3000 seen as 912x672]"
std::string description(const NamedFile& file, const PromptMedium& medium);

}  // namespace g4::app
