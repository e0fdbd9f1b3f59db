// publish: into a store, once. After a kill between the store's acknowledgement and our record, the store's
// latest is the adapter already, and is not published again.
#include "base/check.h"
#include "pipeline/steps.h"
#include "whorl/adapter_store.h"

namespace whorl::pipeline {
namespace {

std::map<std::string, std::string> metadata_of(const Object& with) {
  std::map<std::string, std::string> made;
  if (const auto* given = object_or_null(with, "metadata"))
    for (const auto& [key, value] : *given) made[key] = plain_text(value);
  return made;
}

}  // namespace

Object run_publish(JobContext& job) {
  const Object& with = job.with();
  const auto path = text_or(with, "adapter", "");
  AdapterStore store(beneath(job.services.folder, text_or(with, "store", "")));
  PublishOptions options;
  options.promote = boolean_or(with, "promote", true);
  options.dtype = text_or(with, "dtype", options.dtype);
  options.metadata = metadata_of(with);
  const auto name = text_or(with, "name", "");
  const auto adapter = Adapter::load(path);
  // What the job publishes carries its key, whoever promoted what meanwhile.
  constexpr const char* kKey = "whorl.pipeline.key";
  options.metadata[kKey] = job.only().key;
  if (store.contains(name)) {
    auto known = store.versions(name);
    for (auto it = known.rbegin(); it != known.rend(); ++it) {
      const auto mark = it->metadata.find(kKey);
      const bool ours = mark != it->metadata.end() && mark->second == job.only().key;
      if (!ours && !(it->latest && it->digest == adapter.digest())) continue;
      job.log(base::concat(name, "@", it->version, " is this adapter already: not published again"));
      if (options.promote && !it->latest && it == known.rbegin()) store.promote(name, it->version);
      return {{"name", name},
              {"version", it->version},
              {"reference", base::concat(name, "@", it->version)},
              {"digest", it->digest}};
    }
  }
  const auto version = store.publish(name, adapter, options);
  job.log(base::concat("published ", name, "@", version.version, ", ", version.digest));
  return {{"name", name},
          {"version", version.version},
          {"reference", base::concat(name, "@", version.version)},
          {"digest", version.digest}};
}

}  // namespace whorl::pipeline
