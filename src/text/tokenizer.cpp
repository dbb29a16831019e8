#include "text/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "base/utf8.h"
#include "text/added_tokens.h"
#include "text/bpe.h"
#include "text/merges.h"
#include "text/spelling_index.h"

namespace g4 {
namespace {

using Kind = VocabularySource::Kind;

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
constexpr std::size_t kAddedBytesMax = 256;  // of one added token: matching costs text times this
constexpr std::size_t kSpellingBytesMax = 1 << 16;
constexpr std::size_t kVocabularyBytesMax = std::size_t{1} << 30;

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t found = text.find(from, at);
    out.append(text.substr(at, found - at));
    if (found == std::string_view::npos) return out;
    out.append(to);
    at = found + from.size();
  }
}

// User-defined pieces of Gemma 3 that are ordinary text.
bool is_html_tag(std::string_view spelling) {
  static constexpr auto kNames = std::to_array<std::string_view>(
      {"a",      "b",   "bbox",  "blockquote", "body",  "caption", "code", "div",  "em",
       "footer", "h1",  "h2",    "h3",         "h4",    "h5",      "h6",   "html", "i",
       "iframe", "img", "li",    "s",          "span",  "strong",  "sub",  "sup",  "table",
       "tbody",  "td",  "tfoot", "th",         "thead", "tr",      "u",    "ul"});
  if (spelling.size() < 3 || spelling.front() != '<' || spelling.back() != '>') return false;
  spelling = spelling.substr(1, spelling.size() - 2);
  if (spelling.front() == '/') spelling.remove_prefix(1);
  return std::find(kNames.begin(), kNames.end(), spelling) != kNames.end();
}

bool is_marker(std::string_view spelling) {
  if (spelling.size() < 3) return false;
  const bool angle = spelling.front() == '<' && spelling.back() == '>';
  const bool square = spelling.front() == '[' && spelling.back() == ']';
  return (angle || square) && !is_html_tag(spelling);
}

bool is_added(Kind kind) { return kind != Kind::kNormal && kind != Kind::kByte; }

bool is_special_token(Kind kind, std::string_view spelling) {
  if (spelling.empty()) return false;
  return kind == Kind::kUserDefined ? is_marker(spelling) : is_added(kind);
}

// "<0xE2>" -> 0xE2
std::optional<std::uint8_t> byte_token_value(std::string_view spelling) {
  if (spelling.size() != 6 || !spelling.starts_with("<0x") || spelling[5] != '>') return {};
  int value = 0;
  for (const char c : spelling.substr(3, 2)) {
    const bool digit = c >= '0' && c <= '9';
    const char lower = static_cast<char>(c | 0x20);
    if (!digit && (lower < 'a' || lower > 'f')) return {};
    value = 16 * value + (digit ? c - '0' : lower - 'a' + 10);
  }
  return static_cast<std::uint8_t>(value);
}

Status check_shape(const VocabularySource& source) {
  const std::size_t n = source.tokens.size();
  if (n == 0 || n > MergeTable::kTokensMax)
    return Error{fmt::format("the vocabulary has {} tokens; supported are 1 to {}", n,
                             MergeTable::kTokensMax)};
  if (source.kinds.size() != n)
    return Error{
        fmt::format("the vocabulary has {} tokens but {} token types", n, source.kinds.size())};
  if (!source.scores.empty() && source.scores.size() != n)
    return Error{
        fmt::format("the vocabulary has {} tokens but {} scores", n, source.scores.size())};
  if (source.merges.size() > MergeTable::kMergesMax)
    return Error{fmt::format("the vocabulary has {} merges; supported are up to {}",
                             source.merges.size(), MergeTable::kMergesMax)};
  const auto inside = [n](TokenId id) { return id >= 0 && static_cast<std::size_t>(id) < n; };
  std::vector<TokenId> named = source.stop;
  named.insert(named.end(), source.matched_normalized.begin(), source.matched_normalized.end());
  for (const auto& id : {source.bos, source.eos, source.pad, source.unk})
    if (id) named.push_back(*id);
  for (const TokenId id : named)
    if (!inside(id))
      return Error{fmt::format("special token id {} lies outside the {} tokens", id, n)};
  return {};
}

Status check_spellings(const VocabularySource& source) {
  std::size_t bytes = 0;
  for (std::size_t id = 0; id < source.tokens.size(); ++id) {
    const std::string& spelling = source.tokens[id];
    bytes += spelling.size();
    if (!is_utf8(spelling)) return Error{fmt::format("token {} is not valid UTF-8", id)};
    const bool added = is_added(source.kinds[id]);
    const std::size_t limit = added ? kAddedBytesMax : kSpellingBytesMax;
    if (spelling.size() > limit)
      return Error{
          fmt::format("token {} has {} bytes; supported are up to {}", id, spelling.size(), limit)};
  }
  if (bytes > kVocabularyBytesMax)
    return Error{fmt::format("the vocabulary has {} bytes of text; supported are up to {}", bytes,
                             kVocabularyBytesMax)};
  return {};
}

// Files with scores spell space runs with spaces and give user-defined tokens any score; merges
// derived from them are those of tokenizer.json if those count as the best, 0.
void bring_scored_to_common_form(VocabularySource& source) {
  for (std::size_t id = 0; id < source.tokens.size(); ++id) {
    std::string& spelling = source.tokens[id];
    if (spelling.find(' ') != std::string::npos) spelling = replace_all(spelling, " ", kSpaceMark);
    if (source.kinds[id] == Kind::kUserDefined) source.scores[id] = 0;
    if (source.scores[id] != source.scores[id]) source.scores[id] = -1e30F;  // NaN has no order
  }
}

Result<std::array<TokenId, 256>> find_byte_tokens(const SpellingIndex& spellings,
                                                  const std::vector<bool>& special) {
  std::array<TokenId, 256> bytes;
  for (int value = 0; value < 256; ++value) {
    const std::string spelling = fmt::format("<0x{:02X}>", value);
    const auto id = spellings.find(spelling);
    if (!id || special[static_cast<std::size_t>(*id)])
      return Error{
          fmt::format("the vocabulary lacks the byte token {}; only vocabularies with "
                      "byte fallback are supported",
                      spelling)};
    bytes[static_cast<std::size_t>(value)] = *id;
  }
  return bytes;
}

Status check_merges(const std::vector<Merge>& merges, const std::array<TokenId, 256>& bytes) {
  if (merges.size() > MergeTable::kMergesMax)
    return Error{fmt::format("the vocabulary has {} merges; supported are up to {}", merges.size(),
                             MergeTable::kMergesMax)};
  std::array<TokenId, 256> sorted = bytes;
  std::sort(sorted.begin(), sorted.end());
  for (const Merge& merge : merges)
    for (const TokenId part : {merge.left, merge.right})
      if (std::binary_search(sorted.begin(), sorted.end(), part))
        return Error{
            fmt::format("a merge joins byte token {}; such vocabularies are not supported", part)};
  return {};
}

}  // namespace

struct Tokenizer::Impl {
  // What is matched before merging; `raw` before `normalized`, as Hugging Face does.
  struct Added {
    AddedTokenMatcher raw{AddedTokenMatcher::Text::kRaw};
    AddedTokenMatcher normalized{AddedTokenMatcher::Text::kNormalized};
  };

  VocabularySource rest;  // its named ids and its template; tokens and merges are gone
  std::vector<bool> special;
  SpellingIndex spellings;  // as in the file
  SpellingIndex decoded;    // as in decoded text
  BytePairEncoder encoder;
  Added plain, all;

  void add_tokens(const std::vector<Kind>& kinds);
  void encode_gap(std::string_view text, const Added& added, BytePairEncoder::Call& call,
                  std::vector<TokenId>& out) const;
};

void Tokenizer::Impl::add_tokens(const std::vector<Kind>& kinds) {
  std::vector<bool> late(kinds.size());
  for (const TokenId id : rest.matched_normalized) late[static_cast<std::size_t>(id)] = true;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view spelling = spellings[id];
    if (!is_added(kinds[i]) || spelling.empty() || spellings.find(spelling) != id) continue;
    const bool normalized = late[i];
    (normalized ? all.normalized : all.raw).add(spelling, id);
    if (!special[i]) (normalized ? plain.normalized : plain.raw).add(spelling, id);
  }
}

void Tokenizer::Impl::encode_gap(std::string_view text, const Added& added,
                                 BytePairEncoder::Call& call, std::vector<TokenId>& out) const {
  std::size_t at = 0;
  while (const auto match = added.normalized.find(text, at)) {
    call.encode(text.substr(at, match->begin - at));
    out.push_back(match->id);
    at = match->end;
  }
  call.encode(text.substr(at));
}

Result<Tokenizer> Tokenizer::create(VocabularySource source) {
  if (Status status = check_shape(source); !status) return std::move(status).error();
  if (Status status = check_spellings(source); !status) return std::move(status).error();
  // With neither merges nor scores every character is a token of its own, or bytes.
  const bool scored = source.merges.empty() && !source.scores.empty();
  if (scored) bring_scored_to_common_form(source);

  const std::size_t n = source.tokens.size();
  std::vector<bool> special(n);
  std::vector<std::string> decoded(n);
  for (std::size_t id = 0; id < n; ++id) {
    special[id] = is_special_token(source.kinds[id], source.tokens[id]);
    const auto byte = byte_token_value(source.tokens[id]);
    decoded[id] = byte ? std::string(1, static_cast<char>(*byte))
                       : replace_all(source.tokens[id], kSpaceMark, " ");
  }
  SpellingIndex spellings(source.tokens);
  const std::array<TokenId, 256> bytes = G4_TRY(find_byte_tokens(spellings, special));
  const std::vector<Merge> merges = scored ? derive_merges(spellings, source.scores)
                                           : G4_TRY(resolve_merges(spellings, source.merges));
  if (Status status = check_merges(merges, bytes); !status) return std::move(status).error();

  const std::vector<Kind> kinds = std::move(source.kinds);
  source.tokens = {};
  source.merges = {};
  source.scores = {};
  BytePairEncoder encoder(spellings, merges, bytes, special);
  auto impl = std::unique_ptr<Impl>(new Impl{.rest = std::move(source),
                                             .special = std::move(special),
                                             .spellings = std::move(spellings),
                                             .decoded = SpellingIndex(decoded),
                                             .encoder = std::move(encoder),
                                             .plain = {},
                                             .all = {}});
  impl->add_tokens(kinds);
  return Tokenizer(std::move(impl));
}

Result<Tokenizer> Tokenizer::from_tokenizer_json(std::string_view json) {
  return create(G4_TRY(vocabulary_from_tokenizer_json(json)));
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::vector<TokenId> Tokenizer::encode(std::string_view text, Special special) const {
  std::string repaired;
  if (!is_utf8(text)) {
    repaired = replace_invalid_utf8(text);
    text = repaired;
  }
  std::vector<TokenId> out;
  BytePairEncoder::Call call(impl_->encoder, text.size(), out);
  const Impl::Added& added = special == Special::kParse ? impl_->all : impl_->plain;
  std::size_t at = 0;
  while (const auto match = added.raw.find(text, at)) {
    impl_->encode_gap(text.substr(at, match->begin - at), added, call, out);
    out.push_back(match->id);
    at = match->end;
  }
  impl_->encode_gap(text.substr(at), added, call, out);
  return out;
}

std::string_view Tokenizer::bytes(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= size()) return {};
  return impl_->decoded[id];
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special) const {
  std::string out;
  for (const TokenId id : ids)
    if (!skip_special || !is_special(id)) out.append(bytes(id));
  return out;
}

bool Tokenizer::is_special(TokenId id) const {
  return id >= 0 && static_cast<std::size_t>(id) < size() &&
         impl_->special[static_cast<std::size_t>(id)];
}

std::optional<TokenId> Tokenizer::find(std::string_view spelling) const {
  return impl_->spellings.find(spelling);
}

std::size_t Tokenizer::size() const { return impl_->spellings.size(); }
std::optional<TokenId> Tokenizer::bos() const { return impl_->rest.bos; }
std::optional<TokenId> Tokenizer::eos() const { return impl_->rest.eos; }
std::optional<TokenId> Tokenizer::pad() const { return impl_->rest.pad; }
std::optional<TokenId> Tokenizer::unk() const { return impl_->rest.unk; }
std::span<const TokenId> Tokenizer::stop() const { return impl_->rest.stop; }
std::string_view Tokenizer::chat_template() const { return impl_->rest.chat_template; }

std::vector<TokenId> known_stop_tokens(const VocabularySource& source) {
  static constexpr auto kSpellings =
      std::to_array<std::string_view>({"<eos>", "<turn|>", "<|tool_response>", "<end_of_turn>"});
  std::vector<TokenId> stop;
  const std::size_t n = std::min(source.tokens.size(), source.kinds.size());
  for (const std::string_view spelling : kSpellings)
    for (std::size_t id = 0; id < n; ++id)
      if (source.tokens[id] == spelling && is_special_token(source.kinds[id], spelling))
        stop.push_back(static_cast<TokenId>(id));
  return stop;
}

}  // namespace g4
