// Copies, packing and taking out again, embedding.
#include "ops/harness.h"

namespace whorl::ops {

void check_memory(Backend& backend, const Setting&, Report& report) {
  report.enter("memory");
  const auto x = Random(1).matrix(5, 19, 1, DType::bfloat16);
  const Tensor device = backend.allocate(backend.activation_dtype(), {5, 19});
  report.compare("allocated", device, std::vector<double>(5 * 19, 0.0), 0);
  const Tensor plain = to_tensor(x), narrow = to_tensor(x, DType::bfloat16),
               back = to_tensor(Matrix<double>(5, 19));
  for (const Tensor& host : {plain, narrow}) {
    backend.fill_zero(device);
    backend.upload(host, device);
    backend.download(device, back);
    report.same_bits(std::string("round trip of ") + name_of(host.dtype()), back, plain);
  }
  const Tensor half = Tensor::zeros(DType::bfloat16, {5, 19});
  backend.download(device, half);
  backend.upload(half, device);
  report.same_bits("through bfloat16", device, plain);
  Guarded slice({5, 19}, 3.0);
  backend.fill_zero(slice.tensor());
  report.compare("fill_zero", slice.tensor(), std::vector<double>(5 * 19, 0.0), 0);
  slice.check(report, "fill_zero");
  // Longer than what one thread clears, beside rows that stay.
  const Tensor ones = Tensor::zeros(DType::float32, {3, 50001}),
               cleared = Tensor::zeros(DType::float32, {3, 50001});
  std::fill_n(ones.data<float>(), ones.numel(), 1.0f);
  const Tensor rows = backend.allocate(DType::float32, ones.shape());
  backend.upload(ones, rows);
  backend.fill_zero(rows.rows(1, 2));
  backend.download(rows, cleared);
  std::fill_n(ones.data<float>() + 50001, 50001, 0.0f);
  report.same_bits("fill_zero of one row of three", cleared, ones);
}

void check_packing(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& [o, k] : {std::pair<int64_t, int64_t>{1, 1}, {16, 16}, {17, 33}, {130, 61}}) {
    report.enter("pack " + to_string({o, k}));
    const auto w = Random(2).matrix(o, k, 1, setting.weights),
               other = Random(3).matrix(o, k, 1, setting.weights);
    const Weight packed = backend.pack(to_tensor(w, setting.weights), false);
    report.expect(packed->outputs() == o && packed->inputs() == k && packed->dtype() == setting.weights,
                  "shape and type");
    const auto same = [&](const Matrix<double>& want, const char* what) {
      const Tensor out = backend.unpack(*packed), wanted = to_tensor(want, setting.weights);
      report.expect(out.shape() == wanted.shape() && out.dtype() == wanted.dtype() &&
                        std::equal(out.data<char>(), out.data<char>() + out.nbytes(), wanted.data<char>()),
                    std::string(what) + ": unpack does not give the same bytes");
    };
    same(w, "pack");
    const Tensor last = Tensor::zeros(setting.weights, {o - o / 2, k}),
                 want_last = to_tensor(w, setting.weights).rows(o / 2, o);
    backend.unpack_rows(*packed, o / 2, last);
    report.expect(std::equal(last.data<char>(), last.data<char>() + last.nbytes(), want_last.data<char>()),
                  "rows alone are not those of all");
    const size_t forward_only = packed->nbytes();
    backend.prepare_backward(*packed);
    report.expect(packed->nbytes() >= forward_only, "prepare_backward takes memory away");
    backend.repack(*packed, to_tensor(other, setting.weights));
    same(other, "repack");
    // Both directions were repacked.
    Random random(4);
    const auto dy = random.matrix(3, o);
    Guarded dx({3, k});
    backend.linear_backward(to_tensor(dy), Tensor(), *packed, {}, Tensor(), {}, dx.tensor(), false);
    Matrix<double> want(3, k);
    for (int64_t n = 0; n < 3; ++n)
      for (int64_t j = 0; j < k; ++j)
        for (int64_t i = 0; i < o; ++i) want(n, j) += dy(n, i) * other(i, j);
    report.compare("dx after repack", dx.tensor(), want.data, setting.limit().gradient);
  }
}

void check_embedding(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& [v, c] : {std::pair<int64_t, int64_t>{1, 1}, {19, 17}, {33, 130}}) {
    report.enter("embedding " + to_string({v, c}));
    Random random(static_cast<uint64_t>(v));
    const auto table = random.matrix(v, c, 1, setting.weights), dy = random.matrix(7, c);
    std::vector<int32_t> ids;
    for (int i = 0; i < 7; ++i) ids.push_back(static_cast<int32_t>(random.below(v)));
    ids[0] = static_cast<int32_t>(v - 1), ids[6] = ids[1];
    Guarded y({7, c}), dtable({v, c}, 0.5);
    backend.embedding(ids, *backend.pack(to_tensor(table, setting.weights), false), y.tensor());
    backend.embedding_backward(ids, to_slice(dy), dtable.tensor());
    Matrix<double> want(7, c), gradient(v, c);
    for (double& value : gradient.data) value = 0.5;
    for (int64_t i = 0; i < 7; ++i)
      for (int64_t j = 0; j < c; ++j) {
        want(i, j) = table(ids[static_cast<size_t>(i)], j);
        gradient(ids[static_cast<size_t>(i)], j) += dy(i, j);
      }
    report.compare("y", y.tensor(), want.data, 0);
    report.compare("dtable", dtable.tensor(), gradient.data, setting.limit().gradient);
    y.check(report, "y"), dtable.check(report, "dtable");
  }
}

}  // namespace whorl::ops
