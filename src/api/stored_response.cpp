#include "api/stored_response.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "chat/json_members.h"

namespace g4::api {
namespace json = boost::json;
namespace {

constexpr std::size_t kPageMax = 100;

std::string_view id_of(const json::value& item) {
  const json::value* id = item.is_object() ? item.get_object().if_contains("id") : nullptr;
  return id && id->is_string() ? std::string_view(id->get_string()) : std::string_view();
}

void append(json::array& list, const std::string& items) {
  json::value parsed = chat::json_members::read_json(items).value();
  for (json::value& item : parsed.get_array()) list.push_back(std::move(item));
}

}  // namespace

std::string response_id(std::string_view key) { return fmt::format("resp_{}", key); }

std::string item_id(std::string_view kind, std::string_view key, std::string_view name) {
  return fmt::format("{}_{}_{}", kind, key, name);
}

std::optional<json::value> find_item(std::string_view id, const FindResponse& find) {
  const std::size_t first = id.find('_'), last = id.rfind('_');
  if (first == std::string_view::npos || last == first) return std::nullopt;
  const auto response = find(response_id(id.substr(first + 1, last - first - 1)));
  if (!response) return std::nullopt;
  json::array items;
  append(items, response->turn->input);
  append(items, response->turn->output);
  for (json::value& item : items)
    if (id_of(item) == id) return std::move(item);
  return std::nullopt;
}

ApiError no_such_response(std::string_view id) {
  return {404,
          fmt::format("there is no response \"{}\": it was not stored, was deleted, or was "
                      "forgotten for newer ones",
                      id),
          "response_id", "not_found"};
}

Parsed<ItemPage> read_item_page(const ItemPageQuery& query) {
  ItemPage page;
  if (query.limit) {
    const char* end = query.limit->data() + query.limit->size();
    const auto [read, bad] = std::from_chars(query.limit->data(), end, page.limit);
    if (bad != std::errc() || read != end || page.limit < 1 || page.limit > kPageMax)
      return invalid("limit",
                     fmt::format("\"limit\" should be a whole number from 1 to {}", kPageMax));
  }
  if (query.order && *query.order != "asc" && *query.order != "desc")
    return invalid("order", "\"order\" should be asc or desc");
  page.newest_first = query.order != "asc";
  page.after = query.after.value_or("");
  return page;
}

Parsed<std::string> input_items(const StoredResponse& response, const ItemPage& page) {
  json::array items;
  for (const auto& turn : response.earlier) {
    append(items, turn->input);
    append(items, turn->output);
  }
  append(items, response.turn->input);
  if (page.newest_first) std::reverse(items.begin(), items.end());
  auto first = items.begin();
  if (!page.after.empty()) {
    first = std::ranges::find(items, std::string_view(page.after), id_of);
    if (first == items.end())
      return invalid("after", fmt::format("\"after\": there is no item \"{}\"", page.after));
    ++first;
  }
  const auto count =
      std::min<std::ptrdiff_t>(items.end() - first, static_cast<std::ptrdiff_t>(page.limit));
  json::object body;
  body["object"] = "list";
  body["first_id"] = count ? json::value(id_of(*first)) : json::value();
  body["last_id"] = count ? json::value(id_of(*(first + count - 1))) : json::value();
  body["has_more"] = items.end() - first > count;
  body["data"] = json::array(first, first + count);
  return to_json(body);
}

ApiError cannot_cancel(std::string_view id) {
  return invalid("response_id",
                 fmt::format("\"{}\" is complete: only responses made in the background can be "
                             "cancelled. To end one while it is made close its connection",
                             id));
}

std::string deleted_response(std::string_view id) {
  return to_json(json::object{{"id", id}, {"object", "response"}, {"deleted", true}});
}

}  // namespace g4::api
