// Stretched rotary positions of a GGUF file are those of the folder that it was made from.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numbers>

#include "base/file.h"
#include "model/golden.h"
#include "tensor/gguf.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;
const std::vector<int32_t> ids = {1, 5, 9, 2, 7, 3, 11, 4, 30, 12, 8, 6, 90, 41, 77, 15, 100, 2, 3, 60};

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}
std::string text(const std::string& value) { return raw<uint64_t>(value.size()) + value; }
void padded(std::string& bytes) { bytes.resize((bytes.size() + 31) / 32 * 32); }

// llama.gguf with more keys in front and one more float32 tensor at the end.
std::string extended(const std::string& keys, uint64_t count, const std::vector<float>& divisors) {
  const fs::path path = testing::golden_root() / "gguf" / "llama.gguf";
  std::string old = base::read_file(*base::FileSystem::real(), path.string(), 1 << 20, "gguf_rope_test");
  const auto file = tensor::Gguf::open(path.string());
  uint64_t data = old.size();
  for (const auto& t : file.tensors()) data = std::min(data, t.offset);
  const tensor::GgufTensor& last = file.tensors().back();
  const size_t table =
      old.rfind(text(last.name), data) + 8 + last.name.size() + 4 + 8 * last.shape.size() + 12;
  std::string weights = old.substr(data), info;
  padded(weights);
  if (!divisors.empty()) {
    info = text("rope_freqs.weight") + raw<uint32_t>(1) + raw<uint64_t>(divisors.size()) + raw<uint32_t>(0) +
           raw<uint64_t>(weights.size());
    for (const float v : divisors) weights += raw(v);
  }
  std::string out = old.substr(0, 8) + raw<uint64_t>(file.tensors().size() + (divisors.empty() ? 0 : 1)) +
                    raw<uint64_t>(file.metadata().size() + count) + keys + old.substr(24, table - 24) + info;
  padded(out);
  return out + weights;
}

Model load(const std::string& bytes) {
  const testing::TemporaryFolder folder;
  const fs::path path = fs::path(folder.path()) / "rope.gguf";
  std::ofstream(path, std::ios::binary) << bytes;
  return Model::load(path, {.threads = 1});
}

Model folder_model(const std::string& name) {
  const testing::TemporaryFolder folder;
  return Model::load(testing::model_folder(name, folder.path()), {.threads = 1});
}

// As the writers of such files compute them, for heads of 16 and the scaling of llama_rope_llama3.
std::vector<float> divisors(double low = 1) {
  std::vector<float> out;
  for (int i = 0; i < 8; ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(10000.0, 2.0 * i / 16);
    const double smooth = (64 / wavelength - low) / (4 - low);
    const double blended = 1 / ((1 - smooth) / 8 + smooth);
    out.push_back(static_cast<float>(wavelength < 16 ? 1 : wavelength > 64 / low ? 8 : blended));
  }
  return out;
}

std::string linear(const std::string& kind) {
  return text("llama.rope.scaling.type") + raw<uint32_t>(8) + text(kind) + text("llama.rope.scaling.factor") +
         raw<uint32_t>(6) + raw(4.0F);
}

TEST(GgufRope, DivisorsOfLlama3) {
  const Model folder = folder_model("llama_rope_llama3"), file = load(extended("", 0, divisors()));
  EXPECT_EQ(nlohmann::json::parse(file.config().rope_scaling),
            nlohmann::json::parse(folder.config().rope_scaling));
  EXPECT_EQ(file.logits(ids), folder.logits(ids));
  EXPECT_NE(file.logits(ids), load(extended("", 0, {})).logits(ids));
  EXPECT_EQ(load(extended("", 0, std::vector<float>(8, 1))).logits(ids),
            load(extended("", 0, {})).logits(ids));
}

TEST(GgufRope, Linear) {
  const Model folder = folder_model("llama_rope_linear"), file = load(extended(linear("linear"), 2, {}));
  EXPECT_EQ(file.logits(ids), folder.logits(ids));
  EXPECT_NE(file.logits(ids), load(extended("", 0, {})).logits(ids));
  const std::string older = text("llama.rope.scale_linear") + raw<uint32_t>(6) + raw(4.0F);
  EXPECT_EQ(load(extended(older, 1, {})).logits(ids), folder.logits(ids));
}

TEST(GgufRope, RefusesByName) {
  const auto says = [](const std::string& bytes, const std::string& words) {
    try {
      load(bytes);
      ADD_FAILURE() << "nothing was thrown: " << words;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  says(extended(linear("yarn"), 2, {}), "rope scaling 'yarn'");
  says(extended("", 0, divisors(2)), "'rope_freqs.weight' does not hold the divisors of Llama 3's rule");
  says(extended("", 0, {1, 1, 1, 8}),
       "'rope_freqs.weight': expected float32 of shape [8], got F32 of shape [4]");
  says(extended("", 0, std::vector<float>(8, 0)), "expected divisors of at least 1, got 0");
  says(extended(linear("linear"), 2, divisors()), "both 'llama.rope.scaling.type' and tensor");
}

}  // namespace
}  // namespace whorl
