#include "base/thread_pool.h"

#include <fmt/format.h>
#include <immintrin.h>
#include <sched.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <fstream>
#include <set>
#include <utility>

namespace g4 {
namespace {

constexpr std::uint64_t kClosed = 0xffffffffu;
// How long an idle thread spins. Long enough for the gaps between the loops of a model step, short
// enough not to take time from a hyper-thread on the same core.
constexpr auto kSpin = std::chrono::microseconds(30);
constexpr int kPausesPerLook = 16;

void pause_a_little() {
  for (int i = 0; i < kPausesPerLook; ++i) _mm_pause();
}

// Spins until ready() or for kSpin; says whether it became ready.
template <class Ready>
bool spin(Ready ready) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    if (ready()) return true;
    pause_a_little();
  } while (std::chrono::steady_clock::now() < end);
  return ready();
}

}  // namespace

ThreadPool::ThreadPool(int threads) : ticket_(kClosed) {
  assert(threads >= 1);
  for (int thread = 1; thread < threads; ++thread)
    workers_.emplace_back([this, thread] { work(thread); });
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  ++loops_;
  loops_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_items(std::int64_t items, Function function, void* context) {
  assert(items >= 0 && static_cast<std::uint64_t>(items) < kClosed);
  if (workers_.empty() || items <= 1) {
    for (std::int64_t i = 0; i < items; ++i) function(context, i, 0);
    return;
  }
  // A late worker may still be reading the last loop. Its attempt to take an item of it fails from
  // here on, because the ticket has changed.
  const std::uint64_t number = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  ticket_.store((number << 32) | kClosed, std::memory_order_seq_cst);
  function_.store(function, std::memory_order_release);
  context_.store(context, std::memory_order_release);
  items_.store(items, std::memory_order_release);
  done_.store(0, std::memory_order_release);
  ticket_.store(number << 32, std::memory_order_seq_cst);
  loops_.fetch_add(1, std::memory_order_seq_cst);
  loops_.notify_all();

  take_items(0);
  const auto finished = [&] { return done_.load(std::memory_order_acquire) == items; };
  while (!spin(finished)) std::this_thread::yield();
}

void ThreadPool::take_items(int thread) {
  std::uint64_t ticket = ticket_.load(std::memory_order_acquire);
  for (;;) {
    const Function function = function_.load(std::memory_order_acquire);
    void* const context = context_.load(std::memory_order_acquire);
    const std::int64_t items = items_.load(std::memory_order_acquire);
    const auto next = static_cast<std::int64_t>(ticket & kClosed);
    if (next >= items || next == static_cast<std::int64_t>(kClosed)) return;
    if (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel)) continue;
    function(context, next, thread);
    done_.fetch_add(1, std::memory_order_acq_rel);
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void ThreadPool::work(int thread) {
  std::uint32_t seen = 0;
  while (!stopping_) {
    if (!spin([&] { return loops_.load(std::memory_order_acquire) != seen; })) loops_.wait(seen);
    seen = loops_.load(std::memory_order_acquire);
    take_items(thread);
  }
}

int physical_cores() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  std::set<std::pair<int, int>> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const auto number = [&](const char* file) {
      int value = 0;
      std::ifstream in(fmt::format("/sys/devices/system/cpu/cpu{}/topology/{}", cpu, file));
      return in >> value ? value : -1;
    };
    const int core = number("core_id");
    // Without topology every CPU counts.
    cores.emplace(number("physical_package_id"), core < 0 ? CPU_SETSIZE + cpu : core);
  }
  return std::max(1, static_cast<int>(cores.size()));
}

}  // namespace g4
