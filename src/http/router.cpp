#include "http/router.h"

#include <algorithm>
#include <cassert>

namespace g4 {
namespace {

bool is_rest(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with("...}");
}
bool is_param(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}') && !is_rest(segment);
}

std::vector<std::string> pattern_segments(std::string_view pattern) {
  assert(pattern.starts_with('/'));
  std::vector<std::string> segments(1);
  for (char c : pattern.substr(1)) {
    if (c == '/')
      segments.emplace_back();
    else
      segments.back() += c;
  }
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) assert(!is_rest(segments[i]));
  return segments;
}

std::string joined(const std::vector<std::string>& segments, std::size_t from) {
  std::string text = segments[from];
  for (std::size_t i = from + 1; i < segments.size(); ++i) text += '/' + segments[i];
  return text;
}

bool takes(const std::vector<std::string>& pattern, const std::vector<std::string>& path) {
  if (path.size() < pattern.size()) return false;
  if (path.size() > pattern.size() && !is_rest(pattern.back())) return false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (is_rest(pattern[i])) return true;
    if (is_param(pattern[i]) ? path[i].empty() : path[i] != pattern[i]) return false;
  }
  return true;
}

std::vector<NamedValue> params_of(const std::vector<std::string>& pattern,
                                  const std::vector<std::string>& path) {
  std::vector<NamedValue> params;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string& segment = pattern[i];
    if (is_rest(segment))
      params.push_back({segment.substr(1, segment.size() - 5), joined(path, i)});
    else if (is_param(segment))
      params.push_back({segment.substr(1, segment.size() - 2), path[i]});
  }
  return params;
}

}  // namespace

void Router::add(std::string_view method, std::string_view pattern, HttpHandler handler) {
  Route route{std::string(method), std::string(pattern), pattern_segments(pattern), "",
              std::move(handler)};
  for (const std::string& segment : route.segments)
    route.rank += is_rest(segment) ? '2' : is_param(segment) ? '1' : '0';
  for ([[maybe_unused]] const Route& other : routes_)
    assert(other.method != route.method || other.pattern != route.pattern);
  const auto at = std::upper_bound(routes_.begin(), routes_.end(), route,
                                   [](const Route& a, const Route& b) { return a.rank < b.rank; });
  routes_.insert(at, std::move(route));
}

std::vector<std::string_view> Router::patterns() const {
  std::vector<std::string_view> patterns;
  for (const Route& route : routes_) patterns.push_back(route.pattern);
  return patterns;
}

Router::Match Router::find(std::string_view method,
                           const std::vector<std::string>& segments) const {
  const Route* found = nullptr;
  std::vector<std::string_view> allowed;
  const auto allow = [&](std::string_view one) {
    if (std::find(allowed.begin(), allowed.end(), one) == allowed.end()) allowed.push_back(one);
  };
  for (const Route& route : routes_) {
    if (!takes(route.segments, segments)) continue;
    allow(route.method);
    if (route.method == "GET") allow("HEAD");
    const bool fits = route.method == method || (method == "HEAD" && route.method == "GET");
    if (fits && found == nullptr) found = &route;
  }
  Match match;
  if (found != nullptr) {
    match.handler = &found->handler;
    match.pattern = found->pattern;
    match.params = params_of(found->segments, segments);
    return match;
  }
  match.status = allowed.empty() ? 404 : 405;
  for (std::string_view one : allowed) {
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += one;
  }
  return match;
}

}  // namespace g4
