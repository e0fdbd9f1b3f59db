// What several kinds of steps read alike.
#include <set>

#include "base/check.h"
#include "base/file.h"
#include "pipeline/steps.h"

namespace whorl::pipeline {

Model base_of(JobContext& job) {
  const auto path = text_or(job.with(), "base", "");
  return job.services.models.get(path, job.services.inputs.of(path, job.where()),
                                 integer_or(job.with(), "threads", 0));
}

LoadOptions load_options(const Object& with) {
  LoadOptions made;
  made.format = text_or(with, "format", made.format);
  made.on_bad_row = text_or(with, "on_bad_row", made.on_bad_row);
  made.alpaca_prompt = text_or(with, "alpaca_prompt", made.alpaca_prompt);
  made.text_unit = text_or(with, "text_unit", made.text_unit);
  if (const auto* columns = object_or_null(with, "columns"))
    for (const auto& [name, column] : *columns) made.columns[name] = plain_text(column);
  return made;
}

Dataset rows_of(JobContext& job, const char* name) {
  return Dataset::load(text_or(job.with(), name, ""), load_options(job.with()));
}

// Entries of a list that are null belong to items of a sweep that have no adapter.
std::vector<NamedAdapter> adapters_of(JobContext& job) {
  std::vector<NamedAdapter> made;
  const auto found = job.only().with.find("adapters");
  if (found == job.only().with.end()) return made;
  const List entries = found->second.list() != nullptr ? *found->second.list() : List{found->second};
  std::set<std::string> names;
  for (const auto& entry : entries) {
    if (entry.is_null()) continue;
    const auto artifact = artifact_of(entry);
    const auto path =
        artifact ? job.services.store.path_of(*artifact) : beneath(job.services.folder, plain_text(entry));
    const auto name = base::base_name_of(path);
    base::check_argument(names.insert(name).second, job.where(), ": two adapters are called '", name, "'");
    made.push_back({name, path, entry});
  }
  return made;
}

}  // namespace whorl::pipeline
