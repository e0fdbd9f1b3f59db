// Exact and near duplicates. The outcome depends on the rows and the options alone: clusters are connected
// components of verified pairs, and the row with the lowest index survives.
#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "data/dataset_impl.h"
#include "data/minhash.h"
#include "data/near_duplicates.h"
#include "data/normalise.h"
#include "text/messages_json.h"

namespace whorl {

namespace data {

namespace {

void check_options(const DeduplicateOptions& options) {
  const char* context = "[Dataset.deduplicate] ";
  base::check_argument(options.exact || options.near, context, "expected 'exact' or 'near' to be true");
  base::check_argument(options.threshold > 0 && options.threshold <= 1, context,
                       "expected 0 < threshold <= 1, got ", options.threshold);
  base::check_argument(options.shingle_words >= 1 && options.shingle_words <= 100, context,
                       "expected 1 <= shingle_words <= 100, got ", options.shingle_words);
  base::check_argument(options.permutations >= 16 && options.permutations <= 4096, context,
                       "expected 16 <= permutations <= 4096, got ", options.permutations);
  const std::vector<std::string> fields = {"all", "prompt", "completion"};
  if (std::find(fields.begin(), fields.end(), options.field) == fields.end())
    base::invalid(context, "expected field to be \"all\", \"prompt\" or \"completion\", got \"",
                  options.field, "\"", base::did_you_mean(options.field, fields));
}

bool wanted(const Message& message, const std::string& field) {
  return field == "all" || (message.role == "assistant") == (field == "completion");
}

void add_message(const Message& message, std::vector<std::string>* out) {
  for (const std::string* part : {&message.content, &message.reasoning_content, &message.name})
    if (!part->empty()) out->push_back(*part);
  for (const ToolCall& call : message.tool_calls) {
    out->push_back(call.name);
    out->push_back(call.arguments);
  }
}

// The texts of a row that `field` means. For exact comparison roles and whole tools are among them; likeness
// looks at what is said, and at the tools' names, since long descriptions would drown the rest.
std::vector<std::string> field_parts(const Row& row, const std::string& field, bool exact) {
  std::vector<std::string> out;
  switch (kind_of(row)) {
    case RowKind::text:
      return {row.text};
    case RowKind::prompt_completion:
      if (field != "completion") out.push_back(row.prompt);
      if (field != "prompt") out.push_back(row.completion);
      return out;
    case RowKind::messages:
      break;
  }
  for (const Message& message : row.messages) {
    if (!wanted(message, field)) continue;
    if (exact) out.push_back("\x1e" + message.role);
    add_message(message, &out);
  }
  if (field != "all") return out;
  if (exact)
    out.push_back(text::tools_json(row.tools));
  else
    for (const Tool& tool : row.tools) out.push_back(tool.name);
  return out;
}

std::string exact_text(const Row& row, const std::string& field) {
  std::string out;
  for (const std::string& part : field_parts(row, field, true)) out += exact_form(part) + "\x1f";
  return out;
}

std::string words_text(const Row& row, const std::string& field) {
  std::string out;
  for (const std::string& part : field_parts(row, field, false)) out += part + "\n";
  return words_form(out);
}

// For each row the first row with the same text; itself where there is none before.
std::vector<size_t> exact_leaders(const Rows& rows, const DeduplicateOptions& options) {
  std::vector<std::pair<uint64_t, uint64_t>> keys(rows.size());
  base::ThreadPool::shared()->run(static_cast<int64_t>(rows.size()), [&](int64_t i) {
    keys[static_cast<size_t>(i)] = base::xxh3_128(exact_text(*rows[static_cast<size_t>(i)], options.field));
  });
  const auto hash = [](const std::pair<uint64_t, uint64_t>& key) {
    return static_cast<size_t>(key.first ^ key.second);
  };
  std::unordered_map<std::pair<uint64_t, uint64_t>, size_t, decltype(hash)> first(rows.size() * 2, hash);
  std::vector<size_t> leaders(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) leaders[i] = first.try_emplace(keys[i], i).first->second;
  return leaders;
}

std::string near_reason(const Row& leader, double similarity, double threshold) {
  std::string number = std::to_string(similarity);
  number.resize(number.find('.') + 3);
  const char* through = similarity < threshold ? ", through rows between them" : "";
  return base::concat("near duplicate of ", leader.source, " (similarity ", number, through, ")");
}

}  // namespace

}  // namespace data

Dataset Dataset::deduplicate(const DeduplicateOptions& options) const {
  data::check_options(options);
  const data::Rows& rows = impl_->rows;
  std::vector<size_t> leaders(rows.size());
  std::iota(leaders.begin(), leaders.end(), 0);
  if (options.exact) leaders = data::exact_leaders(rows, options);
  std::vector<size_t> left;  // rows that exact matching keeps
  for (size_t i = 0; i < rows.size(); ++i)
    if (leaders[i] == i) left.push_back(i);
  data::NearDuplicates near;
  if (options.near)
    near = data::find_near_duplicates(
        left.size(), [&](size_t i) { return data::words_text(*rows[left[i]], options.field); }, options);
  data::StepBuilder step(*impl_, "deduplicate");
  for (size_t i = 0, next = 0; i < rows.size(); ++i) {
    if (leaders[i] != i) {
      step.drop(*rows[i], "exact duplicate", "exact duplicate of " + rows[leaders[i]]->source);
      continue;
    }
    const size_t place = next++;
    if (options.near && near.leader[place] != place)
      step.drop(
          *rows[i], "near duplicate",
          data::near_reason(*rows[left[near.leader[place]]], near.similarity[place], options.threshold));
    else
      step.keep(rows[i]);
  }
  return Dataset(step.finish());
}

}  // namespace whorl
