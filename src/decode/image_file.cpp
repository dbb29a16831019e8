#include "decode/image_file.h"

#include <fmt/format.h>
#include <vips/vips.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "decode/gif_colour.h"
#include "decode/orientation.h"
#include "decode/pixels.h"
#include "decode/png_chunks.h"
#include "decode/video_file.h"

namespace g4::decode {
namespace {

constexpr double kPdfDpi = 150;   // letters of 10 points are 20 pixels high
constexpr int kRowsAtATime = 16;  // libvips rounds up to its own tiles

struct Unref {
  void operator()(void* object) const { g_object_unref(object); }
};
using Image = std::unique_ptr<VipsImage, Unref>;
using Region = std::unique_ptr<VipsRegion, Unref>;

Error vips_failed(const char* what) {
  std::string reason = vips_error_buffer();
  vips_error_clear();
  while (!reason.empty() && reason.back() == '\n') reason.pop_back();
  for (char& c : reason)
    if (c == '\n') c = ';';
  const std::string in_brackets = reason.empty() ? "" : fmt::format(" ({})", reason.substr(0, 300));
  return Error{
      fmt::format("{}: it is damaged, cut short or of an unknown variety{}", what, in_brackets)};
}

using Loader = int (*)(void*, std::size_t, VipsImage**, ...);

Loader loader_of(FileKind kind) {
  switch (kind) {
    case FileKind::kJpeg:
      return vips_jpegload_buffer;
    case FileKind::kPng:
      return vips_pngload_buffer;
    case FileKind::kWebp:
      return vips_webpload_buffer;
    case FileKind::kGif:
      return vips_gifload_buffer;
    case FileKind::kTiff:
      return vips_tiffload_buffer;
    case FileKind::kHeif:
      return vips_heifload_buffer;
    case FileKind::kPdf:
      return vips_pdfload_buffer;
    default:
      return nullptr;
  }
}

enum class Frames : std::uint8_t { kOne, kAll };

// Reads the header only; pixels come when asked for, from the top.
Result<Image> open(std::span<const std::byte> file, FileKind kind, int page, Frames frames) {
  const Loader loader = loader_of(kind);
  if (loader == nullptr) return Error{"this kind of file is not an image"};
  void* bytes = const_cast<std::byte*>(file.data());  // libvips only reads them
  VipsImage* image = nullptr;
  int failed = 0;
  const VipsAccess access = VIPS_ACCESS_SEQUENTIAL;
  const VipsFailOn fail_on = VIPS_FAIL_ON_TRUNCATED;
  if (kind == FileKind::kPdf) {
    failed = loader(bytes, file.size(), &image, "access", access, "fail_on", fail_on, "page", page,
                    "dpi", kPdfDpi, nullptr);
  } else if (kind == FileKind::kTiff) {
    failed = loader(bytes, file.size(), &image, "access", access, "fail_on", fail_on, "page", page,
                    nullptr);
  } else if (frames == Frames::kAll) {
    failed =
        loader(bytes, file.size(), &image, "access", access, "fail_on", fail_on, "n", -1, nullptr);
  } else {
    failed = loader(bytes, file.size(), &image, "access", access, "fail_on", fail_on, nullptr);
  }
  if (failed) return vips_failed("the image cannot be read");
  return Image(image);
}

Result<PixelLayout> layout_of(VipsImage* image) {
  const int bands = vips_image_get_bands(image);
  const VipsBandFormat format = vips_image_get_format(image);
  const VipsInterpretation meaning = vips_image_get_interpretation(image);
  const bool cmyk = meaning == VIPS_INTERPRETATION_CMYK;
  if (format == VIPS_FORMAT_UCHAR && bands == 4 && cmyk) return PixelLayout::kCmyk4;
  const bool known = !cmyk && meaning != VIPS_INTERPRETATION_LAB &&
                     meaning != VIPS_INTERPRETATION_LABS && bands >= 1 && bands <= 4;
  using L = PixelLayout;
  constexpr PixelLayout kEight[]{L::kGrey1, L::kGreyAlpha2, L::kRgb3, L::kRgbAlpha4};
  constexpr PixelLayout kSixteen[]{L::kGrey1x16, L::kGreyAlpha2x16, L::kRgb3x16, L::kRgbAlpha4x16};
  if (known && format == VIPS_FORMAT_UCHAR) return kEight[bands - 1];
  if (known && format == VIPS_FORMAT_USHORT) return kSixteen[bands - 1];
  return Error{fmt::format("images of {} {} channels are not supported", bands,
                           vips_enum_nick(VIPS_TYPE_BAND_FORMAT, format))};
}

Status check_size(ImageSize size, const DecodeLimits& limits) {
  if (Status status = check_image_size(size); !status) return status;
  if (size.pixels() > limits.pixels_max)
    return Error{fmt::format("the image has {} x {} pixels, more than the {} allowed", size.width,
                             size.height, limits.pixels_max)};
  return {};
}

// Rows of one opened image, from the top down.
class Rows {
 public:
  // `under` is the colour of clear pixels; their own if not given.
  Rows(VipsImage* image, PixelLayout layout, std::optional<Colour> under)
      : width_(vips_image_get_width(image)),
        layout_(layout),
        under_(layout == PixelLayout::kRgbAlpha4 ? under : std::nullopt),
        region_(vips_region_new(image)) {}

  // Rows between the last that were read and these are read in passing: libvips would keep all of
  // them in memory at once.
  Status read(int first, int count, std::uint8_t* rgb) {
    const auto pixels = static_cast<std::size_t>(width_);
    for (; next_ < first; next_ += kRowsAtATime) {
      const VipsRect strip{0, next_, 1, std::min(kRowsAtATime, first - next_)};
      if (Status status = prepare(strip); !status) return status;
    }
    for (int y = first; y < first + count; y += kRowsAtATime) {
      const VipsRect strip{0, y, width_, std::min(kRowsAtATime, first + count - y)};
      if (Status status = prepare(strip); !status) return status;
      for (int i = 0; i < strip.height; ++i, rgb += 3 * pixels) {
        const VipsPel* samples = VIPS_REGION_ADDR(region_.get(), 0, y + i);
        to_rgb(layout_, samples, pixels, rgb);
        if (under_) paint_under(samples, rgb);
      }
    }
    next_ = first + count;
    return {};
  }

 private:
  Status prepare(const VipsRect& strip) {
    if (vips_region_prepare(region_.get(), &strip) == 0) return {};
    return vips_failed("the image cannot be read to its end");
  }

  void paint_under(const VipsPel* rgba, std::uint8_t* rgb) const {
    for (int x = 0; x < width_; ++x, rgba += 4, rgb += 3)
      if (rgba[3] == 0) std::copy(under_->begin(), under_->end(), rgb);
  }

  int width_;
  PixelLayout layout_;
  std::optional<Colour> under_;
  Region region_;
  int next_ = 0;
};

// Poppler paints on nothing: paper is white.
Result<Image> on_white(Image image) {
  if (!vips_image_hasalpha(image.get())) return image;
  const std::unique_ptr<VipsArrayDouble, void (*)(VipsArrayDouble*)> white(
      vips_array_double_newv(1, 255.0),
      [](VipsArrayDouble* array) { vips_area_unref(VIPS_AREA(array)); });
  VipsImage* flat = nullptr;
  if (vips_flatten(image.get(), &flat, "background", white.get(), nullptr) != 0)
    return vips_failed("the page cannot be drawn");
  return Image(flat);
}

int orientation_of(VipsImage* image) {
  int orientation = 1;
  if (vips_image_get_typeof(image, VIPS_META_ORIENTATION) != 0)
    vips_image_get_int(image, VIPS_META_ORIENTATION, &orientation);
  return orientation;
}

ImageSize size_of(VipsImage* image) {
  return {vips_image_get_width(image), vips_image_get_height(image)};
}

}  // namespace

Status start_image_library(const char* program) {
  // Never a temporary file, and no line on stderr for each thing that is wrong with a file.
  ::setenv("VIPS_DISC_THRESHOLD", "1000g", 1);
  ::setenv("VIPS_WARNING", "1", 1);
  if (vips_init(program) != 0) return vips_failed("cannot start libvips");
  vips_concurrency_set(1);
  vips_cache_set_max(0);
  return {};
}

Result<RgbImage> load_image(std::span<const std::byte> file, FileKind kind, ImageOptions options,
                            const DecodeLimits& limits) {
  std::vector<std::byte> chunks;  // outlives what is opened
  if (kind == FileKind::kPng) file = chunks = picture_chunks(file);
  auto opened = open(file, kind, options.page, Frames::kOne);
  if (!opened) return std::move(opened).error();
  if (Status status = check_size(size_of(opened->get()), limits); !status)
    return std::move(status).error();
  if (kind == FileKind::kPdf) opened = on_white(*std::move(opened));
  if (!opened) return std::move(opened).error();
  VipsImage* source = opened->get();
  auto layout = layout_of(source);
  if (!layout) return std::move(layout).error();
  RgbImage image{size_of(source).width, size_of(source).height, {}};
  image.rgb.resize(static_cast<std::size_t>(image.size().pixels()) * 3);
  const auto under = kind == FileKind::kGif ? gif_clear_colour(file) : std::nullopt;
  Rows rows(source, *layout, under);
  if (Status status = rows.read(0, image.height, image.rgb.data()); !status)
    return std::move(status).error();
  return upright(std::move(image), orientation_of(source));
}

namespace {

struct Animation {
  std::int32_t height = 0;  // of one frame; they follow each other downwards
  VideoLength length;
};

Result<Animation> measure(VipsImage* image) {
  Animation animation{vips_image_get_page_height(image), {1, VideoLength{}.fps}};
  const int height = vips_image_get_height(image);
  if (animation.height < 1 || height % animation.height != 0)
    return Error{"the frames of the animation differ in size"};
  animation.length.frames = height / animation.height;
  int* delays = nullptr;
  int count = 0;
  std::int64_t milliseconds = 0;
  if (vips_image_get_typeof(image, "delay") != 0 &&
      vips_image_get_array_int(image, "delay", &delays, &count) == 0)
    for (int i = 0; i < count; ++i) milliseconds += std::max(delays[i], 0);
  if (milliseconds > 0)
    animation.length.fps =
        static_cast<double>(animation.length.frames) * 1000 / static_cast<double>(milliseconds);
  return animation;
}

}  // namespace

Result<VideoFrames> load_animation(std::span<const std::byte> file, FileKind kind,
                                   const VideoOptions& options, const DecodeLimits& limits) {
  auto opened = open(file, kind, 0, Frames::kAll);
  if (!opened) return std::move(opened).error();
  VipsImage* source = opened->get();
  const auto animation = measure(source);
  if (!animation) return animation.error();
  const auto indices = sample_frames(animation->length, options, limits.frames_max);
  if (!indices) return indices.error();
  const ImageSize size{vips_image_get_width(source), animation->height};
  if (Status status = check_video_size(size, indices->size(), limits); !status)
    return std::move(status).error();
  const auto layout = layout_of(source);
  if (!layout) return layout.error();
  Rows rows(source, *layout, std::nullopt);
  VideoFrames video{animation->length, {}};
  for (const std::int64_t index : *indices) {
    RgbImage image{size.width, size.height, {}};
    image.rgb.resize(static_cast<std::size_t>(size.pixels()) * 3);
    // A frame may lie up to VIPS_MAX_COORD rows down, which libvips has made sure of.
    const auto first = static_cast<int>(index * size.height);
    if (Status status = rows.read(first, size.height, image.rgb.data()); !status)
      return std::move(status).error();
    const double seconds = static_cast<double>(index) / animation->length.fps;
    video.frames.push_back({index, seconds, std::move(image)});
  }
  return video;
}

}  // namespace g4::decode
