// Where the time of a step goes, by op, and the rate of a large product. One JSON object on standard output.
//   profile_benchmark products
//   profile_benchmark train <model folder> <vocabulary> <sequence> <rows of an adapter> [timed steps
//   [adapters]]
//   profile_benchmark decode <model folder> <vocabulary> none|int8|int4 [streams [timed tokens [adapters]]]
#include <whorl/dataset.h>
#include <whorl/inference_engine.h>
#include <whorl/trainer.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/random.h"
#include "model/assemble.h"
#include "ops/device.h"
#include "timing_backend.h"

namespace {
using namespace whorl;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

int threads() {
  const char* wanted = std::getenv("WHORL_THREADS");
  return wanted ? std::atoi(wanted) : 0;
}

// The model in `folder`, its arithmetic timed.
struct Timed {
  std::shared_ptr<ops::TimingBackend> backend;
  Model model;
};

Timed load(const std::string& folder, const std::string& quantize) {
  ModelOptions options;
  options.threads = threads();
  const Model read = Model::load(folder, options);
  auto tensors = model::host_tensors(*read.impl(), "auto", "[profile]");
  auto backend = std::make_shared<ops::TimingBackend>(ops::make_backend("cpu", threads()));
  auto impl = std::make_shared<Model::Impl>();
  impl->config = read.config();
  impl->text_files = read.impl()->text_files;
  impl->backend = backend;
  options.quantize = quantize;
  const auto tensor = [&](const model::TensorSpec& spec) { return tensors.at(spec.name); };
  model::assemble(*impl, {tensor}, options, "[profile]");
  return {backend, Model(std::move(impl))};
}

json document(const Timed& timed, double seconds, int64_t steps, int64_t tokens) {
  json ops = json::array();
  for (const auto& [name, total] : timed.backend->totals())
    ops.push_back({{"op", name},
                   {"calls", total.calls},
                   {"seconds", total.seconds},
                   {"flops", total.flops},
                   {"bytes", total.bytes}});
  return {{"backend", timed.backend->name()},
          {"threads", timed.backend->threads()},
          {"steps", steps},
          {"tokens", tokens},
          {"seconds", seconds},
          {"ops", ops}};
}

// Rows of one packed sequence each: `sequence` tokens with the end token.
Dataset rows_of(int64_t count, int64_t sequence, int64_t vocabulary) {
  std::string text;
  for (int64_t row = 0; row < count; ++row) {
    json line = {{"text", ""}};
    std::string words;
    for (int64_t i = 0; i + 1 < sequence; ++i) {
      const auto at = static_cast<uint64_t>(row * sequence + i);
      if (i > 0) words += ' ';
      words += 't';
      words += std::to_string(2 + base::below(11, at, static_cast<uint64_t>(vocabulary - 2)));
    }
    line["text"] = words;
    text += line.dump() + "\n";
  }
  return Dataset::from_jsonl(text);
}

std::vector<LoraOptions> loras_of(int64_t count) {
  std::vector<LoraOptions> loras(static_cast<size_t>(count));
  for (size_t i = 0; i < loras.size(); ++i)
    loras[i].rank = 16, loras[i].name = "adapter-" + std::to_string(i);
  return loras;
}

// One step, then `steps` that are timed; several adapters in one pass see the same rows.
json train(const std::string& folder, int64_t vocabulary, int64_t sequence, int64_t rows, int64_t steps,
           int64_t adapters) {
  if (steps < 1)
    throw std::invalid_argument("train: expected at least 1 timed step, got " + std::to_string(steps));
  if (adapters < 1)
    throw std::invalid_argument("train: expected at least 1 adapter, got " + std::to_string(adapters));
  const Timed timed = load(folder, "none");
  TrainOptions options;
  options.max_steps = steps + 1, options.max_length = sequence, options.batch_size = rows;
  const auto loras = loras_of(adapters);
  Clock::time_point begin;
  double seconds = 0;
  Trainer(timed.model, loras, options)
      .fit(rows_of((steps + 1) * rows, sequence, vocabulary), nullptr, [&](const Progress& progress) {
        if (progress.event != "step") return true;
        if (progress.step == 1) timed.backend->reset(), begin = Clock::now();
        if (progress.step == steps + 1) seconds = seconds_since(begin);
        return true;
      });
  return document(timed, seconds, steps, steps * rows * sequence * adapters);
}

GenerateRequest request_of(uint64_t stream, int64_t vocabulary, int64_t steps) {
  GenerateRequest request;
  for (uint64_t i = 0; i < 16; ++i)
    request.prompt_ids.push_back(
        static_cast<int32_t>(2 + base::below(5 + stream, i, static_cast<uint64_t>(vocabulary - 2))));
  request.sampling.max_new_tokens = steps + 1, request.sampling.ignore_eos = true;
  return request;
}

// Adapters of all linears after a step of training, so that none of their numbers is zero.
void add_adapters(InferenceEngine& engine, const Model& model, int64_t vocabulary, int64_t count) {
  if (count == 0) return;
  TrainOptions options;
  options.max_steps = 1, options.max_length = 16, options.batch_size = 1;
  for (const TrainResult& one : Trainer(model, loras_of(count), options).fit(rows_of(1, 16, vocabulary)))
    engine.add_adapter(one.name, one.adapter);
}

// What follows the first tokens of all streams is timed. Streams take `adapters` in turn; 0: the base.
json decode(const std::string& folder, int64_t vocabulary, const std::string& quantize, int64_t streams,
            int64_t steps, int64_t adapters) {
  const Timed timed = load(folder, quantize);
  InferenceEngine engine(timed.model);
  add_adapters(engine, timed.model, vocabulary, adapters);
  Clock::time_point begin;
  double seconds = 0;
  int64_t started = 0, seen = 0;  // the engine's one thread calls back
  std::vector<Generation> running;
  for (int64_t stream = 0; stream < streams; ++stream) {
    GenerateRequest request = request_of(static_cast<uint64_t>(stream), vocabulary, steps);
    if (adapters > 0) request.adapter = "adapter-" + std::to_string(stream % adapters);
    running.push_back(engine.submit(std::move(request), [&, first = true](const StreamEvent& event) mutable {
      if (event.ids.empty()) return true;
      if (std::exchange(first, false)) {
        if (++started == streams) timed.backend->reset(), begin = Clock::now();
      } else if (started == streams) {
        ++seen, seconds = seconds_since(begin);
      }
      return true;
    }));
  }
  for (auto& one : running) one.wait();
  return document(timed, seconds, seen / streams, seen);
}

Tensor random_tensor(DType dtype, Shape shape) {
  Tensor t = Tensor::zeros(dtype, std::move(shape));
  for (int64_t i = 0; i < t.numel(); ++i) {
    const auto x = static_cast<float>(base::uniform(7, static_cast<uint64_t>(i)) - 0.5);
    if (dtype == DType::bfloat16)
      t.data<uint16_t>()[i] = float_to_bf16(x);
    else
      t.data<float>()[i] = x;
  }
  return t;
}

// The best of a few products of 2,048 rows with a matrix [n, n].
double product_rate(ops::Backend& backend, DType dtype, int64_t n) {
  const int64_t rows = 2048;
  const auto w = backend.pack(random_tensor(dtype, {n, n}), false);
  const Tensor x = random_tensor(DType::float32, {rows, n}), y = backend.allocate(DType::float32, {rows, n});
  double best = 1e30;
  for (int round = 0; round < 6; ++round) {
    const auto begin = Clock::now();
    backend.linear(x, *w, Tensor(), {}, Tensor(), y);
    best = std::min(best, seconds_since(begin));
  }
  return 2.0 * static_cast<double>(rows * n * n) / best;
}

json products() {
  const auto backend = ops::make_backend("cpu", threads());
  json out = {{"backend", backend->name()}, {"threads", backend->threads()}};
  for (const int64_t n : {2048, 4096}) {
    out["bfloat16_" + std::to_string(n)] = product_rate(*backend, DType::bfloat16, n);
    out["float32_" + std::to_string(n)] = product_rate(*backend, DType::float32, n);
  }
  return out;
}

json run(const std::vector<std::string>& a) {
  if (a.size() == 1 && a[0] == "products") return products();
  if (a.size() >= 5 && a.size() <= 7 && a[0] == "train")
    return train(a[1], std::stoll(a[2]), std::stoll(a[3]), std::stoll(a[4]),
                 a.size() >= 6 ? std::stoll(a[5]) : 1, a.size() == 7 ? std::stoll(a[6]) : 1);
  if (a.size() >= 4 && a.size() <= 7 && a[0] == "decode")
    return decode(a[1], std::stoll(a[2]), a[3], a.size() >= 5 ? std::stoll(a[4]) : 1,
                  a.size() >= 6 ? std::stoll(a[5]) : 32, a.size() == 7 ? std::stoll(a[6]) : 0);
  throw std::invalid_argument(
      "expected: products | train <folder> <vocabulary> <sequence> <rows> [<steps> [<adapters>]] | decode "
      "<folder> "
      "<vocabulary> none|int8|int4 [<streams> [<tokens> [<adapters>]]]");
}
}  // namespace

int main(int argc, char** argv) {
  try {
    std::cout << run({argv + 1, argv + argc}).dump() << "\n";
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "profile_benchmark: " << error.what() << "\n";
    return 1;
  }
}
