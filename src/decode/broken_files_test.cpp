// Files that are cut short, lie about themselves or are made to hurt: each costs an Error at most.
#include <gtest/gtest.h>

#include <chrono>

#include "decode/test_files.h"
#include "media/test_picture.h"

namespace g4 {
namespace {

using test::image_of;
using test::read_file;
using testing::AssertionFailure;
using testing::AssertionResult;
using testing::AssertionSuccess;

AssertionResult says(const Result<RgbImage>& image, const std::string& part) {
  if (image) return AssertionFailure() << "decoded to " << image->width << " x " << image->height;
  if (image.error().message.find(part) == std::string::npos)
    return AssertionFailure() << "says: " << image.error().message;
  return AssertionSuccess();
}

void put_u32(std::string& bytes, std::size_t at, std::uint32_t value) {  // big-endian
  for (int i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(value >> (24 - 8 * i));
}

std::string png_claiming(std::uint32_t width, std::uint32_t height) {
  std::string png = read_file("png_rgb.png");
  put_u32(png, 16, width);
  put_u32(png, 20, height);
  put_u32(png, 29, test::crc32(png.data() + 12, 17));
  return png;
}

TEST(BrokenFiles, OfUnknownKindsNeverReachADecoder) {
  for (const std::string& file :
       {std::string("PK\3\4 a zip file, and more of it"), std::string("<svg width='9'></svg>"),
        std::string("%!PS-Adobe-3.0"),
        std::string("\x7f"
                    "ELF"),
        std::string("\xFF\x0A jxl"), std::string("#EXTM3U\nfile:///etc/passwd"),
        std::string(4096, '\0')})
    EXPECT_TRUE(says(image_of(file), "no file of a known kind"));
  EXPECT_TRUE(says(image_of(""), "is empty"));
}

TEST(BrokenFiles, ThatClaimHugeSizesAreRefusedBeforeTheirPixels) {
  EXPECT_TRUE(says(image_of(png_claiming(60'000, 60'000)), "too large"));
  EXPECT_FALSE(image_of(png_claiming(0x7FFFFFFF, 0x7FFFFFFF)));
  EXPECT_FALSE(image_of(png_claiming(0, 5)));
  std::string jpeg = read_file("jpeg_444.jpg");
  const std::size_t frame = jpeg.find("\xFF\xC0");
  jpeg.replace(frame + 5, 4, "\xEA\x60\xEA\x60");
  EXPECT_TRUE(says(image_of(jpeg), "too large"));
  DecodeLimits few;
  few.pixels_max = 100;
  EXPECT_TRUE(says(decode_image(test::bytes_of(read_file("png_rgb.png")), {}, few), "allowed"));
}

std::string png_with(const std::string& chunks) {
  std::string png = read_file("png_rgb.png");
  return png.insert(33, chunks);
}

std::string png_chunk(const std::string& name, const std::string& data) {
  std::string chunk(4, '\0');
  put_u32(chunk, 0, static_cast<std::uint32_t>(data.size()));
  chunk += name + data + std::string(4, '\0');
  const std::size_t summed = name.size() + data.size();
  put_u32(chunk, chunk.size() - 4, test::crc32(chunk.data() + 4, summed));
  return chunk;
}

// zlib's format: one block of fixed codes, a zero and many "258 bytes like the last".
std::string deflated_zeros(int bytes) {
  std::string out("\x78\xDA", 2);
  int bits = 0;
  const auto put = [&](unsigned code, int count) {  // Huffman codes start at their highest bit
    while (count-- > 0) {
      if (bits++ % 8 == 0) out += '\0';
      out.back() = static_cast<char>(out.back() | (code >> count & 1) << ((bits - 1) % 8));
    }
  };
  put(0b110, 3);  // the last block; of fixed codes
  put(0b00110000, 8);
  for (int i = 0; i < bytes / 258; ++i) put(0b11000101'00000, 13);
  put(0, 7);
  return out + std::string(4, '\0');  // no checksum: who comes so far has unpacked it
}

// What libpng unpacks before the pixels: a thousand times 8 MB, which its own limit allows, and a
// length of 2 GB that it asks for.
TEST(BrokenFiles, PngTextsAreNotUnpacked) {
  const std::string comment("Comment\0\0", 9);
  const std::string bomb = png_chunk("zTXt", comment + deflated_zeros(7 << 20));
  std::string bombs;
  for (int i = 0; i < 1000; ++i) bombs += bomb;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(image_of(png_with(bombs)));
  EXPECT_FALSE(image_of(png_with(std::string("\x7F\xFF\xFF\xFFtEXt", 8))));
  EXPECT_FALSE(
      image_of(png_with(std::string("\x7F\xFF\xFF\xFF"
                                    "eXIf",
                                    8))));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

std::string gif_of(std::uint16_t side, int frames) {
  const std::string size{static_cast<char>(side), static_cast<char>(side >> 8)};
  std::string gif = "GIF89a" + size + size + std::string("\x80\0\0\0\0\0\xFF\xFF\xFF", 9);
  for (int i = 0; i < frames; ++i)  // the first is large; all have one pixel of their own
    gif += std::string("\x2C\0\0\0\0", 5) + (i == 0 ? size + size : std::string("\1\0\1\0", 4)) +
           std::string("\0\2\2\x4C\1\0", 6);
  return gif + ';';
}

// The frames between the two that are kept would take 5 GB.
TEST(BrokenFiles, AnimationsAreHeldInMemoryFrameByFrame) {
  const std::string gif = gif_of(1000, 2600);
  const auto video = decode_video(test::bytes_of(gif), {.frames = 2}, DecodeLimits{});
  ASSERT_TRUE(video) << video.error().message;
  EXPECT_EQ(video->frames[1].index, 1300);
}

// 450 bytes that paint for minutes: tiles a hundred-thousandth of an inch apart.
TEST(BrokenFiles, ThatNeverComeToAnEndAreStopped) {
  const std::string pdf = R"(%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 144 72]>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /Contents 4 0 R /Resources <</Pattern <</P 5 0 R>>>>>> endobj
4 0 obj <</Length 39>> stream
/Pattern cs /P scn 0 0 144 72 re f     
endstream endobj
5 0 obj <</PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 0.001 /YStep 0.001
/Resources <<>> /Length 13>> stream
0 0 9 9 re f 
endstream endobj
trailer <</Root 1 0 R>>
)";
  DecodeLimits limits;
  limits.time_max = std::chrono::seconds(1);
  EXPECT_TRUE(says(decode_image(test::bytes_of(pdf), {}, limits), "took too long"));
}

// 30 KB that ask for 1.2 GB: a large screen, and many frames of one pixel.
TEST(BrokenFiles, GifBombsAreRefused) {
  std::string gif("GIF89a\xD0\x07\xD0\x07\x80\0\0\0\0\0\xFF\xFF\xFF", 19);
  for (int i = 0; i < 2000; ++i) gif.append("\x2C\0\0\0\0\1\0\1\0\0\2\2\x4C\1\0", 15);
  gif += ';';
  const auto start = std::chrono::steady_clock::now();
  const auto video = decode_video(test::bytes_of(gif), {.frames = 100}, DecodeLimits{});
  EXPECT_FALSE(video);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(BrokenFiles, MayHaveAnythingBehindTheirEnd) {
  const auto image = image_of(read_file("jpeg_444.jpg") + "PK\3\4 a zip file");
  ASSERT_TRUE(image);
  EXPECT_EQ(image->width, 53);
}

TEST(BrokenFiles, ThatEndEarlyAreErrors) {
  for (const boost::json::value& entry : test::decode_cases("images.json")) {
    const std::string name = entry.at("file").as_string().c_str();
    if (name.find("moving") != std::string::npos) continue;  // the first frame is whole
    const std::string file = read_file(name);
    const ImageOptions page{entry.at("page").to_number<std::int32_t>()};
    EXPECT_FALSE(image_of(file.substr(0, file.size() * 2 / 3), page)) << name;
  }
}

TEST(BrokenFiles, OfTooManyBytesAreRefused) {
  DecodeLimits limits;
  limits.file_bytes_max = 100;
  const std::string file = read_file("png_rgb.png");
  EXPECT_TRUE(says(decode_image(test::bytes_of(file), {}, limits), "at most 100"));
}

TEST(BrokenFiles, WithFlippedBytesEndInTime) {
  std::uint32_t state = 7;
  const auto random = [&] { return state = state * 1664525u + 1013904223u, state >> 8; };
  for (const char* name : {"jpeg_progressive.jpg", "png_palette.png", "webp_lossy.webp", "gif.gif",
                           "tiff_lzw.tif", "avif_420.avif", "heic_420.heic"}) {
    for (int i = 0; i < 5; ++i) {
      std::string file = read_file(name);
      for (int flips = 0; flips < 20; ++flips)
        file[16 + random() % (file.size() - 16)] = static_cast<char>(random());
      const auto start = std::chrono::steady_clock::now();
      const auto image = image_of(file);
      // A sanitizer's finding would end the decoder with a code.
      EXPECT_TRUE(image || image.error().message.find("with code") == std::string::npos) << name;
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10)) << name;
    }
  }
}

// Two pages of 144 x 72 points; the left half of each is painted, the rest is paper.
constexpr const char* kPdf = R"(%PDF-1.4
1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj
2 0 obj <</Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 144 72]>> endobj
3 0 obj <</Type /Page /Parent 2 0 R /Contents 5 0 R>> endobj
4 0 obj <</Type /Page /Parent 2 0 R /Contents 6 0 R>> endobj
5 0 obj <</Length 24>> stream
1 0 0 rg 0 0 72 72 re f 
endstream endobj
6 0 obj <</Length 24>> stream
0 0 1 rg 0 0 72 72 re f 
endstream endobj
trailer <</Root 1 0 R>>
)";

TEST(Pdf, PagesAreDrawnOnWhiteAt150Dpi) {
  for (const int page : {0, 1}) {
    const auto image = image_of(kPdf, {page});
    ASSERT_TRUE(image) << image.error().message;
    EXPECT_EQ(image->size(), (ImageSize{300, 150}));
    const std::uint8_t* left = image->row(75) + 3 * 75;
    const std::uint8_t* right = image->row(75) + 3 * 225;
    EXPECT_EQ(left[0], page == 0 ? 255 : 0);
    EXPECT_EQ(left[2], page == 0 ? 0 : 255);
    EXPECT_EQ(right[0], 255);
    EXPECT_EQ(right[1], 255);
  }
  EXPECT_FALSE(image_of(kPdf, {2}));
  EXPECT_FALSE(image_of(kPdf, {-1}));
}

}  // namespace
}  // namespace g4
