#include "pipeline/kinds.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "pipeline/expressions.h"
#include "pipeline/option_fields.h"

namespace whorl::pipeline {
namespace {

using Type = ArgumentType;

template <class T>
std::function<void(const Object&)> fields_of() {
  return [](const Object& given) {
    T scratch{};
    apply_options(given, scratch);
  };
}

void check_split(const Object& given) {
  for (const auto& [name, value] : given) {
    const std::vector<std::string> known = {"fraction", "seed", "group_by"};
    base::check_argument(std::find(known.begin(), known.end(), name) != known.end(), "unknown field '",
                         base::printable(name, 80), "'", base::did_you_mean(name, known));
    if (!references_in(value).empty()) continue;
    if (name == "fraction") {
      base::check_argument(value.is_number() && value.number() > 0 && value.number() < 1,
                           "field 'fraction': expected a number between 0 and 1, got ", shown(value));
    } else if (name == "seed") {
      const auto* seed = value.get<int64_t>();
      base::check_argument(seed != nullptr && *seed >= 0,
                           "field 'seed': expected an integer of at least 0, got ", shown(value));
    } else {
      base::check_argument(value.text() != nullptr, "field 'group_by': expected a string, got ",
                           shown(value));
    }
  }
}

Kind curate() {
  return {
      .name = "curate",
      .doc = "Reads rows, cleans them, splits them, and accounts for every row.",
      .arguments =
          {{"data", Type::paths, true, "JSONL, JSON, CSV, text, or folders of these; several are joined"},
           {"format", Type::text, false, "as Dataset.load's; default auto"},
           {"on_bad_row", Type::text, false, "error (default) or drop"},
           {"alpaca_prompt", Type::text, false, "template (default) or stanford"},
           {"text_unit", Type::text, false, "paragraph (default), line or file"},
           {"columns", Type::text_map, false, "where fields are found when the file calls them otherwise"},
           {"deduplicate", Type::toggle, false, "true, or fields of DeduplicateOptions",
            fields_of<DeduplicateOptions>()},
           {"mask_pii", Type::toggle, false, "true, or fields of PiiOptions", fields_of<PiiOptions>()},
           {"limit_length", Type::toggle, false,
            "true, or fields of LengthOptions; counts in tokens of `base`", fields_of<LengthOptions>()},
           {"base", Type::path, false, "a model's folder, for limit_length"},
           {"shuffle", Type::integer, false, "the seed of an order drawn anew"},
           {"take", Type::integer, false, "the first so many rows"},
           {"split", Type::object, false, "{fraction: 0.9, seed: 0, group_by: \"\"}; default: all to train",
            check_split}},
      .outputs = {{"train", true, "train.jsonl"},
                  {"valid", true, "valid.jsonl; with a split only"},
                  {"account", true, "account.json: what was read, kept, dropped and changed"},
                  {"digest", false, "of the training rows"},
                  {"rows", false, "to train on"}}};
}

Kind train() {
  return {.name = "train",
          .doc = "Trains one LoRA adapter. A foreach whose items differ in `adapter` only is one pass.",
          .arguments = {{"base", Type::path, true, "a model's folder"},
                        {"train", Type::path, true, "rows to train on"},
                        {"valid", Type::path, false, "rows to validate on"},
                        {"format", Type::text, false, "of the rows; default auto"},
                        {"adapter", Type::object, false, "fields of LoraOptions", fields_of<LoraOptions>()},
                        {"options", Type::object, false, "fields of TrainOptions", fields_of<TrainOptions>()},
                        {"threads", Type::integer, false, "0 (default) = all"}},
          .outputs = {{"adapter", true, "a PEFT folder named as the adapter"},
                      {"metrics", true, "metrics.jsonl: every step and validation"},
                      {"name", false, "of the adapter"},
                      {"digest", false, "of the adapter"},
                      {"loss", false, "of the last step"},
                      {"validation_loss", false, "last, or best with keep_best; null without `valid`"},
                      {"steps", false, "optimizer steps taken"}},
          .takes_all_cpus = true};
}

Kind evaluate() {
  return {.name = "evaluate",
          .doc = "Scores adapters and the base on held-out rows, in one batch.",
          .arguments = {{"base", Type::path, true, "a model's folder"},
                        {"data", Type::path, true, "held-out rows"},
                        {"format", Type::text, false, "of the rows; default auto"},
                        {"adapters", Type::paths, false, "PEFT folders, called by their folders' names"},
                        {"with_base", Type::boolean, false, "score the base too; default true"},
                        {"metrics", Type::texts, false,
                         "as EvaluateOptions.metrics; the first decides on `best`"},
                        {"limit", Type::integer, false, "rows; 0 (default) = all"},
                        {"seed", Type::integer, false, "of intervals that are drawn"},
                        {"max_seconds", Type::number, false,
                         "for asking; a retry goes on from there; 0 (default) = no limit"},
                        {"sampling", Type::object, false, "fields of SamplingOptions",
                         fields_of<SamplingOptions>()},
                        {"threads", Type::integer, false, "0 (default) = all"}},
          .outputs = {{"scores", true, "scores.json: every result with its rows"},
                      {"best", true, "the best adapter's folder; null without adapters"},
                      {"best_name", false, "the best adapter's name"},
                      {"value", false, "its score in the first metric"},
                      {"base_value", false, "the base's; null without it"},
                      {"values", false, "by adapter's name, \"\" is the base"}},
          .takes_all_cpus = true};
}

Kind gate() {
  return {
      .name = "gate",
      .doc = "Decides whether a candidate is good enough. What needs a gate that rejects does not run.",
      .arguments = {{"scores", Type::path, true, "an evaluate step's output"},
                    {"baseline_scores", Type::path, false,
                     "of another evaluate step over the same rows, where the baseline stands"},
                    {"metric", Type::text, false, "default: the first of the evaluation"},
                    {"candidate", Type::text, false, "an adapter's name; default: the best"},
                    {"baseline", Type::text, false, "what it must beat: a name, or \"\" (default), the base"},
                    {"at_least", Type::number, false, "the candidate's score, at least"},
                    {"improvement", Type::number, false, "the gain over the baseline, at least"},
                    {"max_p", Type::number, false,
                     "of the paired test that the candidate beats the baseline row by row, at most"},
                    {"seed", Type::integer, false, "of the paired test"},
                    {"on_reject", Type::text, false,
                     "fail (default): the step fails; report: it succeeds with `passed` false"}},
      .outputs = {{"passed", false, "true or false"},
                  {"value", false, "the candidate's score"},
                  {"baseline_value", false, "null where nothing is compared"},
                  {"difference", false, "value - baseline_value"},
                  {"p", false, "of the paired test; null without max_p, as are the next three"},
                  {"wins", false, "rows on which the candidate is better"},
                  {"losses", false, "rows on which it is worse"},
                  {"ties", false, "rows on which both are equal"},
                  {"candidate", false, "its name"}}};
}

Kind publish() {
  return {.name = "publish",
          .doc = "Puts an adapter into a store. What is the store's latest already is not published again.",
          .arguments = {{"adapter", Type::path, true, "a PEFT folder"},
                        {"name", Type::text, true, "in the store"},
                        {"store", Type::text, true, "the store's folder"},
                        {"promote", Type::boolean, false, "make it the latest; default true"},
                        {"dtype", Type::text, false, "float32 (default) or bfloat16"},
                        {"metadata", Type::text_map, false, "kept with the version"}},
          .outputs = {{"name", false, "as published"},
                      {"version", false, "its number"},
                      {"reference", false, "name@version"},
                      {"digest", false, "of the adapter"}},
          .has_effects = true};
}

Kind guard_check() {
  return {
      .name = "guard_check",
      .doc = "Puts rows through guardrails: what they block, and whether that is what should be blocked.",
      .arguments =
          {{"config", Type::path, true, "a guardrails config.yml, or its folder"},
           {"data", Type::path, true,
            "rows with a text, a conversation, or a prompt and its completion; every format of Dataset.load"},
           {"format", Type::text, false, "of the rows; default auto"},
           {"columns", Type::text_map, false, "where fields are found when the file calls them otherwise"},
           {"rail", Type::text, false,
            "input (default): texts, prompts, last user messages; output: texts, completions, last assistant "
            "messages; retrieval: texts"},
           {"evidence", Type::text, false,
            "output: the column with the retrieved texts, for self check facts"},
           {"base", Type::path, false, "a model's folder, for rails that ask one"},
           {"adapters", Type::paths, false, "PEFT folders that judge, called by their folders' names"},
           {"store", Type::store, false, "of adapters that judge"},
           {"expect", Type::text, false,
            "the column that says what should happen: true or \"blocked\"; false, \"allowed\" or "
            "\"changed\""},
           {"min_precision", Type::number, false,
            "share of the blocked rows that should be; default 1 where `expect` is given"},
           {"min_recall", Type::number, false,
            "share of what should be blocked that is; default 1 where `expect` is given"},
           {"max_blocked_rate", Type::number, false, "share of all rows that may be blocked"},
           {"on_reject", Type::text, false,
            "fail (default): the step fails; report: it succeeds with `passed` false"},
           {"threads", Type::integer, false, "of the model; 0 (default) = all"}},
      .outputs = {{"decisions", true, "decisions.jsonl: every row with its status and each rail's decision"},
                  {"rows", false, "checked"},
                  {"blocked", false, "rows"},
                  {"changed", false, "rows that went on masked"},
                  {"allowed", false, "rows that went on as they were"},
                  {"failed", false, "rows on which a rail failed, so that its fail mode decided"},
                  {"blocked_rate", false, "blocked / rows"},
                  {"wrong", false, "rows decided otherwise than expected; null without `expect`"},
                  {"precision", false, "null without `expect`, and where nothing was blocked"},
                  {"recall", false, "null without `expect`, and where nothing should be blocked"},
                  {"passed", false, "true or false; null where nothing was expected"}}};
}

Kind python() {
  return {.name = "python",
          .doc = "Calls a function that the host program has registered.",
          .arguments = {{"function", Type::text, true, "its registered name"},
                        {"arguments", Type::object, false, "handed to it"},
                        {"inputs", Type::path_map, false, "files and folders that it reads, by name"}},
          .outputs = {},
          .declares_outputs = true};
}

Kind command() {
  return {
      .name = "command",
      .doc = "Runs a program, without a shell, in a folder of its own.",
      .arguments = {{"command", Type::texts, true, "the program and its arguments"},
                    {"inputs", Type::path_map, false, "files and folders that it reads: ${inputs.NAME}"},
                    {"environment", Type::text_map, false, "besides PATH, HOME, LANG, TMPDIR, USER"},
                    {"folder", Type::text, false, "to run in; default: the step's own, where outputs are"}},
      .outputs = {},
      .declares_outputs = true};
}

// An artifact is written out as its path.
bool is_scalar(const Value& value) {
  return value.text() != nullptr || value.is_number() || value.get<bool>() != nullptr ||
         value.find("artifact") != nullptr;
}

// Numbers too: a reference to one keeps its type, and is written out where text is wanted.
bool all_texts(const Value& value) {
  if (value.text() != nullptr) return true;
  const auto* list = value.list();
  return list != nullptr && std::all_of(list->begin(), list->end(), is_scalar);
}

// Artifacts are objects: whoever consumes a path takes those too.
bool is_path(const Value& value) { return value.text() != nullptr || value.find("artifact") != nullptr; }

bool all_paths(const Value& value) {
  const auto* list = value.list();
  if (list == nullptr) return is_path(value);
  return std::all_of(list->begin(), list->end(),
                     [](const Value& entry) { return entry.is_null() || is_path(entry); });
}

bool map_of(const Value& value, bool (*accept)(const Value&)) {
  const auto* object = value.object();
  return object != nullptr && std::all_of(object->begin(), object->end(), [&](const auto& member) {
           return !references_in(member.second).empty() || accept(member.second);
         });
}

bool fits(ArgumentType type, const Value& value) {
  switch (type) {
    case Type::text:
    case Type::store:
      return value.text() != nullptr;
    case Type::integer:
      return value.get<int64_t>() != nullptr;
    case Type::number:
      return value.is_number();
    case Type::boolean:
      return value.get<bool>() != nullptr;
    case Type::path:
      return is_path(value);
    case Type::paths:
      return all_paths(value);
    case Type::texts:
      return all_texts(value);
    case Type::text_map:
      return map_of(value, is_scalar);
    case Type::path_map:
      return map_of(value, is_path);
    case Type::object:
      return value.object() != nullptr;
    case Type::toggle:
      return value.get<bool>() != nullptr || value.object() != nullptr;
    default:
      return true;
  }
}

bool is_reference(const Value& value) {
  return value.text() != nullptr && is_one_reference(split_references(*value.text()));
}

}  // namespace

const char* name_of(ArgumentType type) {
  switch (type) {
    case Type::text:
      return "a string";
    case Type::integer:
      return "an integer";
    case Type::number:
      return "a number";
    case Type::boolean:
      return "true or false";
    case Type::path:
      return "a path or an artifact";
    case Type::store:
      return "the path of a store";
    case Type::paths:
      return "a path or an artifact, or a list of them";
    case Type::texts:
      return "a string or a list of strings";
    case Type::text_map:
      return "an object of strings, numbers and true/false";
    case Type::path_map:
      return "an object of paths or artifacts";
    case Type::object:
      return "an object";
    case Type::toggle:
      return "true, false or an object";
    default:
      return "anything";
  }
}

bool holds_paths(ArgumentType type) {
  return type == Type::path || type == Type::paths || type == Type::path_map || type == Type::store;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds = {curate(),  train(),       evaluate(), gate(),
                                           publish(), guard_check(), python(),   command()};
  return kKinds;
}

const Kind* find_kind(std::string_view name) {
  for (const auto& kind : kinds())
    if (kind.name == name) return &kind;
  return nullptr;
}

const Argument* find_argument(const Kind& kind, std::string_view name) {
  for (const auto& argument : kind.arguments)
    if (argument.name == name) return &argument;
  return nullptr;
}

std::vector<std::string> output_names(const Step& step) {
  std::vector<std::string> names;
  if (const Kind* kind = find_kind(step.kind))
    for (const auto& output : kind->outputs) names.push_back(output.key);
  for (const auto& [key, unused] : step.outputs) names.push_back(key);
  return names;
}

bool is_artifact(const Step& step, const std::string& output) {
  if (const auto declared = step.outputs.find(output); declared != step.outputs.end())
    return declared->second.type == "artifact";
  if (const Kind* kind = find_kind(step.kind))
    for (const auto& known : kind->outputs)
      if (known.key == output) return known.artifact;
  return false;
}

void check_arguments(const Kind& kind, const Object& with, const Report& report) {
  std::vector<std::string> names;
  for (const auto& argument : kind.arguments) names.push_back(argument.name);
  for (const auto& [name, value] : with) {
    const auto pointer = base::pointer_to("", name);
    const Argument* argument = find_argument(kind, name);
    if (argument == nullptr) {
      report(pointer, "unknown argument '" + base::printable(name, 80) + "' of kind '" + kind.name + "'" +
                          base::did_you_mean(name, names));
      continue;
    }
    if (is_reference(value)) continue;
    if (!fits(argument->type, value)) {
      report(pointer, "argument '" + name + "': expected " + name_of(argument->type) + ", got " +
                          kind_of(value) + " (" + shown(value) + ")");
      continue;
    }
    if (!argument->check || value.object() == nullptr) continue;
    try {
      argument->check(*value.object());
    } catch (const std::invalid_argument& error) {
      report(pointer, "argument '" + name + "': " + error.what());
    }
  }
  for (const auto& argument : kind.arguments) {
    const auto found = with.find(argument.name);
    if (argument.required && (found == with.end() || found->second.is_null()))
      report("", "missing argument '" + argument.name + "' (" + argument.doc + ")");
  }
}

}  // namespace whorl::pipeline
