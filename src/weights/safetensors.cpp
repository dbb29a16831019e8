// The header is parsed event by event, so that a repeated name is seen (a JSON tree would keep only
// the last) and a large hostile header builds no tree.
#include "weights/safetensors.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <optional>
#include <utility>

#include "weights/layout.h"

namespace g4 {
namespace {

namespace json = boost::json;
using json::error_code;

std::optional<DType> dtype_of(std::string_view name) {
  if (name == "BF16") return DType::kBF16;
  if (name == "F16") return DType::kF16;
  if (name == "F32") return DType::kF32;
  return std::nullopt;
}

// Receives the JSON events of a header and collects its tensors. The first thing that does not
// belong ends the parse; fault() then says what it was.
class HeaderHandler {
 public:
  static constexpr std::size_t max_object_size = kTensorsMax + 1;  // and __metadata__
  static constexpr std::size_t max_array_size = Shape::kRankMax + 1;
  static constexpr std::size_t max_key_size = kTensorNameBytesMax;
  static constexpr std::size_t max_string_size = 1u << 24;

  explicit HeaderHandler(std::string file) : file_(std::move(file)) {}
  const std::optional<Error>& fault() const { return fault_; }
  std::vector<TensorInfo> take() { return std::move(tensors_); }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }

  bool on_object_begin(error_code& ec) {
    if (place_ == Place::kTop) return go(Place::kTensors);
    if (place_ != Place::kTensors) return fail(ec, "an object where none belongs");
    if (tensor_.name == "__metadata__") return go(Place::kMetadata);
    dtype_.reset();
    shape_.reset();
    offsets_.reset();
    return go(Place::kEntry);
  }
  bool on_object_end(std::size_t, error_code& ec) {
    if (place_ == Place::kEntry && !finish_tensor(ec)) return false;
    return go(place_ == Place::kTensors ? Place::kTop : Place::kTensors);
  }
  bool on_array_begin(error_code& ec) {
    if (place_ != Place::kEntry) return fail(ec, "an array where none belongs");
    if (field_ == "shape") return begin_list(ec, shape_);
    if (field_ == "data_offsets") return begin_list(ec, offsets_);
    return fail(ec, fmt::format("an array as {}", in_quotes(field_)));
  }
  bool on_array_end(std::size_t, error_code&) { return go(Place::kEntry); }

  bool on_key_part(std::string_view part, std::size_t, error_code&) {
    text_ += part;
    return true;
  }
  bool on_key(std::string_view part, std::size_t, error_code&) {
    text_ += part;
    (place_ == Place::kTensors ? tensor_.name : field_) = std::exchange(text_, {});
    return true;
  }
  bool on_string_part(std::string_view part, std::size_t, error_code&) {
    if (place_ != Place::kMetadata) text_ += part;
    return true;
  }
  bool on_string(std::string_view part, std::size_t, error_code& ec) {
    if (place_ == Place::kMetadata) return true;
    text_ += part;
    if (place_ != Place::kEntry || field_ != "dtype")
      return fail(ec, fmt::format("a string {} where none belongs", in_quotes(text_)));
    if (dtype_) return fail(ec, "dtype appears twice");
    dtype_ = std::exchange(text_, {});
    return true;
  }
  bool on_number_part(std::string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, std::string_view, error_code& ec) {
    if (value < 0) return fail(ec, fmt::format("a negative number {}", value));
    return on_uint64(static_cast<std::uint64_t>(value), {}, ec);
  }
  bool on_uint64(std::uint64_t value, std::string_view, error_code& ec) {
    if (place_ != Place::kList) return fail(ec, "a number where none belongs");
    list_->push_back(value);
    return true;
  }
  bool on_double(double value, std::string_view, error_code& ec) {
    return fail(ec, fmt::format("{} is not a 64-bit whole number", value));
  }
  bool on_bool(bool, error_code& ec) { return fail(ec, "a bool where none belongs"); }
  bool on_null(error_code& ec) { return fail(ec, "a null where none belongs"); }
  bool on_comment_part(std::string_view, error_code& ec) { return fail(ec, "a comment"); }
  bool on_comment(std::string_view, error_code& ec) { return fail(ec, "a comment"); }

 private:
  enum class Place { kTop, kTensors, kMetadata, kEntry, kList };
  using List = std::vector<std::uint64_t>;

  bool go(Place place) {
    place_ = place;
    return true;
  }
  bool begin_list(error_code& ec, std::optional<List>& list) {
    if (list) return fail(ec, fmt::format("{} appears twice", field_));
    list_ = &list.emplace();
    return go(Place::kList);
  }
  bool fail(error_code& ec, const std::string& text) {
    fault_ = tensor_.name.empty()
                 ? Error{fmt::format("{}: header: {}", file_, text)}
                 : Error{fmt::format("{}: tensor {}: {}", file_, in_quotes(tensor_.name), text)};
    return stop(ec);
  }
  bool stop(error_code& ec) {
    ec = json::make_error_code(json::error::exception);  // replaced by fault_
    return false;
  }

  bool finish_tensor(error_code& ec) {
    if (tensor_.name.empty()) return fail(ec, "a tensor with an empty name");
    if (!dtype_ || !shape_ || !offsets_)
      return fail(ec, fmt::format("{} is missing",
                                  !dtype_ ? "dtype" : (!shape_ ? "shape" : "data_offsets")));
    const std::optional<DType> dtype = dtype_of(*dtype_);
    if (!dtype)
      return fail(ec, fmt::format("dtype {} is not supported; supported are BF16, F16, F32",
                                  in_quotes(*dtype_)));
    if (shape_->size() > Shape::kRankMax)
      return fail(
          ec, fmt::format("{} dimensions; expected at most {}", shape_->size(), Shape::kRankMax));
    if (offsets_->size() != 2 || (*offsets_)[0] > (*offsets_)[1])
      return fail(ec, "data_offsets is not a begin and an end");
    tensor_.dtype = *dtype;
    tensor_.shape = Shape();
    for (std::uint64_t size : *shape_) tensor_.shape.push_back(size);
    Result<std::uint64_t> bytes =
        tensor_bytes(file_, in_quotes(tensor_.name), tensor_.dtype, tensor_.shape);
    if (!bytes) {
      fault_ = std::move(bytes).error();
      return stop(ec);
    }
    tensor_.offset = (*offsets_)[0];
    tensor_.bytes = (*offsets_)[1] - (*offsets_)[0];
    if (tensor_.bytes != *bytes)
      return fail(
          ec, fmt::format("data_offsets span {} bytes, but shape {} of {} takes {}", tensor_.bytes,
                          tensor_.shape.to_string(), name(tensor_.dtype), *bytes));
    if (tensors_.size() == kTensorsMax)
      return fail(ec, fmt::format("more than {} tensors in one file", kTensorsMax));
    tensors_.push_back(tensor_);
    return true;
  }

  std::string file_;
  Place place_ = Place::kTop;
  std::string text_;   // the key or string being received
  std::string field_;  // "dtype", "shape", ... of the entry being received
  TensorInfo tensor_{};
  std::optional<std::string> dtype_;
  std::optional<List> shape_, offsets_;
  List* list_ = nullptr;  // the one being received
  std::vector<TensorInfo> tensors_;
  std::optional<Error> fault_;
};

Result<std::vector<TensorInfo>> parse_header(const std::string& file, std::string_view text) {
  json::parse_options options;
  options.max_depth = 4;
  json::basic_parser<HeaderHandler> parser(options, file);
  error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (parser.handler().fault()) return *parser.handler().fault();
  if (!ec && used < text.size() && text.find_first_not_of(" \t\r\n\0", used) != text.npos)
    ec = json::make_error_code(json::error::extra_data);
  if (ec)
    return Error{
        fmt::format("{}: the header is not valid JSON: {} near byte {}", file, ec.message(), used)};
  return parser.handler().take();
}

// A plain name in the same folder, as every published index has it.
bool is_safe_shard_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos &&
         name.ends_with(".safetensors");
}

}  // namespace

Result<std::vector<TensorInfo>> parse_safetensors(const ByteSource& source) {
  const std::string& file = source.name();
  std::uint64_t header_bytes = 0;
  if (source.size() < sizeof header_bytes)
    return Error{
        fmt::format("{}: {} bytes are too few for a safetensors file", file, source.size())};
  G4_TRY(source.read_at(0, std::as_writable_bytes(std::span(&header_bytes, 1))));
  if (header_bytes > kSafetensorsHeaderBytesMax)
    return Error{fmt::format("{}: a header of {} bytes, but at most {} are allowed", file,
                             header_bytes, kSafetensorsHeaderBytesMax)};
  const std::uint64_t data_begin = sizeof header_bytes + header_bytes;
  if (data_begin > source.size())
    return Error{fmt::format("{}: a header of {} bytes cannot be in a file of {} bytes", file,
                             header_bytes, source.size())};
  std::string text(header_bytes, '\0');
  G4_TRY(source.read_at(sizeof header_bytes, std::as_writable_bytes(std::span(text))));
  std::vector<TensorInfo> tensors = G4_TRY(parse_header(file, text));
  for (TensorInfo& tensor : tensors)
    if (__builtin_add_overflow(tensor.offset, data_begin, &tensor.offset))
      return Error{fmt::format("{}: tensor {}: its offset is larger than 2^64", file,
                               in_quotes(tensor.name))};
  G4_TRY(check_layout(file, data_begin, source.size(), tensors));
  return tensors;
}

Result<ShardMap> parse_safetensors_index(const std::string& file, std::string_view text) {
  json::parse_options options;
  options.max_depth = 8;
  error_code ec;
  json::monotonic_resource memory;
  const json::value root = json::parse(text, ec, &memory, options);
  if (ec) return Error{fmt::format("{}: not valid JSON: {}", file, ec.message())};
  const json::object* top = root.if_object();
  const json::value* map = top ? top->if_contains("weight_map") : nullptr;
  if (!map || !map->is_object())
    return Error{fmt::format("{}: key 'weight_map' is missing or not an object", file)};
  ShardMap shards;
  for (const auto& [tensor, shard] : map->get_object()) {
    const json::string* shard_name = shard.if_string();
    if (!shard_name)
      return Error{
          fmt::format("{}: tensor {}: its file name is not a string", file, in_quotes(tensor))};
    if (!is_safe_shard_name(*shard_name))
      return Error{
          fmt::format("{}: tensor {}: {} is not the name of a .safetensors file in the "
                      "same folder",
                      file, in_quotes(tensor), in_quotes(*shard_name))};
    shards.emplace(tensor, *shard_name);
  }
  if (shards.empty()) return Error{fmt::format("{}: key 'weight_map' names no tensor", file)};
  return shards;
}

}  // namespace g4
