#include "serve/response_store.h"

#include <gtest/gtest.h>

#include <thread>

namespace g4 {
namespace {

api::ResponseToStore response(const std::string& id, std::size_t bytes = 0) {
  return {id, "body of " + id, {}, {std::string(bytes, 'i'), "[]"}};
}

TEST(ResponseStore, FindsWhatWasPutUntilItIsErased) {
  ResponseStore store;
  store.put(response("a"));
  store.put(response("b"));
  ASSERT_TRUE(store.find("a"));
  EXPECT_EQ(store.find("a")->body, "body of a");
  EXPECT_FALSE(store.find("c"));
  EXPECT_TRUE(store.erase("a"));
  EXPECT_FALSE(store.erase("a"));
  EXPECT_FALSE(store.find("a"));
  EXPECT_TRUE(store.find("b"));
}

TEST(ResponseStore, ForgetsTheOldestByNumber) {
  ResponseStore store({.count_max = 2});
  for (const char* id : {"a", "b", "c"}) store.put(response(id));
  EXPECT_FALSE(store.find("a"));
  EXPECT_TRUE(store.find("b"));
  EXPECT_TRUE(store.erase("c"));
  store.put(response("d"));
  EXPECT_TRUE(store.find("b"));  // an erased one takes no place
}

TEST(ResponseStore, ForgetsTheOldestByBytes) {
  ResponseStore store({.bytes_max = 10000});
  store.put(response("a", 4000));
  store.put(response("b", 4000));
  store.put(response("c", 4000));
  EXPECT_FALSE(store.find("a"));
  EXPECT_TRUE(store.find("b"));
  store.put(response("huge", 20000));
  EXPECT_FALSE(store.find("huge"));
  EXPECT_TRUE(store.find("b"));  // for what is not kept nothing is forgotten
}

TEST(ResponseStore, WhatOthersWentOnFromCountsUntilTheyGo) {
  ResponseStore store({.bytes_max = 10000});
  store.put(response("a", 4000));
  api::ResponseToStore next = response("b", 10);
  next.earlier = {store.find("a")->turn};
  store.put(std::move(next));
  EXPECT_TRUE(store.erase("a"));
  EXPECT_EQ(store.find("b")->earlier.at(0)->input.size(), 4000u);
  store.put(response("c", 6000));  // only without "b", and so without the turn of "a"
  EXPECT_FALSE(store.find("b"));
  EXPECT_TRUE(store.find("c"));
  store.put(response("d", 1000));
  EXPECT_TRUE(store.find("c"));
}

TEST(ResponseStore, IsUsedByManyThreads) {
  ResponseStore store({.count_max = 8});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string id = std::to_string(t) + "_" + std::to_string(i);
        store.put(response(id, 100));
        const auto found = store.find(id);  // may have been forgotten already
        EXPECT_TRUE(!found || found->body == "body of " + id);
        if (i % 3 == 0) store.erase(id);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace g4
