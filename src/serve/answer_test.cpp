// Answers without sockets, of a model that computes nothing.
#include "serve/answer.h"

#include <gmock/gmock.h>

#include <future>
#include <semaphore>

#include "engine/fake_runner.h"
#include "http/exchange_core.h"
#include "text/test_vocabulary.h"

namespace g4 {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;

const Tokenizer& tokenizer() {
  static const Tokenizer made = std::move(Tokenizer::create(TestVocabulary().source)).value();
  return made;
}

// Chunks are the index of the choice, whole answers the number of them.
class IndexWriter : public AnswerWriter {
 public:
  explicit IndexWriter(std::size_t choices) : choices_(choices) {}
  std::size_t choices() const override { return choices_; }
  GenerateRequest choice(std::size_t) const override {
    GenerateRequest request;
    request.prompt = {5, 6};
    request.output_tokens_max = 3;
    request.ignore_eos = true;
    return request;
  }
  std::string whole(std::span<const api::Choice> choices) override {
    return std::to_string(choices.size());
  }
  std::vector<api::StreamChunk> first_chunks() override { return {{"first", "begin"}}; }
  std::vector<api::StreamChunk> chunks(std::size_t choice, const ServiceEvent&) override {
    return {{std::to_string(choice)}};
  }
  std::vector<api::StreamChunk> last_chunks() override { return {{"last"}}; }
  std::vector<api::StreamChunk> failure(const api::ApiError& error) override {
    return {{api::error_body(error)}};
  }
  std::string error_body(const api::ApiError& error) override { return api::error_body(error); }
  bool says_done() const override { return true; }

 private:
  const std::size_t choices_;
};

class AnswerTest : public testing::Test {
 protected:
  AnswerTest() {
    FakeRunnerOptions fake;
    fake.limits.vocab_size = tokenizer().size();
    engine_.emplace(std::make_unique<FakeRunner>(std::move(fake)), EngineOptions{});
    service_.emplace(*engine_, tokenizer());
    metrics_.emplace("m", engine_->limits());
  }
  // All that goes out, head included.
  std::string ask(std::unique_ptr<AnswerWriter> writer, Delivery delivery) {
    std::counting_semaphore<> woken(0);
    ExchangeCore::Setup setup;
    setup.queue_bytes_max = 1024 * 1024;
    setup.may_keep_alive = [] { return true; };
    setup.wake = [&] { woken.release(); };
    const auto core = std::make_shared<ExchangeCore>(HttpRequest(), std::move(setup));
    answer(*service_, *metrics_, std::make_shared<Exchange>(core), std::move(writer), delivery);
    std::string bytes;
    auto end = ExchangeCore::End::kOpen;
    while (end == ExchangeCore::End::kOpen && woken.try_acquire_for(seconds(10))) {
      auto output = core->take_output();
      bytes += output.bytes;
      end = output.end;
    }
    EXPECT_EQ(end, ExchangeCore::End::kComplete);
    core->detach();
    service_->drain();
    return bytes;
  }

  std::optional<Engine> engine_;
  std::optional<Service> service_;
  std::optional<Metrics> metrics_;
};

TEST_F(AnswerTest, StreamHasEveryChoiceToItsEnd) {
  const std::string got = ask(std::make_unique<IndexWriter>(3), Delivery::kStream);
  for (const char* index : {"data: 0\n", "data: 1\n", "data: 2\n"})
    EXPECT_THAT(got, HasSubstr(index));
  EXPECT_LT(got.find("event: begin\ndata: first\n"), got.find("data: 0\n"));
  EXPECT_GT(got.find("data: last\n"), got.rfind("data: 2\n"));
  EXPECT_GT(got.find("data: [DONE]\n"), got.find("data: last\n"));
}

TEST_F(AnswerTest, WholeAnswerWaitsForEveryChoice) {
  EXPECT_TRUE(ask(std::make_unique<IndexWriter>(3), Delivery::kWhole).ends_with("\r\n\r\n3"));
}

TEST_F(AnswerTest, MoreChoicesThanCanBeOpenAreRefused) {
  const std::string got = ask(std::make_unique<IndexWriter>(1000), Delivery::kWhole);
  EXPECT_THAT(got, HasSubstr("400 Bad Request"));
  EXPECT_THAT(got, HasSubstr("1000 answers"));
}

// The second choice takes as long as another request needs from its beginning to its end.
class SlowToSubmit : public IndexWriter {
 public:
  explicit SlowToSubmit(std::function<void()> wait) : IndexWriter(2), wait_(std::move(wait)) {}
  GenerateRequest choice(std::size_t i) const override {
    if (i == 1) wait_();
    return IndexWriter::choice(i);
  }

 private:
  const std::function<void()> wait_;
};

TEST_F(AnswerTest, TheEngineDoesNotWaitForASubmission) {
  bool other_finished = false;
  const auto run_another = [&] {
    const auto finished = std::make_shared<std::promise<void>>();
    const auto taken =
        service_->submit(IndexWriter(1).choice(0), [finished](const ServiceEvent& event) {
          if (std::holds_alternative<Finished>(event)) finished->set_value();
        });
    EXPECT_TRUE(std::holds_alternative<StreamId>(taken));
    other_finished = finished->get_future().wait_for(seconds(5)) == std::future_status::ready;
  };
  const std::string got = ask(std::make_unique<SlowToSubmit>(run_another), Delivery::kStream);
  EXPECT_TRUE(other_finished);
  // What came early is not lost, and comes after the head.
  EXPECT_TRUE(got.starts_with("HTTP/1.1 200 OK\r\n")) << got;
  EXPECT_THAT(got, HasSubstr("data: 0\n"));
  EXPECT_THAT(got, HasSubstr("data: [DONE]\n"));
}

}  // namespace
}  // namespace g4
