#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>

namespace g4 {
namespace {

TEST(ThreadPool, RunsEveryItemOnceForAnyNumberOfThreads) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (std::int64_t items : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(items));
      pool.run(items, [&](std::int64_t i, int thread) {
        EXPECT_TRUE(thread >= 0 && thread < threads);
        ++runs[static_cast<std::size_t>(i)];
      });
      for (const auto& count : runs) EXPECT_EQ(count, 1);
    }
  }
}

TEST(ThreadPool, ManyShortLoopsNeverMixTheirItems) {
  ThreadPool pool(4);
  for (int loop = 0; loop < 20000; ++loop) {
    const int items = 2 + loop % 5;
    std::vector<int> values(static_cast<std::size_t>(items), -1);  // dies after the loop
    pool.run(items, [&](std::int64_t i, int) { values[static_cast<std::size_t>(i)] = loop; });
    for (int value : values) ASSERT_EQ(value, loop);
  }
}

TEST(ThreadPool, WakesSleepersAndSharesTheWork) {
  ThreadPool pool(2);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // past the spinning
    std::atomic<int> by_worker = 0;
    pool.run(20, [&](std::int64_t, int thread) {
      by_worker += thread;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    EXPECT_GT(by_worker, 0);
  }
}

TEST(ThreadPool, ThisProcessHasACore) { EXPECT_GE(physical_cores(), 1); }

}  // namespace
}  // namespace g4
