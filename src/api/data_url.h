// data: URLs (RFC 2397). Pure function, any thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace g4::api {

// The bytes of a data: URL, base64 or percent-encoded. Its media type is not believed.
Result<std::vector<std::byte>> read_data_url(std::string_view url);

}  // namespace g4::api
