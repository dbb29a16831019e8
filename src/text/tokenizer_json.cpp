// Reads the tokenizer.json of Hugging Face tokenizers as far as Gemma 3 and 4 use it.
//
// What changes token ids is checked and refused if unknown: normalizer, pre_tokenizer, decoder and
// the options of the model and of added tokens. `truncation`, `padding` and `post_processor` (it
// puts <bos> in front) do not concern plain encoding and are passed over.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "text/merges.h"
#include "text/tokenizer.h"

namespace g4 {
namespace {

namespace json = boost::json;
using Kind = VocabularySource::Kind;

constexpr std::size_t kJsonBytesMax = std::size_t{1} << 28;
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

template <class... Args>
Error refuse(fmt::format_string<Args...> text, Args&&... args) {
  return Error{"tokenizer.json: " + fmt::format(text, std::forward<Args>(args)...)};
}

std::string_view view(const json::string& text) { return {text.data(), text.size()}; }

// Member of an object; null, absent and "not an object" are all nullptr.
const json::value* member(const json::value* of, std::string_view name) {
  const json::object* object = of == nullptr ? nullptr : of->if_object();
  const json::value* found = object == nullptr ? nullptr : object->if_contains(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string_view text_of(const json::value* value) {
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : view(*text);
}

bool is_true(const json::value* value) {
  return value != nullptr && value->is_bool() && value->get_bool();
}

// A Sequence of one counts as its only member.
const json::value* only_of_sequence(const json::value* value, std::string_view list) {
  if (text_of(member(value, "type")) != "Sequence") return value;
  const json::value* items = member(value, list);
  if (items == nullptr || !items->is_array() || items->get_array().size() != 1) return value;
  return &items->get_array().front();
}

bool is_replace(const json::value* value, std::string_view from, std::string_view to) {
  return text_of(member(value, "type")) == "Replace" &&
         text_of(member(member(value, "pattern"), "String")) == from &&
         text_of(member(value, "content")) == to;
}

// Splitting at spaces does nothing, for the normalizer has left none.
bool is_idle_pre_tokenizer(const json::value* value) {
  if (value == nullptr) return true;
  const std::string_view behavior = text_of(member(value, "behavior"));
  return text_of(member(value, "type")) == "Split" &&
         text_of(member(member(value, "pattern"), "String")) == " " &&
         behavior == "MergedWithPrevious" && !is_true(member(value, "invert"));
}

bool is_known_decoder(const json::value* value) {
  const json::value* list = member(value, "decoders");
  if (list == nullptr || !list->is_array() || list->get_array().size() != 3) return false;
  const json::array& steps = list->get_array();
  return text_of(member(value, "type")) == "Sequence" && is_replace(&steps[0], kSpaceMark, " ") &&
         text_of(member(&steps[1], "type")) == "ByteFallback" &&
         text_of(member(&steps[2], "type")) == "Fuse";
}

Status check_kind(const json::value& root) {
  const json::value* model = member(&root, "model");
  if (model == nullptr || !model->is_object()) return refuse("it has no \"model\" object");
  const std::string_view type = text_of(member(model, "type"));
  if (type != "BPE") return refuse("model type \"{}\" is not supported, only \"BPE\"", type);
  if (!is_true(member(model, "byte_fallback")))
    return refuse("\"byte_fallback\" is off; only vocabularies with byte fallback are supported");
  if (is_true(member(model, "ignore_merges")))
    return refuse("\"ignore_merges\" is on, which is not supported");
  for (const std::string_view name : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const json::value* affix = member(model, name);
        affix != nullptr && (!affix->is_string() || !affix->get_string().empty()))
      return refuse("\"{}\" is set, which is not supported", name);
  if (const json::value* dropout = member(model, "dropout");
      dropout != nullptr && !(dropout->is_number() && dropout->to_number<double>() == 0))
    return refuse("\"dropout\" is set, which is not supported");
  if (!is_replace(only_of_sequence(member(&root, "normalizer"), "normalizers"), " ", kSpaceMark))
    return refuse("the normalizer is not the known one: Replace \" \" by \"{}\"", kSpaceMark);
  if (!is_idle_pre_tokenizer(only_of_sequence(member(&root, "pre_tokenizer"), "pretokenizers")))
    return refuse("the pre-tokenizer is not the known one: Split at \" \", MergedWithPrevious");
  if (const json::value* decoder = member(&root, "decoder");
      decoder != nullptr && !is_known_decoder(decoder))
    return refuse("the decoder is not the known one: Replace \"{}\" by \" \", ByteFallback, Fuse",
                  kSpaceMark);
  return {};
}

Result<TokenId> token_id(const json::value* value, std::string_view spelling) {
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0 ||
      value->get_int64() >= static_cast<std::int64_t>(MergeTable::kTokensMax))
    return refuse("the id of token \"{}\" is not a number from 0 to {}", spelling,
                  MergeTable::kTokensMax - 1);
  return static_cast<TokenId>(value->get_int64());
}

// Gives `id` its spelling; ids may come in any order.
Status place(VocabularySource& source, TokenId id, std::string_view spelling, Kind kind) {
  const auto at = static_cast<std::size_t>(id);
  if (at >= source.tokens.size()) {
    source.tokens.resize(at + 1);
    source.kinds.resize(at + 1, Kind::kUnused);
  }
  if (!source.tokens[at].empty() && source.tokens[at] != spelling)
    return refuse("tokens \"{}\" and \"{}\" have the same id {}", source.tokens[at], spelling, id);
  source.tokens[at] = spelling;
  source.kinds[at] = kind;
  return {};
}

Status read_vocabulary(const json::value* model, VocabularySource& source) {
  const json::value* vocabulary = member(model, "vocab");
  if (vocabulary == nullptr || !vocabulary->is_object())
    return refuse("\"model.vocab\" is not an object");
  const json::object& entries = vocabulary->get_object();
  source.tokens.reserve(entries.size() + 16);
  source.kinds.reserve(entries.size() + 16);
  for (const auto& entry : entries) {
    const std::string_view spelling(entry.key().data(), entry.key().size());
    const bool byte = spelling.size() == 6 && spelling.starts_with("<0x");
    const TokenId id = G4_TRY(token_id(&entry.value(), spelling));
    Status placed = place(source, id, spelling, byte ? Kind::kByte : Kind::kNormal);
    if (!placed) return placed;
  }
  return {};
}

// "a b" or ["a", "b"]
Result<std::pair<std::string, std::string>> merge_of(const json::value& value, std::size_t index) {
  if (const json::string* line = value.if_string()) {
    const std::string_view text = view(*line);
    const std::size_t space = text.find(' ');
    if (space != std::string_view::npos && text.find(' ', space + 1) == std::string_view::npos)
      return std::pair(std::string(text.substr(0, space)), std::string(text.substr(space + 1)));
  } else if (const json::array* pair = value.if_array()) {
    if (pair->size() == 2 && (*pair)[0].is_string() && (*pair)[1].is_string())
      return std::pair(std::string(view((*pair)[0].get_string())),
                       std::string(view((*pair)[1].get_string())));
  }
  return refuse("merge {} is neither \"a b\" nor [\"a\", \"b\"]", index);
}

Status read_merges(const json::value* model, VocabularySource& source) {
  const json::value* merges = member(model, "merges");
  if (merges == nullptr || !merges->is_array() || merges->get_array().empty())
    return refuse("\"model.merges\" is not a list with merges");
  source.merges.reserve(merges->get_array().size());
  for (const json::value& value : merges->get_array())
    source.merges.push_back(G4_TRY(merge_of(value, source.merges.size())));
  return {};
}

Status read_added_token(const json::value& token, const json::value* vocabulary,
                        VocabularySource& source) {
  const std::string_view spelling = text_of(member(&token, "content"));
  if (spelling.empty()) return refuse("an added token has no \"content\"");
  const TokenId id = G4_TRY(token_id(member(&token, "id"), spelling));
  for (const std::string_view option : {"lstrip", "rstrip", "single_word"})
    if (is_true(member(&token, option)))
      return refuse("added token \"{}\" has \"{}\", which is not supported", spelling, option);
  if (const json::value* known = member(vocabulary, spelling);
      known != nullptr && known->get_int64() != id)
    return refuse("added token \"{}\" has id {} but {} in \"model.vocab\"", spelling, id,
                  known->get_int64());
  const bool special = is_true(member(&token, "special"));
  if (is_true(member(&token, "normalized"))) source.matched_normalized.push_back(id);
  return place(source, id, spelling, special ? Kind::kControl : Kind::kUserDefined);
}

Status read_added_tokens(const json::value& root, VocabularySource& source) {
  const json::value* added = member(&root, "added_tokens");
  if (added == nullptr) return {};
  if (!added->is_array()) return refuse("\"added_tokens\" is not a list");
  const json::value* vocabulary = member(member(&root, "model"), "vocab");
  for (const json::value& token : added->get_array()) {
    Status read = read_added_token(token, vocabulary, source);
    if (!read) return read;
  }
  return {};
}

void name_known_tokens(std::string_view unk, VocabularySource& source) {
  const auto find = [&](std::string_view spelling) -> std::optional<TokenId> {
    const auto at = std::find(source.tokens.begin(), source.tokens.end(), spelling);
    if (spelling.empty() || at == source.tokens.end()) return std::nullopt;
    return static_cast<TokenId>(at - source.tokens.begin());
  };
  source.bos = find("<bos>");
  source.eos = find("<eos>");
  source.pad = find("<pad>");
  source.unk = find(unk);
  source.stop = known_stop_tokens(source);
}

}  // namespace

Result<VocabularySource> vocabulary_from_tokenizer_json(std::string_view text) {
  if (text.size() > kJsonBytesMax)
    return refuse("it has {} bytes; supported are up to {}", text.size(), kJsonBytesMax);
  json::monotonic_resource memory(text.size() + 4096);
  boost::system::error_code failed;
  const json::value root =
      json::parse(json::string_view(text.data(), text.size()), failed, &memory);
  if (failed) return refuse("it is not valid JSON: {}", failed.message());
  if (Status status = check_kind(root); !status) return std::move(status).error();
  const json::value* model = member(&root, "model");
  VocabularySource source;
  if (Status status = read_vocabulary(model, source); !status) return std::move(status).error();
  if (Status status = read_merges(model, source); !status) return std::move(status).error();
  if (Status status = read_added_tokens(root, source); !status) return std::move(status).error();
  name_known_tokens(text_of(member(model, "unk_token")), source);
  return source;
}

}  // namespace g4
