#pragma once
// The kinds of steps: what each takes under `with`, and what it leaves behind. One table for the validator,
// the run, the documentation and the manifests. A new kind is a row here and a runner in steps_<kind>.cc.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/spec.h"

namespace whorl::pipeline {

enum class ArgumentType : uint8_t {
  text,
  integer,
  number,
  boolean,
  path,      // a file or folder, or an artifact; its content is part of the cache key
  paths,     // one or a list of them
  store,     // an adapter store's folder; its versions are part of the cache key
  texts,     // one or a list of strings
  text_map,  // an object of strings, numbers and true/false
  path_map,  // an object of paths
  object,    // an object; `check` looks inside
  toggle,    // true, false or an object; `check` looks inside
  any
};
const char* name_of(ArgumentType type);
bool holds_paths(ArgumentType type);  // relative ones begin in the pipeline's folder

struct Argument {
  std::string name;
  ArgumentType type;
  bool required = false;
  std::string doc = {};
  std::function<void(const Object&)> check = {};  // of objects; std::invalid_argument without context
};

struct KindOutput {
  std::string key;
  bool artifact = false;  // a file or folder; else a value
  std::string doc = {};
};

struct Kind {
  std::string name, doc;
  std::vector<Argument> arguments;
  std::vector<KindOutput> outputs;
  bool declares_outputs = false;  // besides, or instead: those that the step declares itself
  bool has_effects = false;       // on the world outside: never taken from the cache
  bool takes_all_cpus = false;    // of the budget, unless resources.cpus says otherwise
};

const std::vector<Kind>& kinds();
const Kind* find_kind(std::string_view name);
const Argument* find_argument(const Kind& kind, std::string_view name);

// Names of the outputs of a step: its kind's and its own.
std::vector<std::string> output_names(const Step& step);
bool is_artifact(const Step& step, const std::string& output);

// Every problem of `with`: unknown and missing names, wrong types. `report` gets the JSON pointer below
// `with` and what is wrong. References are passed over: call it again when they are resolved.
using Report = std::function<void(const std::string& pointer, const std::string& problem)>;
void check_arguments(const Kind& kind, const Object& with, const Report& report);

}  // namespace whorl::pipeline
