// Norm, rotation, activation, addition.
#include <cmath>

#include "ops/harness.h"
#include "ops/reference/rows.h"

namespace whorl::ops {

namespace {
template <class T>
Matrix<Complex> wide(const T& m) {
  return Matrix<Complex>(m);
}

struct NormCase {
  int64_t n, c, groups;
};

void check_norm_backward(Backend& backend, const NormCase& c, const Matrix<double>& x,
                         const Matrix<double>& gain, const Tensor& rstd, double limit, Report& report) {
  const auto dy = Random(5).matrix(c.n, c.c);
  Guarded dx({c.n, c.c}), added({c.n, c.c}, 0.5), dgain({c.c / c.groups}, 0.25);
  const Tensor g = to_tensor(gain).reshape({gain.columns});
  backend.rms_norm_backward(to_slice(dy), to_slice(x), g, rstd, c.groups, dx.tensor(), false, dgain.tensor());
  backend.rms_norm_backward(to_slice(dy), to_slice(x), g, rstd, c.groups, added.tensor(), true, Tensor());
  const auto along_x = differentiate(x, [&](const Matrix<Complex>& at) {
    return dot(dy, reference::rms_norm(at, wide(gain), 1e-5, c.groups).data);
  });
  const auto along_gain = differentiate(gain, [&](const Matrix<Complex>& at) {
    return dot(dy, reference::rms_norm(wide(x), at, 1e-5, c.groups).data);
  });
  compare_gradient(report, "dx", dx.tensor(), along_x, limit);
  compare_gradient(report, "dx accumulated", added.tensor(), along_x, limit, 0.5);
  compare_gradient(report, "dgain", dgain.tensor(), along_gain, limit, 0.25);
  dx.check(report, "dx"), added.check(report, "dx accumulated"), dgain.check(report, "dgain");
}
}  // namespace

void check_rms_norm(Backend& backend, const Setting& setting, Report& report) {
  for (const NormCase& c :
       {NormCase{1, 3, 1}, {1, 17, 1}, {5, 64, 1}, {3, 96, 4}, {37, 130, 2}, {4, 900, 1}}) {
    report.enter("rms_norm " + to_string({c.n, c.c}) + " groups " + std::to_string(c.groups));
    Random random(static_cast<uint64_t>(c.c));
    const auto x = random.matrix(c.n, c.c, 2), gain = random.matrix(1, c.c / c.groups);
    const Tensor g = to_tensor(gain).reshape({gain.columns});
    Guarded y({c.n, c.c}), rstd({c.n, c.groups}), plain({c.n, c.c});
    backend.rms_norm(to_slice(x), g, 1e-5f, c.groups, y.tensor(), rstd.tensor());
    backend.rms_norm(to_slice(x), g, 1e-5f, c.groups, plain.tensor(), Tensor());
    report.compare("y", y.tensor(), reference::rms_norm(x, gain, 1e-5, c.groups).data,
                   setting.limit().forward);
    report.same_bits("y with and without rstd", y.tensor(), plain.tensor());
    y.check(report, "y"), rstd.check(report, "rstd"), plain.check(report, "y without rstd");
    check_norm_backward(backend, c, x, gain, rstd.tensor(), setting.limit().gradient, report);
  }
}

void check_rope(Backend& backend, const Setting& setting, Report& report) {
  struct Case {
    int64_t n, heads, head_size;
  };
  for (const Case& c : {Case{1, 1, 2}, {5, 3, 6}, {7, 2, 64}, {3, 1, 40}}) {
    report.enter("rope " + to_string({c.n, c.heads, c.head_size}));
    Random random(static_cast<uint64_t>(c.head_size));
    Matrix<double> table(11, c.head_size);
    for (int64_t p = 0; p < table.rows; ++p)
      for (int64_t i = 0; i < c.head_size / 2; ++i) {
        const double angle = static_cast<double>(p) * std::pow(10.0, -static_cast<double>(i) / 8);
        table(p, i) = static_cast<double>(static_cast<float>(std::cos(angle)));
        table(p, c.head_size / 2 + i) = static_cast<double>(static_cast<float>(std::sin(angle)));
      }
    std::vector<int32_t> positions;
    for (int64_t i = 0; i < c.n; ++i) positions.push_back(static_cast<int32_t>(random.below(11)));
    const auto x = random.matrix(c.n, c.heads * c.head_size), dy = random.matrix(c.n, c.heads * c.head_size);
    Guarded y({c.n, x.columns}), dx({c.n, x.columns});
    backend.upload(to_tensor(x), y.tensor()), backend.upload(to_tensor(dy), dx.tensor());
    backend.rope(y.tensor(), positions, to_tensor(table), c.head_size, false);
    backend.rope(dx.tensor(), positions, to_tensor(table), c.head_size, true);
    report.compare("y", y.tensor(), reference::rope(x, positions, table, c.head_size).data,
                   setting.limit().forward);
    compare_gradient(report, "dx", dx.tensor(),
                     differentiate(x,
                                   [&](const Matrix<Complex>& at) {
                                     return dot(dy, reference::rope(at, positions, table, c.head_size).data);
                                   }),
                     setting.limit().gradient);
    y.check(report, "y"), dx.check(report, "dx");
  }
}

void check_swiglu(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& [n, c] : {std::pair<int64_t, int64_t>{1, 1}, {1, 17}, {9, 64}, {33, 131}}) {
    report.enter("swiglu " + to_string({n, c}));
    Random random(static_cast<uint64_t>(c));
    auto gate = random.matrix(n, c, 3);
    const auto up = random.matrix(n, c), dh = random.matrix(n, c);
    gate.data[0] = -100, gate.data.back() = 100;  // where exp would overflow
    Guarded h({n, c}), dgate({n, c}), dup({n, c}), again({n, c});
    backend.swiglu(to_slice(gate), to_slice(up), h.tensor());
    backend.upload(to_tensor(gate), dgate.tensor()), backend.upload(to_tensor(up), dup.tensor());
    backend.swiglu_backward(to_slice(dh), dgate.tensor(), dup.tensor(), again.tensor());
    report.compare("h", h.tensor(), reference::swiglu(gate, up).data, setting.limit().forward);
    report.same_bits("h made again", h.tensor(), again.tensor());
    compare_gradient(
        report, "dgate", dgate.tensor(),
        differentiate(
            gate, [&](const Matrix<Complex>& at) { return dot(dh, reference::swiglu(at, wide(up)).data); }),
        setting.limit().gradient);
    compare_gradient(
        report, "dup", dup.tensor(),
        differentiate(
            up, [&](const Matrix<Complex>& at) { return dot(dh, reference::swiglu(wide(gate), at).data); }),
        setting.limit().gradient);
    h.check(report, "h"), dgate.check(report, "dgate"), dup.check(report, "dup"),
        again.check(report, "h made again");
    backend.upload(to_tensor(gate), dgate.tensor()), backend.upload(to_tensor(up), dup.tensor());
    backend.swiglu_backward(to_slice(dh), dgate.tensor(), dup.tensor(), Tensor());
    dgate.check(report, "dgate without h");
  }
}

void check_add(Backend& backend, const Setting& setting, Report& report) {
  for (const auto& [n, c] : {std::pair<int64_t, int64_t>{1, 1}, {3, 17}, {40, 257}}) {
    report.enter("add " + to_string({n, c}));
    const auto x = Random(1).matrix(n, c);
    Guarded y({n, c}, 2.0);
    backend.add(to_slice(x), y.tensor());
    auto want = x;
    for (double& value : want.data) value += 2;
    report.compare("y", y.tensor(), want.data, setting.limit().forward);
    y.check(report, "y");
  }
}

}  // namespace whorl::ops
