// curate: read, clean, split, account.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "pipeline/option_fields.h"
#include "pipeline/steps.h"

namespace whorl::pipeline {
namespace {

// Whether a cleaning step is wanted, with its options: true is all defaults.
template <class Options>
bool wanted(const Object& with, const char* name, Options& options) {
  const auto found = with.find(name);
  if (found == with.end() || found->second.is_null()) return false;
  if (const auto* fields = found->second.object()) {
    apply_options(*fields, options);
    return true;
  }
  return boolean_or(with, name, false);
}

Dataset cleaned(JobContext& job, Dataset data) {
  const Object& with = job.with();
  DeduplicateOptions deduplicate;
  if (wanted(with, "deduplicate", deduplicate)) data = data.deduplicate(deduplicate);
  job.check_stop();
  PiiOptions pii;
  if (wanted(with, "mask_pii", pii)) data = data.mask_pii(pii);
  job.check_stop();
  LengthOptions length;
  if (wanted(with, "limit_length", length)) {
    const auto base_path = text_or(with, "base", "");
    base::check_argument(!base_path.empty(), job.where(),
                         ": argument 'limit_length' counts in tokens of a model: name it under 'base'");
    const auto model = job.services.models.get(base_path, job.services.inputs.of(base_path, job.where()), 0);
    data = data.limit_length(model, length);
  }
  if (with.contains("shuffle") && !with.at("shuffle").is_null())
    data = data.shuffle(static_cast<uint64_t>(integer_or(with, "shuffle", 0)));
  if (const int64_t take = integer_or(with, "take", 0); take > 0)
    data = data.take(std::min(take, data.size()));
  return data;
}

Artifact saved(JobContext& job, const Dataset& data, const std::string& name) {
  const auto path = base::join(job.scratch(), name);
  data.save(path);
  return job.services.store.take(path, job.where());
}

// Rows that were touched, but for where the file lay: the same rows give the same account.
std::string account_of(const Dataset& data) {
  base::Json account = base::parse_json(data.account(), "[Pipeline.run] account");
  for (const auto& change : data.changes())
    account["changes"].push_back({{"source", change.source},
                                  {"action", change.action},
                                  {"step", change.step},
                                  {"reason", change.reason}});
  return base::to_sorted_json(account);
}

}  // namespace

Object run_curate(JobContext& job) {
  const Object& with = job.with();
  const auto options = load_options(with);
  std::optional<Dataset> read;
  for (const auto& path : texts_or(with, "data", {})) {
    auto part = Dataset::load(path, options);
    read = read ? read->concat(part) : std::move(part);
    job.check_stop();
  }
  base::check_argument(read.has_value(), job.where(), ": argument 'data' names no file");
  const Dataset data = cleaned(job, *read);
  Object outputs;
  const auto account_path = base::join(job.scratch(), "account.json");
  base::write_file_durably(account_path, account_of(data));
  outputs["account"] = to_value(job.services.store.take(account_path, job.where()));
  Dataset train = data;
  outputs["valid"] = Value();
  if (const auto* split = object_or_null(with, "split")) {
    const auto parts =
        data.split(number_or(*split, "fraction", 0.9), static_cast<uint64_t>(integer_or(*split, "seed", 0)),
                   text_or(*split, "group_by", ""));
    train = parts.train;
    outputs["valid"] = to_value(saved(job, parts.valid, "valid.jsonl"));
  }
  outputs["train"] = to_value(saved(job, train, "train.jsonl"));
  outputs["digest"] = train.digest();
  outputs["rows"] = train.size();
  job.log(base::concat(train.size(), " rows to train on, ", train.digest()));
  return outputs;
}

}  // namespace whorl::pipeline
