#include "cuda/lora_gradients.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "cuda/kernels/lora_gradients.h"
#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
using Job = LoraGradientJob;

constexpr int64_t kFewBlocks = 512;     // fewer leave a GPU idle: then chunks run in blocks of their own
constexpr int64_t kMostSums = 4 << 20;  // numbers that they may leave, all together

int64_t numbers(const Job& job) { return static_cast<int64_t>(job.rank) * job.columns; }

Job job_of(const ops::LoraSegment& segment) {
  Job job;
  job.begin = segment.begin, job.rows = static_cast<int32_t>(segment.end - segment.begin);
  job.rank = static_cast<int32_t>(as_cuda(*segment.lora).rank());
  return job;
}

Job down_job(const ops::LoraSegment& segment, const Tensor& da) {
  Job job = job_of(segment);
  job.out = da.data<float>(), job.rank_step = da.row_stride(), job.column_step = 1;
  job.columns = static_cast<int32_t>(da.dim(1)), job.down = 1;
  job.seed = segment.dropout_seed, job.mask_row = segment.first_row, job.dropout = segment.dropout;
  return job;
}

Job up_job(const ops::LoraSegment& segment, const Tensor& db) {
  Job job = job_of(segment);
  job.out = db.data<float>(), job.rank_step = 1, job.column_step = db.row_stride();
  job.columns = static_cast<int32_t>(db.dim(0)), job.scale = as_cuda(*segment.lora).scale;
  return job;
}

class Launches {
 public:
  Launches(Runtime& runtime, Lists& lists, const LoraRows& rows)
      : runtime_(runtime), lists_(lists), rows_(rows) {}

  // Two segments may share an adapter: the second one's sums come after the first one's.
  void add(const Job& job) {
    const auto same = [&](const Job& other) { return other.out == job.out; };
    if (std::any_of(jobs_.begin(), jobs_.end(), same)) run();
    jobs_.push_back(job);
  }
  void run() {
    if (jobs_.empty()) return;
    int32_t rank = 0;
    for (const Job& job : jobs_) rank = std::max(rank, job.rank);
    rank <= 16 ? run(LoraGradients<1>()) : run(LoraGradients<2>());
    jobs_.clear();
  }

 private:
  // How many numbers the chunks' sums are, where chunks run in blocks of their own.
  int64_t place_sums(int64_t blocks) {
    int64_t sums = 0;
    for (Job& job : jobs_) {
      const int64_t chunks = Job::chunk_count(job.rows);
      job.partial = sums;
      if (chunks > 1) sums += chunks * numbers(job);
    }
    return blocks < kFewBlocks && sums <= kMostSums ? sums : 0;
  }

  template <class Kernel>
  void run(Kernel kernel) {
    int64_t blocks = 0, chunks = 1, most = 0;
    for (const Job& job : jobs_) {
      blocks += kernel.tiles_of(job), kernel.tiles = std::max(kernel.tiles, kernel.tiles_of(job));
      chunks = std::max<int64_t>(chunks, Job::chunk_count(job.rows));
      most = std::max(most, numbers(job));
    }
    const int64_t sums = place_sums(blocks);
    const Sent list = Sent::of(lists_, jobs_);
    std::optional<Scratch> partial;
    if (sums > 0) partial.emplace(runtime_, static_cast<size_t>(sums) * 4);
    kernel.jobs = Global<const Job>(list.at<Job>());
    kernel.partial = Global<float>(partial ? partial->get<float>() : nullptr);
    kernel.x = either(rows_.x), kernel.ds = rows_of<const float>(rows_.ds);
    kernel.dy = either(rows_.dy), kernel.s = rows_of<const float>(rows_.s);
    const auto count = static_cast<int64_t>(jobs_.size());
    launch(runtime_, {count, kernel.tiles * (partial ? chunks : 1), kernel.shared_bytes()}, kernel);
    if (partial)
      launch(runtime_, {count, pieces(most, AddLoraChunks::kThreads), 0},
             AddLoraChunks{kernel.jobs, kernel.partial});
  }

  Runtime& runtime_;
  Lists& lists_;
  const LoraRows& rows_;
  std::vector<Job> jobs_;
};
}  // namespace

void add_lora_gradients(Runtime& runtime, Lists& lists, const LoraRows& rows,
                        std::span<const ops::LoraSegment> segments,
                        std::span<const ops::LoraGradient> gradients) {
  Launches launches(runtime, lists, rows);
  for (size_t i = 0; i < gradients.size(); ++i) {
    const ops::LoraSegment& segment = segments[i];
    if (!segment.lora || segment.begin == segment.end || !as_cuda(*segment.lora).rounds) continue;
    if (!gradients[i].da.empty()) launches.add(down_job(segment, gradients[i].da));
    if (!gradients[i].db.empty()) launches.add(up_job(segment, gradients[i].db));
  }
  launches.run();
}

// Other segments than the longest have less than twice a chunk for each kLeastChunk rows, or one alone.
size_t lora_gradient_bytes(int64_t rows, int64_t segment_rows, int64_t rank, int64_t columns) {
  const int64_t longest = std::min(rows, segment_rows), chunks = Job::chunk_count(static_cast<int>(longest)),
                others = 2 * (rows - longest) / Job::kLeastChunk,
                sums = ((chunks > 1 ? chunks : 0) + others) * rank * columns;
  return static_cast<size_t>(std::min(sums, kMostSums)) * 4;
}

}  // namespace whorl::cuda
