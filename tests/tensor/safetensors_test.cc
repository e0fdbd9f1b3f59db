#include "tensor/safetensors.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/fault_file.h"
#include "base/memory_file.h"
#include "base/random.h"
#include "base/temporary_folder.h"
#include "tensor/convert.h"
#include "tensor/reject_list.h"

namespace whorl::tensor {
namespace {

template <class Body>
std::string refusal(Body body) {
  try {
    body();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  ADD_FAILURE() << "expected an invalid_argument";
  return "";
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

Tensor numbers(DType dtype, Shape shape, uint64_t seed = 1) {
  Tensor t = Tensor::zeros(DType::float32, std::move(shape));
  for (int64_t i = 0; i < t.numel(); ++i)
    t.data<float>()[i] = static_cast<float>(base::normal(base::derive(seed, 0), static_cast<uint64_t>(i)));
  return dtype == DType::float32 ? t : convert(t, dtype);
}

bool same(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.nbytes()) == 0;
}

Safetensors parse(const std::string& bytes, const SafetensorsLimits& limits = {}) {
  return Safetensors::from_bytes(bytes, nullptr, "[test] x.safetensors", limits);
}

// Reads everything there is, as a user would.
void read_all(const Safetensors& file) {
  for (const std::string& name : file.names()) {
    const Tensor t = file.tensor(name);
    volatile char last = t.nbytes() ? static_cast<const char*>(t.raw())[t.nbytes() - 1] : '\0';
    (void)last;
    count_not_finite(t);
  }
}

std::map<std::string, Tensor> sample() {
  return {{"w", numbers(DType::float32, {2, 3})},
          {"b", numbers(DType::bfloat16, {5})},
          {"empty", Tensor::zeros(DType::float32, {0, 4})},
          {"scalar", numbers(DType::float32, {})}};
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  base::TemporaryFolder folder;
  const std::string path = folder.path() + "/x.safetensors";
  write_safetensors(path, sample(), {{"format", "pt"}, {"note", "größe \"q\""}});
  for (const Access access : {Access::read, Access::map}) {
    const Safetensors file = Safetensors::open(path, {}, access);
    EXPECT_EQ(file.names(), (std::vector<std::string>{"b", "empty", "scalar", "w"}));
    for (const auto& [name, tensor] : sample()) EXPECT_TRUE(same(file.tensor(name), tensor)) << name;
    EXPECT_EQ(file.metadata().at("note"), "größe \"q\"");
  }
  EXPECT_EQ(base::read_file(path), to_safetensors(sample(), {{"format", "pt"}, {"note", "größe \"q\""}}))
      << "one writer, two doors";
}

TEST(Safetensors, BytesAreThoseOfTheFormatsOwnWriter) {
  // As safetensors.torch.save_file wrote it (compared by hand with its version 0.8.0): wide elements first,
  // then names.
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("c":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[8,12]}})";
  Tensor a = Tensor::zeros(DType::float32, {1}), c = Tensor::zeros(DType::float32, {1}),
         b = Tensor::zeros(DType::bfloat16, {2});
  a.data<float>()[0] = 2;
  c.data<float>()[0] = 3;
  b.data<uint16_t>()[0] = b.data<uint16_t>()[1] = float_to_bf16(1);
  const std::string bytes = to_safetensors({{"a", a}, {"b", b}, {"c", c}});
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(bytes.substr(0, 8 + padded.size()), length_prefix(padded.size()) + padded);
  EXPECT_EQ(bytes.size(), 8 + padded.size() + 12);
}

TEST(Safetensors, ColumnSlicesAreWrittenAsTheyLook) {
  const Tensor whole = numbers(DType::float32, {3, 4});
  const std::string bytes = to_safetensors({{"part", whole.columns(1, 3)}});
  const Tensor part = parse(bytes).tensor("part");
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t j = 0; j < 2; ++j)
      EXPECT_EQ(part.data<float>()[i * 2 + j], whole.data<float>()[i * 4 + 1 + j]);
}

TEST(Safetensors, MisalignedTensorsAreCopiedToWhereTheyMayBeRead) {
  const std::string bytes = file_of(
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})",
      9);
  const Tensor b = parse(bytes).tensor("b");
  EXPECT_EQ(reinterpret_cast<uintptr_t>(b.raw()) % 4, 0u);
  EXPECT_EQ(std::memcmp(b.raw(), "\1\1\1\1\1\1\1\1", 8), 0);
}

TEST(Safetensors, TensorsOutliveTheFileHandle) {
  base::TemporaryFolder folder;
  write_safetensors(folder.path() + "/x", sample());
  Tensor kept;
  {
    const Safetensors file = Safetensors::open(folder.path() + "/x", {}, Access::map);
    kept = file.tensor("w");
  }
  EXPECT_TRUE(same(kept, sample().at("w")));
}

TEST(Safetensors, DataBeginWhereTheyAreAskedTo) {
  base::TemporaryFolder folder;
  for (const size_t alignment : {8, 64, 4096}) {
    const std::string path = folder.path() + "/" + std::to_string(alignment);
    write_safetensors(path, sample(), {}, *base::FileSystem::real(), alignment);
    const Safetensors file = Safetensors::open(path, {}, Access::map);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(file.tensor("scalar").raw()) % alignment, 0u);
    for (const auto& [name, tensor] : sample()) EXPECT_TRUE(same(file.tensor(name), tensor)) << name;
  }
}

int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t size = 0, resident = 0;
  statm >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

TEST(Safetensors, WhatIsReleasedIsNotHeldAndCanBeReadAgain) {
  base::TemporaryFolder folder;
  const std::string path = folder.path() + "/x";
  const int64_t megabytes = 32;
  Tensor large = Tensor::zeros(DType::float32, {megabytes << 18}), small = numbers(DType::float32, {5});
  for (int64_t i = 0; i < large.numel(); ++i) large.data<float>()[i] = static_cast<float>(i % 1000);
  write_safetensors(path, {{"large", large}, {"small", small}});
  for (const Access access : {Access::map, Access::read}) {
    const Safetensors file = Safetensors::open(path, {}, access);
    const Tensor x = file.tensor("large");
    ASSERT_TRUE(same(x, large));
    const int64_t before = resident_bytes();
    file.release("large");
    EXPECT_GE(before - resident_bytes(), access == Access::map ? (megabytes - 1) << 20 : -(1 << 20));
    EXPECT_TRUE(same(x, large));
    EXPECT_TRUE(same(file.tensor("small"), small));
    EXPECT_THROW(file.release("none"), std::invalid_argument);
  }
  // Memory of somebody else's is left alone: it could not be read again.
  const auto bytes = std::make_shared<std::string>(to_safetensors({{"large", large}}));
  const Safetensors held = Safetensors::from_bytes(*bytes, bytes, "[test]");
  held.release("large");
  EXPECT_TRUE(same(held.tensor("large"), large));
}

TEST(Safetensors, RefusesEveryClassOfTheList) {
  for (const BadFile& bad : bad_files()) {
    const std::string text = refusal([&] { read_all(parse(bad.bytes)); });
    EXPECT_TRUE(says(text, "[test] x.safetensors")) << bad.what << ": " << text;
  }
}

TEST(Safetensors, RefusesAFileCutAnywhere) {
  const std::string whole = to_safetensors(sample());
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_THROW(parse(whole.substr(0, n)), std::invalid_argument) << n;
  base::TemporaryFolder folder;
  for (const size_t n : {size_t{0}, size_t{7}, size_t{20}, whole.size() - 1}) {
    base::write_file_durably(folder.path() + "/x", whole.substr(0, n));
    EXPECT_TRUE(says(refusal([&] { Safetensors::open(folder.path() + "/x"); }), "/x")) << n;
  }
}

TEST(Safetensors, AcceptsWhatIsOddButRight) {
  EXPECT_TRUE(parse(file_of("{}", 0)).names().empty());
  EXPECT_TRUE(parse(file_of(" {} \n", 0)).names().empty()) << "padding around the header";
  EXPECT_EQ(
      parse(file_of(R"({"a":{"shape":[0,7],"data_offsets":[0,0],"dtype":"F32"}})", 0)).tensor("a").numel(),
      0);
  EXPECT_EQ(parse(file_of(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8)).names().size(),
            1u);
}

TEST(Safetensors, UnusableDtypesAreRefusedByNameWhenUsed) {
  const Safetensors file = parse(file_of(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", 8));
  const std::string text = refusal([&] { file.tensor("a"); });
  EXPECT_TRUE(says(text, "'a'") && says(text, "F64")) << text;
  EXPECT_TRUE(says(refusal([&] { file.tensor("b"); }), "no tensor 'b'"));
}

TEST(Safetensors, AdapterLimitsAreNarrower) {
  std::string header = "{";
  for (int i = 0; i < 65'537; ++i)
    header += std::string(i ? "," : "") + "\"" + std::to_string(i) +
              R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  header += "}";
  EXPECT_EQ(parse(file_of(header, 0)).names().size(), 65'537u);
  EXPECT_TRUE(says(
      refusal([&] { parse(file_of(header, 0), {.max_header_bytes = 100u << 20, .max_tensors = 65'536}); }),
      "65536"));
  EXPECT_TRUE(says(
      refusal([&] { parse(file_of(header + std::string(4 << 20, ' '), 0), SafetensorsLimits::adapter()); }),
      "4194304"));
  const std::string longname =
      file_of("{\"" + std::string(600, 'n') + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0);
  EXPECT_NO_THROW(parse(longname));
  EXPECT_THROW(parse(longname, SafetensorsLimits::adapter()), std::invalid_argument);
}

// ---- sharded models ------------------------------------------------------------------------------------

class Sharded : public testing::Test {
 protected:
  Sharded() {
    tensors_ = {{"a", numbers(DType::float32, {8}, 1)},
                {"b", numbers(DType::float32, {8}, 2)},
                {"c", numbers(DType::float32, {8}, 3)}};
    write_safetensors_model(folder_.path(), tensors_, 40);
  }
  std::string index() const { return folder_.path() + "/model.safetensors.index.json"; }
  std::string shard(int i) const {
    return folder_.path() + "/model-0000" + std::to_string(i) + "-of-00003.safetensors";
  }
  std::string refused() {
    return refusal([&] { Safetensors::open_model(folder_.path()); });
  }
  void with_index(const std::string& map) {
    base::write_file_durably(index(), "{\"weight_map\": " + map + "}");
  }

  base::TemporaryFolder folder_;
  std::map<std::string, Tensor> tensors_;
};

TEST_F(Sharded, ReadsAllShards) {
  for (const Access access : {Access::read, Access::map}) {
    const Safetensors model = Safetensors::open_model(folder_.path(), access);
    EXPECT_EQ(model.names().size(), 3u);
    for (const auto& [name, tensor] : tensors_) EXPECT_TRUE(same(model.tensor(name), tensor)) << name;
  }
}

TEST_F(Sharded, NamesWhatIsMissingOrTooMuch) {
  std::filesystem::remove(shard(2));
  EXPECT_TRUE(says(refused(), "model-00002-of-00003.safetensors"));
  write_safetensors(shard(2), {{"x", tensors_.at("b")}});
  EXPECT_TRUE(says(refused(), "'x'"));
  write_safetensors(shard(2), {});
  EXPECT_TRUE(says(refused(), "'b'"));
  write_safetensors(shard(2), {{"a", tensors_.at("a")}, {"b", tensors_.at("b")}});
  EXPECT_TRUE(says(refused(), "'a'"));
}

TEST_F(Sharded, TheIndexCannotLeadOutside) {
  for (const char* bad : {"../x.safetensors", "/etc/passwd", "a/../../x", "", "a\\\\b", "a//b"}) {
    with_index(std::string("{\"a\": \"") + bad + "\"}");
    EXPECT_TRUE(says(refused(), "beneath")) << bad;
  }
  with_index("{}");
  EXPECT_TRUE(says(refused(), "empty"));
  with_index("{\"a\": 1}");
  EXPECT_TRUE(says(refused(), "file name"));
  with_index("[]");
  EXPECT_TRUE(says(refused(), "weight_map"));
}

TEST(Model, PicklesAreRefusedWithWhatToDo) {
  base::TemporaryFolder folder;
  base::write_file_durably(folder.path() + "/pytorch_model.bin", "PK");
  EXPECT_TRUE(says(refusal([&] { Safetensors::open_model(folder.path()); }), "pickle"));
}

// ---- writing on a bad disk -----------------------------------------------------------------------------

TEST(SafetensorsWriter, EveryCallFailing) {
  const std::map<std::string, Tensor> old = {{"w", numbers(DType::float32, {4}, 7)}};
  for (int64_t n = 1; n < 200; ++n) {
    base::MemoryFileSystem disk;
    write_safetensors("/x", old, {}, disk);
    base::FaultFileSystem faults(disk);
    faults.arm({n, base::Fault::Kind::error, ENOSPC, n % 2 == 0});
    bool written = false;
    try {
      write_safetensors("/x", sample(), {}, faults);
      written = true;
    } catch (const base::FileError&) {
    }
    if (!faults.fired()) return;
    disk.cut_power(base::MemoryFileSystem::Cut::all);
    const auto names = Safetensors::open("/x", {}, Access::read, disk).names();
    EXPECT_EQ(names.size(), written ? 4u : names.size() == 4 ? 4u : 1u) << n;
  }
  FAIL() << "the sweep did not end";
}

// ---- mutations -----------------------------------------------------------------------------------------

uint64_t pick(uint64_t key, uint64_t& draw, uint64_t n) { return base::below(key, draw++, n); }

// One deterministic mutation of a good file: bits, bytes, numbers, pieces cut, doubled, swapped, lengths.
std::string mutate(std::string bytes, uint64_t key) {
  uint64_t draw = 0;
  const char* words[] = {"0",
                         "-1",
                         "18446744073709551615",
                         "9007199254740993",
                         "1e3",
                         "null",
                         "true",
                         "{",
                         "}",
                         "[",
                         "]",
                         "\"",
                         ",",
                         ":",
                         "\"F32\"",
                         "\"F64\"",
                         "\"F4\"",
                         "\"a\"",
                         "\"__metadata__\"",
                         "\\u0000",
                         "\xff",
                         "\"shape\"",
                         "[[",
                         "{{",
                         "[0,0]"};
  const uint64_t header = std::min<uint64_t>(bytes.size(), 300);
  for (uint64_t times = 1 + pick(key, draw, 3); times > 0 && !bytes.empty(); --times) {
    const size_t at = pick(key, draw, std::min<uint64_t>(header, bytes.size()));
    switch (pick(key, draw, 8)) {
      case 0:
        bytes[at] ^= static_cast<char>(1 << pick(key, draw, 8));
        break;
      case 1:
        bytes[at] = static_cast<char>(pick(key, draw, 256));
        break;
      case 2:
        bytes.erase(at, 1 + pick(key, draw, 16));
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, 1 + pick(key, draw, 40)));
        break;
      case 4:
        bytes.resize(pick(key, draw, bytes.size() + 1));
        break;
      case 5:
        bytes.append(1 + pick(key, draw, 9), '\0');
        break;
      case 6:
        bytes.insert(at, words[pick(key, draw, std::size(words))]);
        break;
      case 7: {
        const std::string word = words[pick(key, draw, std::size(words))];
        bytes.replace(at, std::min(word.size(), bytes.size() - at), word);
      }
    }
  }
  // Half of the time the length is put right again, so that the mutation reaches the parser behind it.
  if (bytes.size() > 8 && pick(key, draw, 2) && bytes.size() > 60) {
    const size_t close = bytes.rfind('}');
    if (close != std::string::npos && close >= 8) bytes.replace(0, 8, length_prefix(close + 1 - 8));
  }
  return bytes;
}

TEST(SafetensorsMutations, TenThousandNeitherCrashNorGiveWhatTheFileDoesNotHold) {
  const std::string good = to_safetensors(sample());
  int accepted = 0;
  for (uint64_t i = 0; i < 10'000; ++i) {
    const std::string bytes = mutate(good, base::derive(2024, i));
    try {
      const Safetensors file = parse(bytes);
      uint64_t total = 0;
      for (const std::string& name : file.names()) {
        const TensorInfo& info = file.info(name);
        ASSERT_LE(info.begin, info.end);
        total += info.end - info.begin;
      }
      ASSERT_LE(total, bytes.size()) << "mutation " << i;
      read_all(file);
      ++accepted;
    } catch (const std::invalid_argument&) {
    }
  }
  EXPECT_LT(accepted, 5'000) << "mutations must do something";
  EXPECT_GT(accepted, 10) << "and some must reach the end";
}

// ---- numbers -------------------------------------------------------------------------------------------

TEST(NotFinite, CountsNanAndInfinity) {
  for (const DType dtype : {DType::float32, DType::bfloat16}) {
    Tensor t = Tensor::zeros(DType::float32, {100});
    EXPECT_EQ(count_not_finite(convert(t, dtype)), 0);
    t.data<float>()[0] = NAN;
    t.data<float>()[50] = INFINITY;
    t.data<float>()[99] = -INFINITY;
    t.data<float>()[98] = 3e38f;
    EXPECT_EQ(count_not_finite(convert(t, dtype)), 3);
  }
  Tensor half = Tensor::zeros(DType::float16, {3});
  half.data<uint16_t>()[1] = 0x7c00;
  half.data<uint16_t>()[2] = 0x7bff;
  EXPECT_EQ(count_not_finite(half), 1);
}

TEST(Convert, RoundsToNearestEvenAndWidensExactly) {
  const Tensor wide = numbers(DType::float32, {3, 4});
  const Tensor part = convert(wide.columns(1, 3), DType::bfloat16);
  EXPECT_EQ(part.data<uint16_t>()[2], float_to_bf16(wide.data<float>()[5]));
  Tensor half = Tensor::zeros(DType::float16, {4});
  const uint16_t bits[] = {0x3c00, 0xc000, 0x0001, 0x7bff};
  std::memcpy(half.raw(), bits, sizeof bits);
  const Tensor back = convert(half, DType::float32);
  EXPECT_EQ(back.data<float>()[0], 1.0f);
  EXPECT_EQ(back.data<float>()[1], -2.0f);
  EXPECT_EQ(back.data<float>()[2], 0x1p-24f);
  EXPECT_EQ(back.data<float>()[3], 65504.0f);
  EXPECT_THROW(convert(Tensor::zeros(DType::int32, {1}), DType::float32), std::invalid_argument);
}

}  // namespace
}  // namespace whorl::tensor
