// Gemma 4's vocabulary, ready for constraints of tests.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "grammar/vocabulary.h"
#include "text/test_gemma4_source.h"
#include "text/tokenizer.h"

namespace g4::grammar::test {

// One for all tests of a process: it takes seconds to make.
struct RealVocabulary {
  std::shared_ptr<const Tokenizer> tokenizer;
  TokenTable table;
  std::shared_ptr<const Vocabulary> vocabulary;

  static const RealVocabulary& get() {
    static const RealVocabulary made = make();
    return made;
  }

 private:
  static RealVocabulary make() {
    auto source = gemma4_test_source();
    if (!source) {
      ADD_FAILURE() << source.error().message;
      std::exit(1);
    }
    RealVocabulary real;
    real.tokenizer =
        std::make_shared<const Tokenizer>(std::move(Tokenizer::create(*std::move(source))).value());
    real.table = token_table(*real.tokenizer);
    real.vocabulary = Vocabulary::create(real.table, real.tokenizer).value();
    return real;
  }
};

}  // namespace g4::grammar::test
