// TextStream: token ids in, text out, ended by a stop string or by finish().
//
// Special tokens are left out if asked, bytes become whole characters, stop strings are watched
// for. The first output_tokens_min tokens cannot end the text: their text passes unwatched, so a
// stop string must lie wholly behind them.
// Threads: one at a time.
#pragma once

#include <string>

#include "service/service.h"
#include "service/stop_strings.h"

namespace g4 {

class TextStream {
 public:
  // `tokenizer` outlives it.
  TextStream(const Tokenizer& tokenizer, const GenerateRequest& request);

  std::string push(TokenId token);
  std::string finish();
  // Set once a stop string has ended the text; further tokens give nothing.
  const std::optional<std::string>& stop_string() const { return stop_.found(); }

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  std::uint64_t unwatched_;  // tokens still to pass
  StreamingDetokenizer characters_;
  StopStrings stop_;
};

}  // namespace g4
