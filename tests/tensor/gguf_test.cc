#include "tensor/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/random.h"
#include "tensor/safetensors.h"

namespace whorl::tensor {
namespace {

const std::string golden = std::string(WHORL_SOURCE_DIR) + "/tests/golden/gguf/";

std::string golden_bytes() {
  return base::read_file(*base::FileSystem::real(), golden + "types.gguf", 1 << 20, "gguf_test");
}

std::string refusal(const std::string& bytes) {
  try {
    parse_gguf(bytes, "[t]");
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

int64_t differences(const Tensor& a, const Tensor& b) {
  int64_t found = 0;
  for (int64_t i = 0; i < a.numel(); ++i) found += a.data<float>()[i] != b.data<float>()[i];
  return found;
}

// Writes a header piece by piece.
struct Writer {
  std::string bytes = "GGUF";
  template <class T>
  Writer& put(T value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }
  Writer& text(const std::string& s) {
    put<uint64_t>(s.size());
    bytes += s;
    return *this;
  }
  // Version, tensors, keys.
  static Writer with(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
    return Writer().put(version).put(tensors).put(keys);
  }
  // One tensor's line, and `room` bytes of data behind it.
  static std::string tensor(std::vector<uint64_t> sizes, uint32_t type, uint64_t offset, size_t room) {
    Writer w = with(1, 0);
    w.text("x").put<uint32_t>(static_cast<uint32_t>(sizes.size()));
    for (const uint64_t n : sizes) w.put(n);
    w.put(type).put(offset);
    w.bytes.resize((w.bytes.size() + 31) / 32 * 32 + room);
    return w.bytes;
  }
};

TEST(Gguf, EveryTypeStandsForWhatTheReferenceSays) {
  const Gguf file = Gguf::open(golden + "types.gguf");
  const Safetensors expected = Safetensors::open(golden + "types.safetensors");
  ASSERT_EQ(file.tensors().size(), 11u);
  for (const GgufTensor& t : file.tensors()) {
    EXPECT_EQ(t.name, name_of(t.type));
    const Tensor got = file.widened(t.name), want = expected.tensor(t.name);
    ASSERT_EQ(got.shape(), want.shape()) << t.name;
    EXPECT_EQ(differences(got, want), 0) << t.name;
  }
}

// Plain codes, times their scales, are the widened numbers: exactly, or (Q4_K) but for the float16 scales.
TEST(Gguf, CodesStandForTheSameNumbers) {
  const Gguf file = Gguf::open(golden + "types.gguf");
  for (const char* name : {"Q8_0", "Q4_0", "Q4_1", "Q4_K"}) {
    const GgufTensor& t = file.info(name);
    const bool bytes = t.type == GgufType::q8_0, minimum = has_minima(t.type);
    const int64_t n = file.widened(name).numel(), groups = n / 32;
    std::vector<uint8_t> codes(static_cast<size_t>(bytes ? n : n / 2));
    std::vector<uint16_t> scales(static_cast<size_t>(groups)), minima(static_cast<size_t>(groups));
    copy_codes(t.type, file.blocks(name), n, {codes.data(), scales.data(), minima.data()});
    const Tensor wide = file.widened(name);
    const float* want = wide.data<float>();
    for (int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<size_t>(i), group = at / 32;
      const int nibble = bytes ? 0 : codes[at / 2] >> at % 2 * 4 & 15;
      const int code = bytes ? static_cast<int8_t>(codes[at]) : minimum ? nibble : nibble - 8;
      const float scale = half_to_float(scales[group]), below = minimum ? half_to_float(minima[group]) : 0.0f;
      const float got = scale * static_cast<float>(code) - below;
      const float most = t.type == GgufType::q4_k
                             ? std::ldexp(std::abs(scale * static_cast<float>(code)) + std::abs(below), -11)
                             : 0.0f;
      ASSERT_NEAR(got, want[i], most) << name << " " << i;
    }
  }
  EXPECT_THROW(copy_codes(GgufType::q6_k, nullptr, 0, {}), std::invalid_argument);
}

// The comparison above sees every single changed code: flip a bit of each block's every byte.
TEST(Gguf, AFlippedBitOfABlockChangesWhatItStandsFor) {
  const Gguf file = Gguf::open(golden + "types.gguf");
  const std::string bytes = golden_bytes();
  for (const GgufTensor& t : file.tensors()) {
    const Tensor want = file.widened(t.name);
    const int64_t n = block_size(t.type);
    for (int64_t at = 0; at < bytes_per_block(t.type); ++at) {
      std::string block = bytes.substr(t.offset, static_cast<size_t>(bytes_per_block(t.type)));
      block[static_cast<size_t>(at)] = static_cast<char>(block[static_cast<size_t>(at)] ^ 0x11);
      std::vector<float> got(static_cast<size_t>(n));
      widen_blocks(t.type, reinterpret_cast<const uint8_t*>(block.data()), n, got.data());
      EXPECT_NE(std::memcmp(got.data(), want.raw(), got.size() * sizeof(float)), 0)
          << t.name << " byte " << at;
    }
  }
}

TEST(Gguf, KeysKeepTheirKinds) {
  const Gguf file = Gguf::open(golden + "types.gguf");
  const auto& keys = file.metadata();
  EXPECT_EQ(std::get<std::string>(keys.at("general.architecture")), "llama");
  EXPECT_EQ(std::get<int64_t>(keys.at("llama.block_count")), 2);
  EXPECT_EQ(std::get<double>(keys.at("llama.rope.freq_base")), 10000.0);
  EXPECT_EQ(std::get<std::vector<std::string>>(keys.at("tokenizer.ggml.tokens"))[1], "é");
  EXPECT_EQ(std::get<std::vector<double>>(keys.at("tokenizer.ggml.scores"))[1], -1.5);
  EXPECT_EQ(std::get<int64_t>(keys.at("tokenizer.ggml.add_bos_token")), 1);
  EXPECT_THROW(file.info("nothing"), std::invalid_argument);
}

TEST(Gguf, RefusesWhatIsWrongByName) {
  constexpr uint64_t huge = uint64_t{1} << 62;
  const auto says = [](const std::string& bytes, const std::string& words) {
    EXPECT_NE(refusal(bytes).find(words), std::string::npos) << words << " not in: " << refusal(bytes);
  };
  says("GGUX", "opens with 'GGUF'");
  says(Writer::with(0, 0, 1).bytes, "version 2 or 3, got 1");
  says(Writer::with(0, 0, 0x03000000).bytes, "version 2 or 3");
  says(Writer::with(0, huge).bytes, "table of keys");
  says(Writer::with(huge, 0).bytes, "table of tensors");
  says(Writer::with(0, 1).put<uint64_t>(huge).put<uint32_t>(0).put<uint8_t>(0).bytes, "a text");
  says(Writer::with(0, 1).text("").put<uint32_t>(0).put<uint8_t>(0).bytes, "empty key");
  says(Writer::with(0, 1).text("k").put<uint32_t>(13).put<uint8_t>(0).bytes, "no value type 13");
  says(Writer::with(0, 1).text("k").put<uint32_t>(7).put<uint8_t>(2).bytes, "boolean");
  says(Writer::with(0, 1).text("k").put<uint32_t>(9).put<uint32_t>(4).put<uint64_t>(huge).bytes, "a list");
  says(Writer::with(0, 1).text("k").put<uint32_t>(9).put<uint32_t>(9).put<uint64_t>(0).bytes,
       "items of type 9");
  says(Writer::with(0, 1).text("k").put<uint32_t>(10).put<uint64_t>(~uint64_t{0}).bytes, "signed 64-bit");
  says(Writer::with(0, 1).text("general.alignment").put<uint32_t>(4).put<uint32_t>(3).bytes, "power of two");
  says(Writer::tensor({33}, 8, 0, 99), "blocks of 32");
  says(Writer::tensor({32}, 8, 0, 33), "truncated");
  says(Writer::tensor({32}, 8, 32, 34), "truncated");
  says(Writer::tensor({32}, 8, 8, 99), "no multiple of 32");
  says(Writer::tensor({32}, 10, 0, 99), "stored as type 10");
  says(Writer::tensor({0}, 0, 0, 99), "dimension of 0");
  says(Writer::tensor({1, 1, 1, 1, 1}, 0, 0, 99), "1 to 4 dimensions");
  says(Writer::tensor({uint64_t{1} << 40, uint64_t{1} << 40}, 0, 0, 99), "more bytes than the file has");
  EXPECT_EQ(refusal(Writer::tensor({32}, 8, 0, 34)), "");
}

// Any file cut short or with bytes changed is read or refused; the sanitizers watch for the rest.
TEST(Gguf, BrokenFilesNeverHarm) {
  const std::string whole = golden_bytes();
  const GgufTensor last = parse_gguf(whole, "[t]").tensors.back();  // padding behind it may be missing
  for (size_t n = 0; n < last.offset + last.size; ++n) EXPECT_NE(refusal(whole.substr(0, n)), "") << n;
  const Gguf file = Gguf::open(golden + "types.gguf");
  for (uint64_t round = 0; round < 20000; ++round) {
    std::string broken = whole;
    const uint64_t place = base::below(1, round, file.tensors().front().offset);
    broken[place] = static_cast<char>(base::random_bits(2, round));
    refusal(broken);
  }
}

}  // namespace
}  // namespace whorl::tensor
