// Tries a grammar out: compiles it and takes some answers' worth of masks. What takes long, or
// fails, is found here, where it costs one child of the probe process and nobody waits for it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "grammar/token_table.h"
#include "grammar/vocabulary.h"

namespace g4::grammar {

Status try_grammar(std::shared_ptr<const Vocabulary> vocabulary, const TokenTable& table,
                   const std::string& lark);

}  // namespace g4::grammar
