// Keys of clients: where they stand in a request, and how they are compared.
#pragma once

#include <optional>
#include <string_view>

#include "http/message.h"

namespace g4 {

// Takes the same time for every pair of texts of the same lengths, wherever they differ.
bool constant_time_equal(std::string_view a, std::string_view b);

// From `Authorization: Bearer KEY` or `Token KEY`, else from `x-api-key`. Absent if there is none
// or it is empty (lm-eval sends an empty bearer). Points into `headers`.
std::optional<std::string_view> client_key(const HttpHeaders& headers);

}  // namespace g4
