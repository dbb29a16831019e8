// ThreadPool: one loop after the other, each shared by all threads item by item.
//
// `run` hands out items with one atomic counter, so that a thread on a slow or busy core takes
// fewer of them and holds nobody back; a thread that wakes too late takes none and is not waited
// for. Idle threads spin a moment (the next loop of a model step comes within microseconds), then
// sleep.
// Threads: `run` is called by one thread at a time, which works too and counts as thread 0.
// Items must not call `run`.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace g4 {

class ThreadPool {
 public:
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // item(i, thread) for every i in [0, items), in any order; returns when all are done.
  template <class Item>
  void run(std::int64_t items, Item&& item) {
    using Plain = std::remove_reference_t<Item>;
    run_items(
        items,
        [](void* context, std::int64_t i, int thread) {
          (*static_cast<Plain*>(context))(i, thread);
        },
        const_cast<std::remove_const_t<Plain>*>(&item));
  }

 private:
  using Function = void (*)(void* context, std::int64_t item, int thread);
  void run_items(std::int64_t items, Function function, void* context);
  void work(int thread);
  // Takes and runs items of the open loop until none is left.
  void take_items(int thread);

  // High half: number of the loop; low half: its next item, or kClosed. An item is taken by raising
  // this by one, which fails if the loop has ended meanwhile.
  alignas(64) std::atomic<std::uint64_t> ticket_;
  alignas(64) std::atomic<std::int64_t> done_ = 0;  // items of this loop that are finished
  // The open loop; written only while it is closed.
  alignas(64) std::atomic<Function> function_ = nullptr;
  std::atomic<void*> context_ = nullptr;
  std::atomic<std::int64_t> items_ = 0;
  alignas(64) std::atomic<std::uint32_t> loops_ = 0;  // started so far; sleepers wait on it
  std::atomic<bool> stopping_ = false;
  std::vector<std::thread> workers_;
};

// Physical cores this process may run on; at least 1.
int physical_cores();

}  // namespace g4
