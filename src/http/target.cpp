#include "http/target.h"

#include <optional>
#include <utility>

#include "base/percent.h"
#include "base/utf8.h"

namespace g4 {
namespace {

std::vector<std::string_view> pieces(std::string_view text, char separator) {
  std::vector<std::string_view> all;
  for (;;) {
    const std::size_t end = text.find(separator);
    all.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return all;
    text.remove_prefix(end + 1);
  }
}

Result<std::string> decoded_text(std::string_view text, Plus plus) {
  std::optional<std::string> read = percent_decode(text, plus);
  if (!read) return Error{"the request target holds a broken percent sign"};
  std::string& decoded = *read;
  if (decoded.find('\0') != std::string::npos) return Error{"the request target holds a NUL"};
  if (!is_utf8(decoded)) return Error{"the request target is not UTF-8"};
  return std::move(decoded);
}

Result<std::string_view> origin_form(std::string_view target) {
  if (target.starts_with('/')) return target;
  for (std::string_view scheme : {"http://", "https://"}) {
    if (!iequals(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t path = rest.find_first_of("/?");
    if (path == 0 || rest.empty()) return Error{"the request target names no host"};
    return path == std::string_view::npos ? std::string_view() : rest.substr(path);
  }
  return Error{"the request target must be a path or an http URL"};
}

Status add_path(std::string_view path, Target& target) {
  for (std::string_view piece : pieces(path.substr(1), '/')) {
    Result<std::string> segment = decoded_text(piece, Plus::kStays);
    if (!segment) return segment.error();
    if (*segment == "." || *segment == "..") return Error{"the request path holds a dot segment"};
    target.path += '/' + *segment;
    target.segments.push_back(std::move(*segment));
  }
  return {};
}

Status add_query(std::string_view query, Target& target) {
  for (std::string_view piece : pieces(query, '&')) {
    if (piece.empty()) continue;
    const std::size_t equals = piece.find('=');
    const std::string_view raw_value =
        equals == std::string_view::npos ? std::string_view() : piece.substr(equals + 1);
    Result<std::string> name = decoded_text(piece.substr(0, equals), Plus::kIsSpace);
    Result<std::string> value = decoded_text(raw_value, Plus::kIsSpace);
    if (!name) return name.error();
    if (!value) return value.error();
    target.query.push_back({std::move(*name), std::move(*value)});
  }
  return {};
}

}  // namespace

Result<Target> parse_target(std::string_view target) {
  if (target == "*") return Target{"*", {"*"}, {}};
  std::string_view rest = G4_TRY(origin_form(target));
  if (const std::size_t hash = rest.find('#'); hash != std::string_view::npos)
    return Error{"the request target holds a fragment"};
  const std::size_t mark = rest.find('?');
  std::string_view path = rest.substr(0, mark);
  if (path.empty()) path = "/";  // http://host and http://host?query

  Target parsed;
  G4_TRY(add_path(path, parsed));
  if (mark != std::string_view::npos) G4_TRY(add_query(rest.substr(mark + 1), parsed));
  return parsed;
}

}  // namespace g4
