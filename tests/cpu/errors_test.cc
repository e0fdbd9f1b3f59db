// A wrong shape is an invalid_argument that names the op, what was expected and what was got; no op reads or
// writes before it has looked.
#include <gtest/gtest.h>

#include <functional>

#include "ops/device.h"

namespace whorl::cpu {

namespace {
const std::shared_ptr<ops::Backend> backend = ops::make_backend("cpu", 1);

Tensor zeros(Shape shape, DType dtype = DType::float32) { return Tensor::zeros(dtype, std::move(shape)); }

void expect_message(const std::function<void()>& call, const std::string& start) {
  try {
    call();
    ADD_FAILURE() << "expected an error that starts with: " << start;
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, start.size()), start);
  }
}

TEST(Errors, RmsNorm) {
  const Tensor x = zeros({2, 64});
  expect_message([&] { backend->rms_norm(x, zeros({32}), 1e-5f, 1, x, Tensor()); },
                 "[rms_norm] expected gain float32 [64], got float32 [32]");
  expect_message([&] { backend->rms_norm(x, zeros({64}), 1e-5f, 3, x, Tensor()); },
                 "[rms_norm] expected groups to divide 64 channels, got 3");
}

TEST(Errors, Linear) {
  const auto w = backend->pack(zeros({5, 7}), false);
  expect_message([&] { backend->linear(zeros({2, 6}), *w, Tensor(), {}, Tensor(), zeros({2, 5})); },
                 "[linear] expected x float32 [2, 7], got float32 [2, 6]");
  expect_message([&] { backend->linear(zeros({2, 7}), *w, zeros({4}), {}, Tensor(), zeros({2, 5})); },
                 "[linear] expected bias float32 [5], got float32 [4]");
  expect_message([&] { backend->linear(zeros({2, 7}), *w, Tensor(), {}, Tensor(), Tensor()); },
                 "[linear] expected y [2, 5], got an empty tensor");
}

TEST(Errors, Segments) {
  const auto w = backend->pack(zeros({5, 7}), false);
  const auto lora = backend->pack_lora(zeros({2, 7}), zeros({5, 2}), 1, DType::float32),
             wrong = backend->pack_lora(zeros({2, 8}), zeros({5, 2}), 1, DType::float32);
  const auto run = [&](std::vector<ops::LoraSegment> segments) {
    backend->linear(zeros({4, 7}), *w, Tensor(), segments, Tensor(), zeros({4, 5}));
  };
  expect_message([&] { run({{2, 4, lora.get()}, {1, 2, lora.get()}}); },
                 "[linear] expected ascending segments");
  expect_message([&] { run({{0, 5, lora.get()}}); },
                 "[linear] expected ascending segments within 4 rows, got [0, 5)");
  expect_message([&] { run({{0, 4, lora.get(), 1.0f}}); }, "[linear] expected dropout in [0, 1), got 1");
  expect_message([&] { run({{0, 4, wrong.get()}}); }, "[linear] expected an adapter for [5, 7], got [5, 8]");
}

TEST(Errors, IdsPositionsAndTargets) {
  const auto table = backend->pack(zeros({5, 4}), true);
  const std::vector<int32_t> ids = {0, 5};
  expect_message([&] { backend->embedding(ids, *table, zeros({2, 4})); },
                 "[embedding] expected ids in [0, 5), got 5 at row 1");
  expect_message([&] { backend->rope(zeros({2, 4}), ids, zeros({5, 4}), 4, false); },
                 "[rope] expected positions in [0, 5), got 5 at row 1");
  expect_message(
      [&] { backend->cross_entropy(zeros({2, 4}), *table, ids, {}, zeros({2}), Tensor(), Tensor()); },
      "[cross_entropy] expected targets below 5, got 5 at row 1");
}

TEST(Errors, Attention) {
  const ops::AttentionShape shape{3, 2, 4, 1.0f, 0};
  const std::vector<int32_t> starts = {0, 3};
  expect_message(
      [&] {
        backend->attention(zeros({3, 12}), zeros({3, 8}), zeros({3, 8}), {starts}, shape, zeros({3, 12}),
                           Tensor());
      },
      "[attention] expected heads to be a multiple of kv_heads");
  const std::vector<int32_t> wrong = {0, 2};
  expect_message(
      [&] {
        backend->attention(zeros({3, 8}), zeros({3, 8}), zeros({3, 8}), {wrong}, {2, 2, 4, 1.0f, 0},
                           zeros({3, 8}), Tensor());
      },
      "[attention] expected ascending starts from 0 to 3");
}

TEST(Errors, Pages) {
  const ops::AttentionShape shape{1, 1, 4, 1.0f, 0};
  const ops::PagedCache cache{zeros({2, 2, 4}), zeros({2, 2, 4}), 2};
  const Tensor x = zeros({3, 4});
  const auto run = [&](std::vector<int32_t> pages) {
    const std::vector<ops::PagedSequence> sequences = {{0, 3, 0, pages}};
    backend->attention_paged(x, x, x, sequences, shape, cache, zeros({3, 4}));
  };
  expect_message([&] { run({0}); }, "[attention_paged] expected 2 pages for 3 positions, got 1");
  expect_message([&] { run({0, 2}); }, "[attention_paged] expected page ids in [0, 2), got 2");
  const ops::PagedCache rounded{zeros({2, 2, 4}, DType::bfloat16), zeros({2, 2, 4}, DType::bfloat16), 2};
  const std::vector<int32_t> pages = {0, 1};
  const std::vector<ops::PagedSequence> sequences = {{0, 3, 0, pages}};
  expect_message([&] { backend->attention_paged(x, x, x, sequences, shape, rounded, zeros({3, 4})); },
                 "[attention_paged] expected cache.keys float32 [2, 2, 4], got bfloat16 [2, 2, 4]");
}

TEST(Errors, Packing) {
  expect_message([] { backend->pack(zeros({2, 3}, DType::int32), false); },
                 "[pack] expected a float32 or bfloat16 matrix");
  expect_message([] { backend->pack_lora(zeros({2, 7}), zeros({5, 3}), 1, DType::float32); },
                 "[pack_lora] expected a [R, K] and b [O, R]");
  const auto w = backend->pack(zeros({5, 7}), false);
  expect_message([&] { backend->repack(*w, zeros({5, 8})); }, "[repack] expected w float32 [5, 7]");
}

TEST(Errors, Residual) {
  const auto w = backend->pack(zeros({5, 7}), false);
  const Tensor x = zeros({2, 7}), y = zeros({2, 5}), narrow = zeros({2, 4}), none;
  const auto run = [&](const Tensor& residual) {
    const ops::LinearJob job{*w, none, {}, none, y, &residual};
    backend->linears(x, {&job, 1});
  };
  expect_message([&] { run(narrow); }, "[linear] expected residual float32 [2, 5], got float32 [2, 4]");
  expect_message([&] { run(none); }, "[linear] expected residual [2, 5], got an empty tensor");
  expect_message([&] { run(y); }, "[linear] expected a residual that lies elsewhere than y");
}

// A batch without rows, and rows without products, are no work and no error.
TEST(Errors, NoRowsAreNoError) {
  const auto w = backend->pack(zeros({5, 7}), true);
  EXPECT_NO_THROW(backend->linear(zeros({0, 7}), *w, Tensor(), {}, Tensor(), zeros({0, 5})));
  EXPECT_NO_THROW(backend->linears(zeros({2, 7}), {}));
  EXPECT_NO_THROW(
      backend->linear_backward(zeros({0, 5}), Tensor(), *w, {}, Tensor(), {}, zeros({0, 7}), false));
  EXPECT_NO_THROW(backend->add(zeros({0, 5}), zeros({0, 5})));
  EXPECT_NO_THROW(backend->rms_norm(zeros({0, 5}), zeros({5}), 1e-5f, 1, zeros({0, 5}), Tensor()));
  EXPECT_NO_THROW(backend->embedding({}, *w, zeros({0, 7})));
}
}  // namespace
}  // namespace whorl::cpu
