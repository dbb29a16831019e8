#include "serve/media_reader.h"

#include <gtest/gtest.h>

#include "text/test_vocabulary.h"

namespace g4 {
namespace {

// No decoder is needed: all of these are refused before one is asked.
api::ApiError refusal(const MediaLimits& limits, api::MediaFile file) {
  const Tokenizer tokenizer = std::move(Tokenizer::create(TestVocabulary().source)).value();
  MediaReader reader(tokenizer, {}, limits);
  api::Conversation conversation;
  conversation.media.push_back({"messages[0].content[0]", api::ImagePart{std::move(file)}});
  api::ApiError error;
  int answers = 0;
  reader.read(std::move(conversation), [&](const api::Parsed<api::SeenConversation>& seen) {
    error = std::get<api::ApiError>(seen);
    ++answers;
  });
  reader.finish();
  EXPECT_EQ(answers, 1);
  return error;
}

TEST(MediaReader, RefusesWhatIsTooMuch) {
  const api::MediaFile file{"", std::vector<std::byte>(9)};
  EXPECT_EQ(refusal({.waiting_max = 0}, file).status, 429);
  EXPECT_EQ(refusal({.file_bytes_max = 8}, file).status, 429);
  EXPECT_EQ(refusal({.picture_bytes_max = -1}, file).status, 429);
}

TEST(MediaReader, AnErrorNamesItsPart) {
  const api::ApiError error = refusal({}, {"https://example.org/a.png", {}});
  EXPECT_EQ(error.status, 400);
  EXPECT_EQ(error.param, "messages[0].content[0]");
}

}  // namespace
}  // namespace g4
