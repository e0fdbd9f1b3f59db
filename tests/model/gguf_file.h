#pragma once
// A small llama as a GGUF file whose matrices are stored as a test wants them.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/random.h"
#include "tensor/gguf.h"

namespace whorl::testing {

// A llama of one layer; `types` are those of its eight matrices, in order.
struct GgufFile {
  static constexpr int64_t kHidden = 256, kKeys = 128, kVocabulary = 40;
  uint32_t heads = 2, kv_heads = 1;
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
  void blocks(tensor::GgufType type, int64_t numbers) {
    const auto bytes = static_cast<size_t>(tensor::bytes_per_block(type));
    for (int64_t i = 0; i < numbers; i += tensor::block_size(type)) {
      std::string block;
      for (size_t b = 0; b < bytes; ++b) block += static_cast<char>(byte());
      const auto half = [&](size_t at, int exponent) {
        block[at + 1] = static_cast<char>(exponent << 2 | (byte() & 3));
      };
      if (type == tensor::GgufType::q8_0) {
        half(0, 1);  // 2^-14 and more: normal numbers
        for (size_t b = 2; b < bytes; ++b)
          if (block[b] == -128) block[b] = 1;
        block[2 + static_cast<size_t>(byte() % 32)] = 127;
      } else if (type == tensor::GgufType::q4_0) {
        half(0, 5), block[2] = static_cast<char>(block[2] & 0xf0);
      } else if (type == tensor::GgufType::q4_1 || type == tensor::GgufType::q5_1) {
        half(0, 5), half(2, 36 + 5);  // a least number below zero
      } else if (type == tensor::GgufType::q5_0) {
        half(0, 4);
      } else if (type == tensor::GgufType::q4_k || type == tensor::GgufType::q5_k) {
        half(0, 1), half(2, 2);
      } else if (type == tensor::GgufType::q6_k) {
        half(208, 0);
      }
      data += block;
    }
  }

  void write(const std::filesystem::path& path, const std::vector<tensor::GgufType>& types) {
    struct Entry {
      std::string name;
      std::vector<int64_t> shape;
      tensor::GgufType type;
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
                                        {b + "attn_norm.weight", {kHidden}, tensor::GgufType::f32},
                                        {b + "ffn_norm.weight", {kHidden}, tensor::GgufType::f32},
                                        {"output_norm.weight", {kHidden}, tensor::GgufType::f32}};
    put<uint32_t>(3), put<uint64_t>(entries.size()), put<uint64_t>(8);
    text("general.architecture"), put<uint32_t>(8), text("llama");
    number("llama.block_count", 1), number("llama.embedding_length", kHidden);
    number("llama.feed_forward_length", kHidden), number("llama.context_length", 64);
    number("llama.attention.head_count", heads), number("llama.attention.head_count_kv", kv_heads);
    text("llama.attention.layer_norm_rms_epsilon"), put<uint32_t>(6), put(1e-5f);
    for (const Entry& e : entries) {
      data.resize((data.size() + 31) / 32 * 32);
      text(e.name), put(static_cast<uint32_t>(e.shape.size()));
      int64_t numbers = 1;
      for (const int64_t n : e.shape) put<uint64_t>(static_cast<uint64_t>(n)), numbers *= n;
      put(static_cast<uint32_t>(e.type)), put<uint64_t>(data.size());
      if (e.type != tensor::GgufType::f32) {
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

}  // namespace whorl::testing
