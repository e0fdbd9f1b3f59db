#pragma once
// Files that a safetensors reader must refuse, class by class (container and tensor classes of the list that
// the format's past faults teach), and pieces to build such files from.
#include <cstdint>
#include <string>
#include <vector>

namespace whorl::tensor {

inline std::string length_prefix(uint64_t length) {
  std::string out(8, '\0');
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<char>(length >> (8 * i));
  return out;
}

inline std::string file_of(const std::string& header, size_t data_bytes) {
  return length_prefix(header.size()) + header + std::string(data_bytes, '\1');
}

// One tensor "a" with these fields.
inline std::string one(const std::string& fields, size_t data_bytes = 24) {
  return file_of("{\"a\":{" + fields + "}}", data_bytes);
}

struct BadFile {
  const char* what;
  std::string bytes;
};

inline std::vector<BadFile> bad_files() {
  const std::string good = R"("dtype":"F32","shape":[2,3],"data_offsets":[0,24])";
  const std::string entry = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
  const std::string deep = "{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}";
  return {
      {"nothing", ""},
      {"less than eight bytes", "1234567"},
      {"header length 0", file_of("", 0)},
      {"header longer than the file", length_prefix(1000) + "{}"},
      {"header beyond the cap", length_prefix(uint64_t{1} << 40) + "{}"},
      {"header length 2^63", length_prefix(uint64_t{1} << 63) + "{}"},
      {"header length 2^64-1", length_prefix(UINT64_MAX) + "{}"},
      {"trailing bytes", one(good, 25)},
      {"data cut short", one(good, 23)},
      {"bad UTF-8", file_of("{\"a\xff\":{" + good + "}}", 24)},
      {"overlong UTF-8", file_of("{\"a\xc0\xaf\":{" + good + "}}", 24)},
      {"lone surrogate", file_of("{\"\\ud800\":{" + good + "}}", 24)},
      {"NUL in a name", file_of("{\"a\\u0000b\":{" + good + "}}", 24)},
      {"byte order mark", file_of("\xef\xbb\xbf{\"a\":{" + good + "}}", 24)},
      {"empty name", file_of("{\"\":{" + good + "}}", 24)},
      {"a list", file_of("[]", 0)},
      {"a string", file_of("\"x\"", 0)},
      {"null", file_of("null", 0)},
      {"garbage after the header", file_of("{}x", 0)},
      {"zero byte behind the header", file_of(std::string("{}\0x", 4), 0)},
      {"zero bytes as padding", file_of(std::string("{}\0\0", 4), 0)},
      {"two objects", file_of("{}{}", 0)},
      {"not closed", file_of("{\"a\":{" + good + "}", 24)},
      {"duplicate tensor", file_of("{\"a\":{" + entry + "},\"a\":{" + entry + "}}", 4)},
      {"duplicate tensor, escaped", file_of("{\"a\":{" + entry + "},\"\\u0061\":{" + entry + "}}", 4)},
      {"duplicate field", one(good + R"(,"dtype":"F32")")},
      {"duplicate metadata", file_of(R"({"__metadata__":{},"__metadata__":{}})", 0)},
      {"duplicate metadata key", file_of(R"({"__metadata__":{"a":"1","a":"2"}})", 0)},
      {"nested too deep", file_of(deep, 0)},
      {"metadata value no string", file_of(R"({"__metadata__":{"a":1}})", 0)},
      {"metadata no object", file_of(R"({"__metadata__":"a"})", 0)},
      {"metadata nested", file_of(R"({"__metadata__":{"a":{}}})", 0)},
      {"no dtype", one(R"("shape":[2,3],"data_offsets":[0,24])")},
      {"no shape", one(R"("dtype":"F32","data_offsets":[0,24])")},
      {"no offsets", one(R"("dtype":"F32","shape":[2,3])")},
      {"unknown field", one(good + R"(,"stride":[3,1])")},
      {"tensor no object", file_of(R"({"a":[]})", 0)},
      {"tensor null", file_of(R"({"a":null})", 0)},
      {"negative dimension", one(R"("dtype":"F32","shape":[-2,-3],"data_offsets":[0,24])")},
      {"float dimension", one(R"("dtype":"F32","shape":[2.0,3],"data_offsets":[0,24])")},
      {"exponent dimension", one(R"("dtype":"F32","shape":[2e0,3],"data_offsets":[0,24])")},
      {"bool dimension", one(R"("dtype":"F32","shape":[true,6],"data_offsets":[0,24])")},
      {"text dimension", one(R"("dtype":"F32","shape":["2",3],"data_offsets":[0,24])")},
      {"nested dimension", one(R"("dtype":"F32","shape":[[2,3]],"data_offsets":[0,24])")},
      {"dimension beyond 2^53", one(R"("dtype":"F32","shape":[0,9007199254740993],"data_offsets":[0,0])", 0)},
      {"dimension beyond 2^64", one(R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,24])")},
      {"negative offset", one(R"("dtype":"F32","shape":[2,3],"data_offsets":[-24,0])")},
      {"one offset", one(R"("dtype":"F32","shape":[2,3],"data_offsets":[24])")},
      {"three offsets", one(R"("dtype":"F32","shape":[2,3],"data_offsets":[0,24,24])")},
      {"offset 2^64-1",
       one(R"("dtype":"F32","shape":[2,3],"data_offsets":[18446744073709551591,18446744073709551615])")},
      {"unknown dtype", one(R"("dtype":"F31","shape":[2,3],"data_offsets":[0,24])")},
      {"dtype in small letters", one(R"("dtype":"f32","shape":[2,3],"data_offsets":[0,24])")},
      {"dtype a number", one(R"("dtype":32,"shape":[2,3],"data_offsets":[0,24])")},
      {"begin after end", one(R"("dtype":"F32","shape":[2,3],"data_offsets":[24,0])")},
      {"overlap",
       file_of("{\"a\":{" + entry + R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})", 6)},
      {"the same bytes twice", file_of("{\"a\":{" + entry + "},\"b\":{" + entry + "}}", 4)},
      {"gap",
       file_of("{\"a\":{" + entry + R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})", 12)},
      {"gap at the start", one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])", 8)},
      {"outside of the file", one(R"("dtype":"F32","shape":[200],"data_offsets":[0,800])")},
      {"elements overflow",
       one(R"("dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0])", 0)},
      {"bytes overflow to 0",
       one(R"("dtype":"F32","shape":[4503599627370496,1024],"data_offsets":[0,0])", 0)},
      {"size smaller than shape", one(R"("dtype":"F32","shape":[2,4],"data_offsets":[0,24])")},
      {"size larger than shape", one(R"("dtype":"F32","shape":[2,2],"data_offsets":[0,24])")},
      {"scalar of the wrong size", one(R"("dtype":"F32","shape":[],"data_offsets":[0,24])")},
      {"nine dimensions", one(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,2,3],"data_offsets":[0,24])")},
      {"half a byte", one(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])", 1)},
  };
}

}  // namespace whorl::tensor
