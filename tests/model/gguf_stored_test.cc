// Matrices that a GGUF file holds rounded stay as they are: the same bits as rounding again what the file was
// made to hold exactly, less memory, and adapters that belong to the widened model.
#include <gtest/gtest.h>

#include <cmath>

#include "base/temporary_folder.h"
#include "model/gguf_file.h"
#include "model/model_impl.h"
#include "whorl/model.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;
using tensor::GgufType;
const std::vector<int32_t> ids = {1, 5, 9, 2, 7, 3, 11, 4, 30, 12};

class StoredGguf : public ::testing::Test {
 protected:
  base::TemporaryFolder folder;
  fs::path written(const std::vector<GgufType>& types) {
    fs::path path = fs::path(folder.path()) / "model.gguf";
    testing::GgufFile().write(path, types);
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
                                 GgufType::q5_k, GgufType::q4_1, GgufType::q5_0, GgufType::q5_1});
  const Model kept = load(path, "auto"), wide = load(path, "none");
  EXPECT_EQ(kept.quantize(), "mixed");
  EXPECT_EQ(wide.quantize(), "none");
  const double off = relative(kept.logits(ids), wide.logits(ids));
  EXPECT_LT(off, 0.03) << "rows rounded to int8 move logits by about a hundredth";
  EXPECT_GT(off, 1e-5) << "nothing was kept";
  EXPECT_EQ(kept.impl()->read_digest->get(), wide.impl()->read_digest->get())
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
