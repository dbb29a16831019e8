// Matrix products: projections, the dense FFN, the head. Each call prepares its columns once for
// every form its weights want, then shares the tiles of all weights among the threads in one loop.
#include <algorithm>
#include <cassert>

#include "backend/cpu/cpu_backend.h"

namespace g4::cpu {

ColumnForm column_form(DType dtype, const Kernels& kernels) {
  switch (dtype) {
    case DType::kF32:
    case DType::kF16:
      return {};
    case DType::kBF16:
      return kernels.bf16_columns ? ColumnForm{ColumnForm::kBf16, 0, false} : ColumnForm{};
    case DType::kQ8_0:
    case DType::kIQ4_NL:
    case DType::kIQ4_XS:
      return {ColumnForm::kQuantised, 128, false};
    case DType::kQ5_0:
      return {ColumnForm::kQuantised, 16, false};
    case DType::kQ6_K:
      return {ColumnForm::kQuantised, 32, true};
    // The types with a minimum have no zero point and take any form; sharing Q4_0's saves a pass.
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_1:
    case DType::kQ4_K:
    case DType::kQ5_K:
      return {ColumnForm::kQuantised, 8, false};
  }
  assert(false);
  return {};
}

namespace {

std::size_t column_bytes(std::int64_t n, ColumnForm form) {
  const auto count = static_cast<std::size_t>(n);
  std::size_t bytes = count * sizeof(float);
  if (form.kind == ColumnForm::kBf16) bytes = (count + 1) / 2 * 4;
  if (form.kind == ColumnForm::kQuantised) bytes = count / kBlock * sizeof(XBlock);
  return (bytes + 63) / 64 * 64;
}

}  // namespace

void CpuBackend::prepare_row(const float* x, std::int64_t n, ColumnForm form,
                             std::byte* out) const {
  if (form.kind == ColumnForm::kQuantised)
    kernels_.quantise(x, n, form.zero_point, form.halves, reinterpret_cast<XBlock*>(out));
  else
    kernels_.to_bf16(x, n, reinterpret_cast<std::uint16_t*>(out));
}

Columns CpuBackend::prepare(Mat x, ColumnForm form, int slot) {
  const std::size_t stride = column_bytes(x.cols, form);
  if (form.kind == ColumnForm::kFloat)
    return {reinterpret_cast<const std::byte*>(x.data),
            static_cast<std::size_t>(x.cols) * sizeof(float)};
  auto* const data = columns_[slot].get<std::byte>(x.rows * static_cast<std::int64_t>(stride));
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      prepare_row(x.row(i), x.cols, form, data + static_cast<std::size_t>(i) * stride);
  });
  return {data, stride};
}

Columns CpuBackend::prepare_geglu(float* gate_up, std::int64_t rows, std::int64_t width,
                                  ColumnForm form) {
  const bool plain = form.kind == ColumnForm::kFloat;
  const std::size_t stride =
      plain ? static_cast<std::size_t>(2 * width) * sizeof(float) : column_bytes(width, form);
  auto* const data =
      plain ? reinterpret_cast<std::byte*>(gate_up)
            : columns_[kSlots - 1].get<std::byte>(rows * static_cast<std::int64_t>(stride));
  for_rows(rows, 4 * width, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      float* const gate = gate_up + i * 2 * width;
      kernels_.geglu(gate, gate, gate + width, width);
      if (!plain) prepare_row(gate, width, form, data + static_cast<std::size_t>(i) * stride);
    }
  });
  return {data, stride};
}

// An item is a run of tiles of one product. Many columns: a few tiles that stay in the cache while
// the columns pass. Few columns: more, but enough items for every thread to end at the same time.
void CpuBackend::multiply(std::span<const Product> products) {
  std::int64_t tiles = 0, columns = 0;
  for (const Product& product : products) {
    tiles += product.weight->tiles_per_expert;
    columns = std::max(columns, product.columns);
  }
  const std::int64_t most = columns >= 8 ? 4 : 8;
  const std::int64_t step =
      std::clamp<std::int64_t>(tiles / (8 * std::int64_t{pool_.threads()}), 1, most);
  first_item_.assign(1, 0);
  for (const Product& product : products)
    first_item_.push_back(first_item_.back() +
                          (product.weight->tiles_per_expert + step - 1) / step);

  pool_.run(first_item_.back(), [&](std::int64_t item, int) {
    const auto next = std::upper_bound(first_item_.begin(), first_item_.end(), item);
    const auto index = static_cast<std::size_t>(next - first_item_.begin() - 1);
    const Product& product = products[index];
    const TiledWeight& weight = *product.weight;
    const std::int64_t tile = (item - first_item_[index]) * step;
    const std::int64_t row = tile * kTileRows;
    const TileRun run{
        .tiles = reinterpret_cast<const std::uint8_t*>(weight.tile(product.expert, tile)),
        .tile_bytes = weight.shape.bytes,
        .quants_offset = weight.shape.quants_offset,
        .rows = std::min(step * kTileRows, weight.out - row),
        .k = weight.in,
        .x = product.x,
        .out = product.out,
        .out_offset = row,
        .columns = product.columns};
    kernels_.tiles[static_cast<int>(weight.dtype)](run);
    if (product.softcap > 0)
      for (std::int64_t c = 0; c < run.columns; ++c)
        kernels_.softcap(run.out[c] + row, product.softcap, run.rows);
  });
}

void CpuBackend::project_to(Mat x, std::span<const Projection> projections, float softcap) {
  const auto rows = static_cast<std::size_t>(x.rows);
  ColumnForm forms[kSlots];
  Columns prepared[kSlots];
  int form_count = 0;
  // Pointers first: products hold addresses inside these vectors.
  x_pointers_.resize(rows * kSlots);
  out_pointers_.resize(rows * projections.size());
  products_.clear();
  for (std::size_t p = 0; p < projections.size(); ++p) {
    const auto& weight = static_cast<const TiledWeight&>(*projections[p].weight);
    assert(weight.in == x.cols && weight.out <= projections[p].out.cols && weight.experts == 1);
    const ColumnForm form = column_form(weight.dtype, kernels_);
    int slot = static_cast<int>(std::find(forms, forms + form_count, form) - forms);
    if (slot == form_count) {
      ++form_count;
      forms[slot] = form;
      prepared[slot] = prepare(x, form, slot);
      for (std::size_t i = 0; i < rows; ++i)
        x_pointers_[static_cast<std::size_t>(slot) * rows + i] =
            prepared[slot].column(static_cast<std::int64_t>(i));
    }
    float** const out = out_pointers_.data() + p * rows;
    for (std::size_t i = 0; i < rows; ++i)
      out[i] = projections[p].out.row(static_cast<std::int64_t>(i));
    products_.push_back({.weight = &weight,
                         .x = x_pointers_.data() + static_cast<std::size_t>(slot) * rows,
                         .out = out,
                         .columns = x.rows,
                         .softcap = softcap});
  }
  multiply(products_);
}

void CpuBackend::project(Mat x, std::span<const Projection> projections) {
  project_to(x, projections, 0);
}

void CpuBackend::logits(Mat out, Mat x, const Weight& head, float softcap) {
  const Projection last[] = {{&head, out}};
  project_to(x, last, softcap);
}

void CpuBackend::ffn(Mat out, Mat x, const Weight& gate, const Weight& up, const Weight& down) {
  const std::int64_t width = gate.out;
  assert(up.out == width && down.in == width && down.out == out.cols);
  float* const hidden = hidden_.get<float>(x.rows * 2 * width);
  // Gate and up of a row side by side: both are parts of rows of 2 * width.
  const Projection both[] = {{&gate, {hidden, x.rows, 2 * width}},
                             {&up, {hidden + width, x.rows, 2 * width}}};
  project(x, both);
  const auto& last = static_cast<const TiledWeight&>(down);
  const Columns columns = prepare_geglu(hidden, x.rows, width, column_form(last.dtype, kernels_));
  const auto rows = static_cast<std::size_t>(x.rows);
  x_pointers_.resize(rows);
  out_pointers_.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    x_pointers_[i] = columns.column(static_cast<std::int64_t>(i));
    out_pointers_[i] = out.row(static_cast<std::int64_t>(i));
  }
  const Product product{
      .weight = &last, .x = x_pointers_.data(), .out = out_pointers_.data(), .columns = x.rows};
  multiply({&product, 1});
}

}  // namespace g4::cpu
