// Text to token ids and back, equal to Hugging Face tokenizers for Gemma 3 and Gemma 4
// vocabularies.
//
// Algorithm: spaces become U+2581, then byte-pair merges run over the whole text between special
// tokens (no pre-tokenizer splits words); lowest merge rank first, ties to the left; what has no
// token falls back to bytes. Cost grows as n log n: one long line is no trap.
// Threads: immutable after loading; every const method may run on any thread.
// Invalid UTF-8: each maximal invalid subpart becomes U+FFFD (as Python's errors="replace").
//
// Added tokens (control, unknown, unused and user-defined ones) are matched before any merge,
// leftmost first, there the longest. They are of two sorts:
//   special  control, unknown and unused ones, and user-defined ones spelled as a marker: <...>
//            or [...], but not HTML tags. "<bos>", "<|turn>", "<|tool_call>", "<unused7>",
//            "[multimodal]".
//   plain    the other user-defined ones: newline, tab and space runs, "<table>", "</b>".
// Plain ones are matched in both modes below, special ones in kParse only. In kText no id of a
// special token ever comes out, whatever the text: "<bos>" becomes the tokens of its letters. This
// is Hugging Face's encode_special_tokens = True (kParse: False), with one difference: Gemma 3's
// "<mask>", "[multimodal]" and "<unused0>", which it does not count as special, stay text as well.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace g4 {

using TokenId = std::int32_t;

// What a loader knows of a vocabulary; both file formats are brought to this form.
struct VocabularySource {
  enum class Kind : std::uint8_t { kNormal, kUnknown, kControl, kUserDefined, kUnused, kByte };
  std::vector<std::string> tokens;  // by id, in the file's spelling (U+2581 for a space)
  std::vector<Kind> kinds;          // by id
  std::vector<float> scores;        // by id; SentencePiece-style GGUF (gemma3) has these...
  std::vector<std::pair<std::string, std::string>> merges;  // ...others have merges, best first
  std::optional<TokenId> bos, eos, pad, unk;
  std::vector<TokenId> stop;  // ends a generation (eos, <turn|>, ...), may be empty
  std::string chat_template;  // Jinja text if the file carries one; only to identify it
  // Added tokens that are matched after spaces became U+2581 ("normalized": true); usually none.
  std::vector<TokenId> matched_normalized;
};

// Contents of a tokenizer.json; refuses every kind but BPE with byte fallback over U+2581 for
// spaces. bos, eos, pad and the stop tokens are found by the spellings of Gemma 3 and 4.
Result<VocabularySource> vocabulary_from_tokenizer_json(std::string_view json);
// Tokens by which Gemma 3 and 4 end a turn, as far as the vocabulary has them as special tokens.
std::vector<TokenId> known_stop_tokens(const VocabularySource& source);

class Tokenizer {
 public:
  // kText: special-token spellings in the text stay text (user input must use this).
  // kParse: they become their ids (only for text that we rendered ourselves, or on request).
  enum class Special : std::uint8_t { kText, kParse };

  static Result<Tokenizer> create(VocabularySource source);
  static Result<Tokenizer> from_tokenizer_json(
      std::string_view json);  // contents of tokenizer.json

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Never adds BOS; see bos().
  std::vector<TokenId> encode(std::string_view text, Special special = Special::kText) const;

  // Bytes of one token as they stand in decoded text ("▁the" -> " the", "<0xE2>" -> one byte).
  // Special tokens give their spelling. Empty for ids outside the vocabulary.
  std::string_view bytes(TokenId id) const;
  // Whole-sequence decoding; `skip_special` drops special tokens. May hold invalid UTF-8 if ids do.
  std::string decode(std::span<const TokenId> ids, bool skip_special) const;

  bool is_special(TokenId id) const;                             // as described above
  std::optional<TokenId> find(std::string_view spelling) const;  // "<|turn>" -> 105
  std::size_t size() const;
  std::optional<TokenId> bos() const;
  std::optional<TokenId> eos() const;
  std::optional<TokenId> pad() const;
  std::optional<TokenId> unk() const;
  std::span<const TokenId> stop() const;
  std::string_view chat_template() const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Turns a stream of token bytes into whole UTF-8 characters: bytes of an unfinished character are
// held back; bytes that can never become one are replaced by U+FFFD. Joined output equals the
// output of feeding everything at once.
class StreamingDetokenizer {
 public:
  std::string push(std::string_view bytes);  // text that became whole
  std::string finish();                      // what was held back, as U+FFFD

 private:
  std::string held_;
};

}  // namespace g4
