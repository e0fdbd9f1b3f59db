#include "train/rows.h"

#include <algorithm>

#include "base/check.h"
#include "base/hash.h"
#include "base/log.h"

namespace whorl::train {

using base::concat;
using base::invalid;

namespace {

int64_t last_trained(const EncodedRow& row) {
  for (size_t i = row.ids.size(); i-- > 1;)
    if (row.trained[i]) return static_cast<int64_t>(i);
  return 0;
}

int64_t count_trained(const EncodedRow& row) {
  return row.trained.empty()
             ? 0
             : std::count_if(row.trained.begin() + 1, row.trained.end(), [](uint8_t t) { return t != 0; });
}

struct Collector {
  const RowPolicy& policy;
  const std::string& context;
  TrainRows out;
  base::Sha256 hash;

  // False: the row is left out.
  bool shorten(EncodedRow& row, const std::string& source) {
    const auto length = static_cast<int64_t>(row.ids.size());
    if (length <= policy.max_length) return true;
    if (policy.on_long_row == "error")
      invalid(context, " ", source, ": ", length, " tokens are more than max_length ", policy.max_length,
              "; set on_long_row to 'truncate' or 'drop', or raise max_length");
    if (policy.on_long_row == "drop") return false;
    const int64_t before = count_trained(row);
    row.ids.resize(static_cast<size_t>(policy.max_length));
    row.trained.resize(static_cast<size_t>(policy.max_length));
    ++out.truncated_rows;
    base::log(base::LogLevel::info, context, " ", source, ": truncated from ", length, " tokens, losing ",
              before - count_trained(row), " trained ones");
    return true;
  }

  void add(EncodedRow row, const std::string& source) {
    base::check_argument(row.ids.size() == row.trained.size(), context, " ", source, ": ", row.ids.size(),
                         " ids but ", row.trained.size(), " mask entries");
    if (!shorten(row, source)) {
      ++out.dropped_rows;
      return;
    }
    const int64_t inputs = last_trained(row);
    if (inputs == 0) {
      if (policy.on_masked_row == "error")
        invalid(context, " ", source,
                ": no token of this row is trained, so nothing could be learnt from it; "
                "set on_masked_row to 'drop' to leave such rows out");
      ++out.dropped_rows;
      return;
    }
    hash.update(concat(row.ids.size(), "\n")).update(row.ids.data(), row.ids.size() * sizeof(int32_t));
    hash.update(row.trained.data(), row.trained.size());
    out.tokens += static_cast<int64_t>(row.ids.size());
    out.trained_tokens += count_trained(row);
    out.inputs.push_back(inputs);
    out.rows.push_back(std::move(row));
  }
};

}  // namespace

int64_t TrainRows::trained(int64_t i) const { return count_trained(rows[static_cast<size_t>(i)]); }

TrainRows collect_rows(int64_t count, const std::function<EncodedRow(int64_t)>& encode,
                       const std::function<std::string(int64_t)>& source, const RowPolicy& policy,
                       const std::string& context) {
  Collector collector{policy, context, {}, {}};
  for (int64_t i = 0; i < count; ++i) collector.add(encode(i), source(i));
  if (collector.out.trained_tokens == 0)
    invalid(context, " expected at least one trained token, got none in ", count, " rows (",
            collector.out.dropped_rows, " dropped)");
  collector.out.digest = collector.hash.hex();
  return std::move(collector.out);
}

TrainRows encode_rows(const Dataset& data, const Model& model, const TrainOptions& options,
                      const std::string& context) {
  const RowPolicy policy{row_length(options, model.config()), options.on_masked_row, options.on_long_row};
  return collect_rows(
      data.size(), [&](int64_t i) { return data.encode(model, i); },
      [&](int64_t i) { return data[i].source.empty() ? concat("row ", i) : data[i].source; }, policy,
      context);
}

int64_t row_length(const TrainOptions& options, const ModelConfig& config) {
  if (options.max_length == 0) return std::min<int64_t>(1024, config.max_position_embeddings);
  base::check_argument(options.max_length <= config.max_position_embeddings,
                       "[Trainer] expected max_length of at most ", config.max_position_embeddings,
                       " (the model's max_position_embeddings), got ", options.max_length);
  return options.max_length;
}

}  // namespace whorl::train
