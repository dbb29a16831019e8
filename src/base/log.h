// Logging set-up: spdlog's default logger, on stderr, as text or as one JSON object a line.
//
// Call set_up_log() once in main(), before threads start. Everywhere else use spdlog::info(...) and
// friends. Prompts and answers are never logged: they belong to the user.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

namespace spdlog {
class formatter;
}

namespace g4 {

enum class LogLevel : unsigned char { kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat : unsigned char { kText, kJson };

std::optional<LogLevel> parse_log_level(std::string_view name);  // "debug" ... "off"
void set_up_log(LogLevel level, LogFormat format);
// {"time":"2026-11-24T08:30:00.123Z","level":"info","message":"..."} and a line end.
std::unique_ptr<spdlog::formatter> json_log_formatter();

}  // namespace g4
