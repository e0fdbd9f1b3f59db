// Matrices that a GGUF file holds rounded stay as they are: the same bits as rounding again what the file was
// made to hold exactly, less memory, and adapters that belong to the widened model.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/random.h"
#include "base/temporary_folder.h"
#include "model/model_impl.h"
#include "tensor/gguf.h"
#include "whorl/model.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;
using tensor::GgufType;
const std::vector<int32_t> ids = {1, 5, 9, 2, 7, 3, 11, 4, 30, 12};
constexpr int64_t kHidden = 256, kKeys = 128, kVocabulary = 40;

// A llama of one layer: two heads, one of keys; `types` are those of its eight matrices, in order.
struct File {
  std::string head = "GGUF", data;
  uint64_t drawn = 0;

  template <class T>
  void put(T value) {
    head.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& s) { put<uint64_t>(s.size()), head += s; }
  void number(const std::string& key, uint32_t value) { text(key), put<uint32_t>(4), put(value); }
  uint8_t byte() { return static_cast<uint8_t>(base::below(11, drawn++, 256)); }

  // Random codes and scales; a group of Q8_0 and Q4_0 has its extreme code, so that rounding what it stands
  // for gives the same codes and the same scale again.
  void blocks(GgufType type, int64_t numbers) {
    const auto bytes = static_cast<size_t>(tensor::bytes_per_block(type));
    for (int64_t i = 0; i < numbers; i += tensor::block_size(type)) {
      std::string block;
      for (size_t b = 0; b < bytes; ++b) block += static_cast<char>(byte());
      const auto half = [&](size_t at, int exponent) {
        block[at + 1] = static_cast<char>(exponent << 2 | (byte() & 3));
      };
      if (type == GgufType::q8_0) {
        half(0, 1);  // 2^-14 and more: normal numbers
        for (size_t b = 2; b < bytes; ++b)
          if (block[b] == -128) block[b] = 1;
        block[2 + static_cast<size_t>(byte() % 32)] = 127;
      } else if (type == GgufType::q4_0) {
        half(0, 5), block[2] = static_cast<char>(block[2] & 0xf0);
      } else if (type == GgufType::q4_k) {
        half(0, 1), half(2, 2);
      } else if (type == GgufType::q6_k) {
        half(208, 0);
      }
      data += block;
    }
  }

  void write(const fs::path& path, const std::vector<GgufType>& types) {
    struct Entry {
      std::string name;
      std::vector<int64_t> shape;
      GgufType type;
    };
    const std::string b = "blk.0.";
    const std::vector<Entry> entries = {{"token_embd.weight", {kHidden, kVocabulary}, types.at(0)},
                                        {b + "attn_q.weight", {kHidden, kHidden}, types.at(1)},
                                        {b + "attn_k.weight", {kHidden, kKeys}, types.at(2)},
                                        {b + "attn_v.weight", {kHidden, kKeys}, types.at(3)},
                                        {b + "attn_output.weight", {kHidden, kHidden}, types.at(4)},
                                        {b + "ffn_gate.weight", {kHidden, kHidden}, types.at(5)},
                                        {b + "ffn_up.weight", {kHidden, kHidden}, types.at(6)},
                                        {b + "ffn_down.weight", {kHidden, kHidden}, types.at(7)},
                                        {b + "attn_norm.weight", {kHidden}, GgufType::f32},
                                        {b + "ffn_norm.weight", {kHidden}, GgufType::f32},
                                        {"output_norm.weight", {kHidden}, GgufType::f32}};
    put<uint32_t>(3), put<uint64_t>(entries.size()), put<uint64_t>(8);
    text("general.architecture"), put<uint32_t>(8), text("llama");
    number("llama.block_count", 1), number("llama.embedding_length", kHidden);
    number("llama.feed_forward_length", kHidden), number("llama.context_length", 64);
    number("llama.attention.head_count", 2), number("llama.attention.head_count_kv", 1);
    text("llama.attention.layer_norm_rms_epsilon"), put<uint32_t>(6), put(1e-5f);
    for (const Entry& e : entries) {
      data.resize((data.size() + 31) / 32 * 32);
      text(e.name), put(static_cast<uint32_t>(e.shape.size()));
      int64_t numbers = 1;
      for (const int64_t n : e.shape) put<uint64_t>(static_cast<uint64_t>(n)), numbers *= n;
      put(static_cast<uint32_t>(e.type)), put<uint64_t>(data.size());
      if (e.type != GgufType::f32) {
        blocks(e.type, numbers);
        continue;
      }
      const float one = 1;
      for (int64_t i = 0; i < numbers; ++i) data.append(reinterpret_cast<const char*>(&one), sizeof one);
    }
    head.resize((head.size() + 31) / 32 * 32);
    std::ofstream(path, std::ios::binary) << head << data;
  }
};

class StoredGguf : public ::testing::Test {
 protected:
  base::TemporaryFolder folder;
  fs::path written(const std::vector<GgufType>& types) {
    fs::path path = fs::path(folder.path()) / "model.gguf";
    File().write(path, types);
    return path;
  }
  static Model load(const fs::path& path, const std::string& quantize) {
    return Model::load(path, {.threads = 1, .quantize = quantize});
  }
  static double relative(std::vector<float> a, const std::vector<float>& b) {
    double off = 0, size = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const auto d = static_cast<double>(a[i]) - static_cast<double>(b[i]), v = static_cast<double>(b[i]);
      off += d * d, size += v * v;
    }
    return std::sqrt(off / size);
  }
};

TEST_F(StoredGguf, CodesAreKeptBitForBit) {
  for (const auto& [type, name] : {std::pair{GgufType::q8_0, "int8"}, {GgufType::q4_0, "int4"}}) {
    const fs::path path = written(std::vector<GgufType>(8, type)), wide = fs::path(folder.path()) / name;
    const Model kept = load(path, "auto");
    EXPECT_EQ(kept.quantize(), name);
    // Widened, saved, and rounded from there: no code of the file goes this way. Rows of queries and keys
    // must have moved with their codes.
    load(path, "none").save(wide);
    EXPECT_EQ(kept.logits(ids), load(wide, name).logits(ids));
    EXPECT_EQ(kept.logits(ids), load(path, name).logits(ids));
    EXPECT_LT(kept.memory_bytes(), load(path, "none").memory_bytes() / 3);
  }
}

TEST_F(StoredGguf, MixedFilesStayNearTheirWidenedNumbers) {
  const fs::path path = written({GgufType::q6_k, GgufType::q4_k, GgufType::q4_0, GgufType::q8_0,
                                 GgufType::q4_k, GgufType::q4_k, GgufType::q6_k, GgufType::q4_k});
  const Model kept = load(path, "auto"), wide = load(path, "none");
  EXPECT_EQ(kept.quantize(), "mixed");
  EXPECT_EQ(wide.quantize(), "none");
  const double off = relative(kept.logits(ids), wide.logits(ids));
  EXPECT_LT(off, 0.03) << "rows rounded to int8 move logits by about a hundredth";
  EXPECT_GT(off, 1e-5) << "nothing was kept";
  EXPECT_EQ(kept.impl()->read_digest, wide.impl()->read_digest)
      << "adapters of one would not bind to the other";
  EXPECT_NE(kept.digest(), wide.digest());
  EXPECT_THROW(kept.save(fs::path(folder.path()) / "saved"), std::invalid_argument);
}

TEST_F(StoredGguf, ScalesThatAreNoNumbersAreRefusedByName) {
  const fs::path path = written(std::vector<GgufType>(8, GgufType::q8_0));
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto info = tensor::Gguf::open(path.string()).info("blk.0.ffn_up.weight");
  file.seekp(static_cast<std::streamoff>(info.offset) + 34);
  file.write("\x00\x7c", 2);
  file.close();
  try {
    load(path, "auto");
    ADD_FAILURE() << "expected an error";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("'blk.0.ffn_up.weight' has values that are NaN or infinite"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace whorl
