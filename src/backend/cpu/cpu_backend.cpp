#include "backend/cpu/cpu_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "backend/cpu/features.h"

namespace g4::cpu {

namespace {

// Reads that a disk works on together while every core packs.
constexpr int kReadsAtOnce = 8;

}  // namespace

CpuBackend::CpuBackend(const Kernels& kernels, int threads)
    : kernels_(kernels), pool_(threads), per_thread_(static_cast<std::size_t>(threads)) {}

std::string CpuBackend::name() const {
  return fmt::format("cpu ({}, {} thread{})", kernels_.name, pool_.threads(),
                     pool_.threads() == 1 ? "" : "s");
}

namespace {

// Memory for our own use: running out of it is not foreign input, and there is no way on.
HugeMemory must_make(std::size_t bytes) {
  auto memory = HugeMemory::make(bytes);
  if (!memory) {
    fmt::print(stderr, "{}\n", memory.error().message);
    std::abort();
  }
  return std::move(memory).value();
}

}  // namespace

void* Scratch::bytes(std::size_t count) {
  if (count > memory_.size()) {
    memory_ = HugeMemory();
    memory_ = must_make(count + count / 4 + 4096);
  }
  return memory_.data();
}

Mat CpuBackend::allocate(std::int64_t rows, std::int64_t cols) {
  owned_.push_back(must_make(static_cast<std::size_t>(rows * cols) * sizeof(float)));
  return {reinterpret_cast<float*>(owned_.back().data()), rows, cols};
}

const float* CpuBackend::upload(std::span<const float> values) {
  const Mat copy = allocate(1, static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), copy.data);
  return copy.data;
}

namespace {

// A run of whole tiles of one expert.
struct Piece {
  std::int64_t expert, first_tile, last_tile;
};

std::vector<Piece> pieces_of(const TiledWeight& weight, std::uint64_t row_bytes) {
  constexpr std::uint64_t kReadBytes = 2 << 20;  // large enough for any disk
  const std::int64_t step = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(kReadBytes / std::max<std::uint64_t>(1, row_bytes * kTileRows)));
  std::vector<Piece> pieces;
  for (std::int64_t expert = 0; expert < weight.experts; ++expert)
    for (std::int64_t tile = 0; tile < weight.tiles_per_expert; tile += step)
      pieces.push_back({expert, tile, std::min(tile + step, weight.tiles_per_expert)});
  return pieces;
}

Status read_and_pack(const WeightSource& source, const TiledWeight& weight, std::uint64_t row_bytes,
                     const Piece& piece, ReadBuffer& buffer) {
  const std::int64_t first_row = piece.first_tile * kTileRows;
  const std::int64_t rows = std::min(piece.last_tile * kTileRows, weight.out) - first_row;
  const std::span<const std::byte> file = G4_TRY(
      source.read(static_cast<std::uint64_t>(piece.expert * weight.out + first_row) * row_bytes,
                  static_cast<std::size_t>(rows) * row_bytes, buffer));
  for (std::int64_t row = 0; row < rows; row += kTileRows)
    pack_tile(
        source.dtype, file.data() + static_cast<std::uint64_t>(row) * row_bytes,
        static_cast<int>(std::min<std::int64_t>(kTileRows, rows - row)), weight.in,
        const_cast<std::byte*>(weight.tile(piece.expert, piece.first_tile + row / kTileRows)));
  return {};
}

}  // namespace

Result<std::unique_ptr<Weight>> CpuBackend::load(const WeightSource& source) {
  const int rank = source.shape.rank();
  assert(rank == 2 || rank == 3);
  const auto row_bytes = byte_size(source.dtype, source.shape.back());
  if (!row_bytes)
    return Error{fmt::format("tensor '{}': a row of {} values is not a whole number of {} blocks",
                             source.name, source.shape.back(), g4::name(source.dtype))};
  auto weight = std::make_unique<TiledWeight>();
  weight->dtype = source.dtype;
  weight->experts = rank == 3 ? static_cast<std::int64_t>(source.shape[0]) : 1;
  weight->out = static_cast<std::int64_t>(source.shape[rank - 2]);
  weight->in = static_cast<std::int64_t>(source.shape[rank - 1]);
  weight->shape = tile_shape(source.dtype, weight->in);
  weight->tiles_per_expert = (weight->out + kTileRows - 1) / kTileRows;
  weight->bytes =
      static_cast<std::uint64_t>(weight->experts * weight->tiles_per_expert) * weight->shape.bytes;
  weight->memory = G4_TRY(HugeMemory::make(weight->bytes));

  const std::vector<Piece> pieces = pieces_of(*weight, *row_bytes);
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> error;
  const auto work = [&](ReadBuffer& buffer) {
    for (std::size_t i = next++; i < pieces.size(); i = next++) {
      const Status status = read_and_pack(source, *weight, *row_bytes, pieces[i], buffer);
      if (status) continue;
      const std::lock_guard lock(mutex);
      if (!error) error = status.error();
      next = pieces.size();
    }
  };
  // More threads than cores, as most of them wait for the disk at any moment.
  load_buffers_.resize(static_cast<std::size_t>(pool_.threads() + kReadsAtOnce));
  const std::size_t threads = std::min(load_buffers_.size(), pieces.size());
  std::vector<std::jthread> others;
  try {
    for (std::size_t i = 1; i < threads; ++i)
      others.emplace_back([&, i] { work(load_buffers_[i]); });
  } catch (const std::system_error&) {
    // A limit on threads: those that there are do the work.
  }
  work(load_buffers_[0]);
  others.clear();
  if (error) return std::move(*error);
  return std::unique_ptr<Weight>(std::move(weight));
}

}  // namespace g4::cpu

namespace g4 {

Result<std::unique_ptr<Backend>> make_cpu_backend(const CpuOptions& options) {
  const cpu::Kernels* const kernels = G4_TRY(cpu::pick_kernels(options.isa));
  if (options.threads < 0 || options.threads > 1024)
    return Error{
        fmt::format("{} threads: expected 1 to 1024, or 0 for one a core", options.threads)};
  const int threads = options.threads > 0 ? options.threads : physical_cores();
  return std::unique_ptr<Backend>(std::make_unique<cpu::CpuBackend>(*kernels, threads));
}

}  // namespace g4
