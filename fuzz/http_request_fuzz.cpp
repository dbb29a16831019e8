// Any bytes, cut anywhere, into the acceptance of requests. The first byte says how they are cut.
//
// Held: no crash; the cut does not change the verdict or the requests; what is accepted keeps the
// promises of message.h.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "http/request_reader.h"
#include "http/target.h"

namespace {

using g4::HttpRequest;
using g4::RequestReader;

void require(bool held) {
  if (!held) std::abort();
}

struct Verdict {
  std::vector<HttpRequest> requests;
  int refusal = 0;
};

Verdict read(std::string_view bytes, std::size_t piece_bytes) {
  RequestReader reader({.target_bytes_max = 256, .header_bytes_max = 1024, .body_bytes_max = 2048});
  Verdict verdict;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, piece_bytes);
    reader.append(piece);
    bytes.remove_prefix(piece.size());
    for (;;) {
      const RequestReader::Step step = reader.step();
      if (step == RequestReader::Step::kNeedMore) break;
      if (step == RequestReader::Step::kDone) verdict.requests.push_back(reader.take());
      if (step != RequestReader::Step::kRefused) continue;
      verdict.refusal = reader.refusal().status;
      require(verdict.refusal >= 400 && !reader.refusal().message.empty());
      return verdict;
    }
  }
  return verdict;
}

void check(const HttpRequest& request) {
  require(g4::is_utf8(request.path) && request.path.find('\0') == std::string::npos);
  require(!request.segments.empty() && request.body.size() <= 2048);
  for (const auto& item : request.query) require(g4::is_utf8(item.name) && g4::is_utf8(item.value));
  for (const auto& header : request.headers) require(g4::is_sendable(header));
  require(g4::is_sane_request_id(request.id));
  require(request.headers.count("content-length") + request.headers.count("transfer-encoding") <=
          1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Verdict whole = read(bytes, bytes.size());
  const Verdict cut = read(bytes, 1 + data[0] % 32);
  require(whole.refusal == cut.refusal && whole.requests.size() == cut.requests.size());
  for (std::size_t i = 0; i < whole.requests.size(); ++i) {
    check(whole.requests[i]);
    require(whole.requests[i].target == cut.requests[i].target);
    require(whole.requests[i].body == cut.requests[i].body);
  }
  return 0;
}
