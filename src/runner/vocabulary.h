// The tokenizer of a checkpoint: from GGUF metadata (models "gemma4", and "llama" as Gemma 3 has
// it) or from the tokenizer.json of a Hugging Face folder.
//
// Stop tokens are those that the file names (eos; generation_config.json has a list) and those that
// end a turn of Gemma 3 or 4 even where the file does not say so: many name <eos> only.
#pragma once

#include "base/result.h"
#include "text/tokenizer.h"
#include "weights/checkpoint.h"

namespace g4 {

Result<VocabularySource> vocabulary_from(const Checkpoint& checkpoint);
Result<Tokenizer> load_tokenizer(const Checkpoint& checkpoint);

}  // namespace g4
