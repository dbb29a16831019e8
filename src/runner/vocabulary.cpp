#include "runner/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <unordered_set>

#include "weights/meta.h"

namespace g4 {
namespace {

namespace json = boost::json;
using Kind = VocabularySource::Kind;

template <class... Args>
Error refuse(const Checkpoint& checkpoint, fmt::format_string<Args...> text, Args&&... args) {
  return Error{checkpoint.path() + ": " + fmt::format(text, std::forward<Args>(args)...)};
}

// The id under `key`, if the file has one; it must lie in the vocabulary.
Result<std::optional<TokenId>> meta_token(const Checkpoint& checkpoint, std::string_view key,
                                          std::size_t tokens) {
  if (checkpoint.meta(key) == nullptr) return std::optional<TokenId>();
  const std::uint64_t id = G4_TRY(meta_u64(checkpoint, key));
  if (id >= tokens)
    return refuse(checkpoint, "{} is {}, outside the {} tokens of the vocabulary", key, id, tokens);
  return std::optional(static_cast<TokenId>(id));
}

Result<Kind> kind_of(const Checkpoint& checkpoint, std::int64_t gguf_type) {
  switch (gguf_type) {
    case 1:
      return Kind::kNormal;
    case 2:
      return Kind::kUnknown;
    case 3:
      return Kind::kControl;
    case 4:
      return Kind::kUserDefined;
    case 5:
      return Kind::kUnused;
    case 6:
      return Kind::kByte;
    default:
      return refuse(checkpoint, "unknown token type {} (1 to 6 are known)", gguf_type);
  }
}

// "left right", of which neither holds a space. A merge whose result is no token can never apply,
// and some writers leave such in: it is passed over, as llama.cpp does.
Status read_merges(const Checkpoint& checkpoint, VocabularySource& source) {
  constexpr std::string_view kKey = "tokenizer.ggml.merges";
  const std::span<const std::string> lines = G4_TRY(meta_strings(checkpoint, kKey));
  const std::unordered_set<std::string_view> tokens(source.tokens.begin(), source.tokens.end());
  source.merges.reserve(lines.size());
  std::string joined;
  for (const std::string& line : lines) {
    const std::size_t space = line.find(' ');
    if (space == std::string::npos || line.find(' ', space + 1) != std::string::npos)
      return refuse(checkpoint, "{}: merge {} is not two tokens with a space between", kKey,
                    source.merges.size());
    joined.assign(line, 0, space).append(line, space + 1);
    if (tokens.contains(joined))
      source.merges.emplace_back(line.substr(0, space), line.substr(space + 1));
  }
  return {};
}

// SentencePiece as Gemma 3 uses it. Other models of this kind put a space in front of every text.
Status read_scores(const Checkpoint& checkpoint, VocabularySource& source) {
  if (G4_TRY(meta_bool(checkpoint, "tokenizer.ggml.add_space_prefix")))
    return refuse(checkpoint, "the tokenizer puts a space in front of every text; Gemma's do not");
  for (const double score : G4_TRY(meta_f64s(checkpoint, "tokenizer.ggml.scores")))
    source.scores.push_back(static_cast<float>(score));
  return {};
}

Result<VocabularySource> from_gguf(const Checkpoint& checkpoint) {
  const std::string model = G4_TRY(meta_string(checkpoint, "tokenizer.ggml.model"));
  if (model != "gemma4" && model != "llama")
    return refuse(checkpoint,
                  "tokenizer model \"{}\" is not supported (\"gemma4\" and \"llama\" are)", model);
  VocabularySource source;
  const auto tokens = G4_TRY(meta_strings(checkpoint, "tokenizer.ggml.tokens"));
  source.tokens.assign(tokens.begin(), tokens.end());
  for (const std::int64_t type : G4_TRY(meta_i64s(checkpoint, "tokenizer.ggml.token_type")))
    source.kinds.push_back(G4_TRY(kind_of(checkpoint, type)));
  const Status read =
      model == "gemma4" ? read_merges(checkpoint, source) : read_scores(checkpoint, source);
  if (!read) return read.error();
  const std::size_t n = source.tokens.size();
  source.bos = G4_TRY(meta_token(checkpoint, "tokenizer.ggml.bos_token_id", n));
  source.eos = G4_TRY(meta_token(checkpoint, "tokenizer.ggml.eos_token_id", n));
  source.pad = G4_TRY(meta_token(checkpoint, "tokenizer.ggml.padding_token_id", n));
  source.unk = G4_TRY(meta_token(checkpoint, "tokenizer.ggml.unknown_token_id", n));
  const auto end_of_turn = G4_TRY(meta_token(checkpoint, "tokenizer.ggml.eot_token_id", n));
  if (end_of_turn) source.stop.push_back(*end_of_turn);
  if (checkpoint.meta("tokenizer.chat_template") != nullptr)
    source.chat_template = G4_TRY(meta_string(checkpoint, "tokenizer.chat_template"));
  return source;
}

// eos_token_id of generation_config.json: a number or a list of them.
Status read_generation_config(const Checkpoint& checkpoint, VocabularySource& source) {
  const std::optional<std::string> text = checkpoint.side_file("generation_config.json");
  if (!text) return {};
  boost::system::error_code failed;
  const json::value root = json::parse(*text, failed);
  if (failed || !root.is_object())
    return refuse(checkpoint, "generation_config.json is not a JSON object");
  const json::value* eos = root.get_object().if_contains("eos_token_id");
  if (eos == nullptr || eos->is_null()) return {};
  const json::array ids = eos->is_array() ? eos->get_array() : json::array{*eos};
  for (const json::value& id : ids) {
    const bool number = id.is_int64() && id.get_int64() >= 0 &&
                        static_cast<std::size_t>(id.get_int64()) < source.tokens.size();
    if (!number)
      return refuse(checkpoint,
                    "generation_config.json: eos_token_id {} is not one of the {} tokens",
                    json::serialize(id), source.tokens.size());
    source.stop.push_back(static_cast<TokenId>(id.get_int64()));
  }
  return {};
}

// The template stands in a file of its own or, in older folders, in tokenizer_config.json.
std::string hugging_face_template(const Checkpoint& checkpoint) {
  if (std::optional<std::string> text = checkpoint.side_file("chat_template.jinja")) return *text;
  const std::optional<std::string> config = checkpoint.side_file("tokenizer_config.json");
  if (!config) return {};
  boost::system::error_code failed;
  const json::value root = json::parse(*config, failed);
  if (failed || !root.is_object()) return {};
  const json::value* text = root.get_object().if_contains("chat_template");
  return text != nullptr && text->is_string() ? std::string(text->get_string()) : std::string();
}

Result<VocabularySource> from_hugging_face(const Checkpoint& checkpoint) {
  const std::optional<std::string> text = checkpoint.side_file("tokenizer.json");
  if (!text) return refuse(checkpoint, "the folder has no tokenizer.json");
  Result<VocabularySource> source = vocabulary_from_tokenizer_json(*text);
  if (!source) return refuse(checkpoint, "{}", source.error().message);
  Status read = read_generation_config(checkpoint, *source);
  if (!read) return std::move(read).error();
  source->chat_template = hugging_face_template(checkpoint);
  return source;
}

}  // namespace

Result<VocabularySource> vocabulary_from(const Checkpoint& checkpoint) {
  VocabularySource source =
      G4_TRY(checkpoint.format() == Checkpoint::Format::kGguf ? from_gguf(checkpoint)
                                                              : from_hugging_face(checkpoint));
  for (const TokenId id : known_stop_tokens(source)) source.stop.push_back(id);
  if (source.eos) source.stop.push_back(*source.eos);
  std::sort(source.stop.begin(), source.stop.end());
  source.stop.erase(std::unique(source.stop.begin(), source.stop.end()), source.stop.end());
  return source;
}

Result<Tokenizer> load_tokenizer(const Checkpoint& checkpoint) {
  Result<Tokenizer> tokenizer = Tokenizer::create(G4_TRY(vocabulary_from(checkpoint)));
  if (!tokenizer) return refuse(checkpoint, "{}", tokenizer.error().message);
  return tokenizer;
}

}  // namespace g4
