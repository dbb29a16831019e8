// What the Responses API keeps of an answer: the response object itself, and the items that a later
// request goes on from. Where it is kept is not this room's.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/fields.h"

namespace g4::api {

// One request and its answer: JSON arrays of items. Shared by all responses that went on from it.
struct ResponseTurn {
  std::string input, output;
};
using ResponseTurns = std::vector<std::shared_ptr<const ResponseTurn>>;  // oldest first

struct ResponseToStore {
  std::string id;
  std::string body;  // the response object
  ResponseTurns earlier;
  ResponseTurn turn;
};
struct StoredResponse {
  std::string body;
  ResponseTurns earlier;
  std::shared_ptr<const ResponseTurn> turn;
};
// Null: there is none of that id (any more).
using FindResponse = std::function<std::shared_ptr<const StoredResponse>(std::string_view id)>;

// Ids of a response and its items tell each other: resp_KEY, msg_KEY_0.
std::string response_id(std::string_view key);
std::string item_id(std::string_view kind, std::string_view key, std::string_view name);
// The item of that id among those of the response that it belongs to.
std::optional<boost::json::value> find_item(std::string_view id, const FindResponse& find);

ApiError no_such_response(std::string_view id);

// GET /v1/responses/{id}/input_items: the items that the answer was made from, those of earlier
// turns too.
struct ItemPage {
  std::size_t limit = 20;
  bool newest_first = true;
  std::string after;  // an item's id; empty: from the beginning
};
struct ItemPageQuery {
  std::optional<std::string_view> limit, order, after;
};
Parsed<ItemPage> read_item_page(const ItemPageQuery& query);
Parsed<std::string> input_items(const StoredResponse& response, const ItemPage& page);
// Of one that is to be cancelled: clients wait for every answer, so it is complete by then.
ApiError cannot_cancel(std::string_view id);
// The answer to DELETE.
std::string deleted_response(std::string_view id);

}  // namespace g4::api
