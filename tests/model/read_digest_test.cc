// The digest of what was read comes out of the packed weights, later: the same as hashing while reading.
#include "model/read_digest.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/random.h"
#include "model/config.h"
#include "ops/device.h"
#include "ops/forwarding_backend.h"
#include "ops/quantised_group.h"

namespace whorl::model {
namespace {

// A table of several blocks, rows that no block's end falls between, panels that are not full.
ModelConfig small() {
  ModelConfig config{.vocab_size = 7009,
                     .hidden_size = 96,
                     .intermediate_size = 90,
                     .num_hidden_layers = 1,
                     .num_attention_heads = 4,
                     .attention_bias = true};
  return complete_config(config, "[test]");
}

Tensor drawn(const TensorSpec& spec, DType dtype) {
  Tensor x = Tensor::zeros(DType::float32, spec.shape);
  for (int64_t i = 0; i < x.numel(); ++i)
    x.data<float>()[i] = static_cast<float>(base::normal(7, static_cast<uint64_t>(i)));
  return convert(x, dtype);
}

// Cannot be read in place: what is read is hashed at once.
struct Elsewhere : ops::ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
};

struct ReadsTheNextRow : ops::ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  bool on_host() const override { return true; }
  void unpack_rows(const ops::PackedWeight& w, int64_t begin, const Tensor& out) override {
    inner_->unpack_rows(w, std::min(begin + 1, w.outputs() - out.dim(0)), out);
  }
};

std::shared_ptr<const ReadDigest> digest(std::shared_ptr<ops::Backend> backend, DType dtype,
                                         const Rounding& rounding) {
  std::vector<std::string> known;
  DecoderWeights weights = pack_weights(
      small(), [&](const TensorSpec& spec) { return drawn(spec, dtype); }, *backend, false, rounding, &known);
  return read_digest(small(), std::move(backend), std::move(weights), std::move(known));
}

TEST(ReadDigest, IsThatOfHashingWhileReading) {
  const auto cpu = ops::make_backend("cpu", 2);
  for (const DType dtype : {DType::float32, DType::bfloat16})
    for (const auto quantize : {ops::Quantize::none, ops::Quantize::int8, ops::Quantize::int4}) {
      const std::string expected = digest(std::make_shared<Elsewhere>(cpu), dtype, {quantize})->get();
      EXPECT_EQ(expected.size(), 64u);
      EXPECT_EQ(digest(cpu, dtype, {quantize})->get(), expected) << name_of(dtype) << name_of(quantize);
      // What was read does not depend on how it is held.
      EXPECT_EQ(digest(cpu, dtype, {})->get(), expected) << name_of(dtype) << name_of(quantize);
    }
}

TEST(ReadDigest, CodesStandForTheirNumbers) {
  const auto cpu = ops::make_backend("cpu", 2);
  for (const auto quantize : {ops::Quantize::int8, ops::Quantize::int4}) {
    const auto kept = [&](const TensorSpec& spec) {
      return StoredMatrix{ops::rounded_rows(drawn(spec, DType::float32), quantize), {}, quantize};
    };
    EXPECT_EQ(digest(cpu, DType::float32, {quantize, kept})->get(),
              digest(std::make_shared<Elsewhere>(cpu), DType::float32, {quantize, kept})->get());
  }
}

TEST(ReadDigest, AWrongRowIsSeen) {
  const auto cpu = ops::make_backend("cpu", 2);
  EXPECT_NE(digest(std::make_shared<ReadsTheNextRow>(cpu), DType::bfloat16, {})->get(),
            digest(cpu, DType::bfloat16, {})->get());
}

TEST(ReadDigest, IsWorkedOutOnceForAllThreads) {
  std::atomic<int> times{0};
  const ReadDigest once([&] { return std::to_string(++times); });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { EXPECT_EQ(once.get(), "1"); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(times, 1);
}

// A failure is told to whoever asked; the next one asks again.
TEST(ReadDigest, AFailureIsNoAnswer) {
  int times = 0;
  const ReadDigest twice([&]() -> std::string {
    if (++times == 1) throw std::runtime_error("no memory");
    return "digest";
  });
  EXPECT_THROW(twice.get(), std::runtime_error);
  EXPECT_EQ(twice.get(), "digest");
}

}  // namespace
}  // namespace whorl::model
