#include "train/checkpoint.h"

#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "tensor/safetensors.h"
#include "train/progress_json.h"

namespace whorl::train {

using base::concat;
using base::invalid;
using base::Json;

namespace {

constexpr int64_t kFormat = 1;
constexpr const char* kFile = "checkpoint.safetensors";
using Tensors = std::map<std::string, Tensor>;

std::string tensor_name(size_t learner, const char* what) { return concat(learner, ".", what); }

std::string checksum(const Tensors& tensors, const std::string& json) {
  base::Sha256 hash;
  hash.update(json);
  for (const auto& [name, x] : tensors) hash.update(name).update(x.raw(), x.nbytes());
  return hash.hex();
}

Json describe(const Learner& learner) {
  const LearnerState& s = learner.state;
  Json history = Json::array();
  for (const Progress& p : s.history) history.push_back(to_json(p));
  return {{"name", learner.name()},
          {"active", s.active},
          {"validation_loss", finite_or_null(s.validation_loss)},
          {"best_loss", finite_or_null(s.best_loss)},
          {"bad_validations", s.bad_validations},
          {"tokens", s.tokens},
          {"trained_tokens", s.trained_tokens},
          {"history", history}};
}

LearnerState parse_state(const Json& json, const std::string& context) {
  LearnerState s;
  s.active = base::require_bool(json, "active", context);
  s.validation_loss = number_or_nan(json, "validation_loss");
  s.best_loss = number_or_nan(json, "best_loss");
  s.bad_validations = base::require_int(json, "bad_validations", context);
  s.tokens = base::require_int(json, "tokens", context);
  s.trained_tokens = base::require_int(json, "trained_tokens", context);
  for (const Json& item : base::require_array(json, "history", context))
    s.history.push_back(parse_progress(item, context));
  return s;
}

RunPosition read_position(const Json& run, const std::string& context) {
  return {base::require_int(run, "step", context), base::require_number(run, "seconds", context),
          static_cast<uint64_t>(base::require_int(run, "metrics_bytes", context))};
}

struct Part {
  const char* name;
  Tensor Parameters::*member;
};
constexpr Part kParts[] = {{"values", &Parameters::values}, {"m", &Parameters::m}, {"v", &Parameters::v}};

void check_tensor(const tensor::Safetensors& file, const std::string& name, int64_t size,
                  const std::string& context) {
  if (!file.contains(name)) invalid(context, ": tensor '", name, "' is missing");
  const tensor::TensorInfo& info = file.info(name);
  if (info.dtype != "F32" || info.shape != Shape{size})
    invalid(context, ": tensor '", name, "' expected F32 [", size, "], got ", info.dtype, " ",
            to_string(info.shape));
}

std::string shortened(const Json& value) {
  const std::string text = value.dump();
  return base::printable(text, 60);
}

std::string difference(const std::string& path, const Json& was, const Json& is) {
  if (was == is) return {};
  if (was.is_object() && is.is_object()) {
    for (const auto& [key, value] : is.items()) {
      const std::string at = path.empty() ? key : path + "." + key;
      if (!was.contains(key)) return concat(at, " was not set and is ", shortened(value));
      if (std::string found = difference(at, was.at(key), value); !found.empty()) return found;
    }
    for (const auto& [key, value] : was.items())
      if (!is.contains(key))
        return concat(path.empty() ? key : path + "." + key, " was ", shortened(value), " and is not set");
  }
  if (was.is_array() && is.is_array() && was.size() == is.size())
    for (size_t i = 0; i < is.size(); ++i)
      if (std::string found = difference(concat(path, "[", i, "]"), was[i], is[i]); !found.empty())
        return found;
  return concat(path, " was ", shortened(was), " and is ", shortened(is));
}

}  // namespace

std::string progress_text(const RunPosition& position,
                          const std::vector<std::unique_ptr<Learner>>& learners) {
  Json states = Json::array();
  for (const auto& learner : learners) states.push_back(describe(*learner));
  return Json{{"step", position.step},
              {"seconds", position.seconds},
              {"metrics_bytes", position.metrics_bytes},
              {"learners", states}}
      .dump();
}

void read_progress_text(const std::string& text, RunPosition& position,
                        const std::vector<std::unique_ptr<Learner>>& learners) {
  const std::string context = "[Trainer.fit] progress of rank 0";
  const Json run = base::parse_json(text, context);
  const Json& states = base::require_array(run, "learners", context);
  base::check_argument(states.size() == learners.size(), context, ": expected ", learners.size(),
                       " adapters, got ", states.size());
  for (size_t i = 0; i < learners.size(); ++i) learners[i]->state = parse_state(states[i], context);
  position = read_position(run, context);
}

std::string first_difference(const Json& was, const Json& is) { return difference("", was, is); }

Checkpoint::Checkpoint(std::string folder, std::string identity, ops::Backend& backend, base::FileSystem& fs)
    : folder_(std::move(folder)), identity_(std::move(identity)), backend_(backend), fs_(fs) {}

std::string Checkpoint::path() const { return base::join(folder_, kFile); }

void Checkpoint::save(const RunPosition& position,
                      const std::vector<std::unique_ptr<Learner>>& learners) const {
  Tensors tensors;
  Json states = Json::array();
  for (size_t i = 0; i < learners.size(); ++i) {
    for (const Part& part : kParts)
      tensors.emplace(tensor_name(i, part.name), to_host(backend_, learners[i]->parameters.*part.member));
    if (!learners[i]->state.best.empty()) tensors.emplace(tensor_name(i, "best"), learners[i]->state.best);
    states.push_back(describe(*learners[i]));
  }
  const Json run = {
      {"format", kFormat},           {"identity", Json::parse(identity_)},      {"step", position.step},
      {"seconds", position.seconds}, {"metrics_bytes", position.metrics_bytes}, {"learners", states}};
  const std::string text = run.dump();
  base::make_directories(fs_, folder_, "Trainer.save_checkpoint");
  tensor::write_safetensors(path(), tensors, {{"whorl_run", text}, {"sha256", checksum(tensors, text)}}, fs_);
}

bool Checkpoint::load(RunPosition& position, std::vector<std::unique_ptr<Learner>>& learners) const {
  if (!base::exists(fs_, path())) return false;
  const std::string context = "[Trainer.fit] checkpoint " + path();
  const auto file = tensor::Safetensors::open(path(), {}, tensor::Access::read, fs_);
  const auto run_text = file.metadata().find("whorl_run"), sum = file.metadata().find("sha256");
  if (run_text == file.metadata().end() || sum == file.metadata().end())
    invalid(context, " is not a checkpoint of Whorl");
  Tensors tensors;
  for (const std::string& name : file.names()) tensors.emplace(name, file.tensor(name));
  if (checksum(tensors, run_text->second) != sum->second)
    invalid(context, " is damaged: its checksum does not match");
  const Json run = base::parse_json(run_text->second, context);
  if (base::require_int(run, "format", context) != kFormat) invalid(context, " is of another format version");
  if (const std::string found =
          first_difference(base::require(run, "identity", context), Json::parse(identity_));
      !found.empty())
    invalid(context, " belongs to another run: ", found);
  const Json& states = base::require_array(run, "learners", context);
  if (states.size() != learners.size())
    invalid(context, " holds ", states.size(), " adapters, expected ", learners.size());
  for (size_t i = 0; i < learners.size(); ++i)
    for (const Part& part : kParts)
      check_tensor(file, tensor_name(i, part.name), learners[i]->parameters.size(), context);
  for (size_t i = 0; i < learners.size(); ++i) {
    for (const Part& part : kParts)
      backend_.upload(tensors.at(tensor_name(i, part.name)), learners[i]->parameters.*part.member);
    learners[i]->state = parse_state(states[i], context);
    if (const auto best = tensors.find(tensor_name(i, "best")); best != tensors.end())
      learners[i]->state.best = best->second;
    learners[i]->refresh();
  }
  position = read_position(run, context);
  return true;
}

void Checkpoint::remove_leftovers() const {
  if (!base::exists(fs_, folder_)) return;
  for (const std::string& name : base::list_directory(fs_, folder_, "Trainer.fit"))
    if (base::temporary_owner(name) == base::TemporaryOwner::dead)
      base::remove_tree(fs_, base::join(folder_, name), "Trainer.fit");
}

}  // namespace whorl::train
