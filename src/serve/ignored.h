// What of a request is ignored, for the log.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "api/fields.h"
#include "http/message.h"

namespace g4 {

// At level debug, as a JSON list of the first few, cut short: the names are the client's and must
// not forge lines of the log. `what`: "fields mean nothing here".
void log_ignored(const HttpRequest& request, std::string_view what,
                 std::span<const std::string> names, std::size_t count);
void log_unread(const HttpRequest& request, const api::UnreadFields& unread);

}  // namespace g4
