#pragma once
// How Argo's controller would carry out a manifest, for outcomes that a test has written down. It knows
// templates, DAGs with depends and when, fan-out, retry strategies, exit handlers and how the phase of a DAG
// comes about; it knows nothing of Whorl.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "pipeline/argo_language.h"

namespace whorl::pipeline::testing {

// How one pod ends. `status` -1: it was lost, which Argo calls Error.
struct PodEnd {
  int status = 0;
  Json outputs = Json::object();  // files by name, as text; a missing one takes its default
};
struct PodStart {
  std::string template_name, item;
  int attempt = 1;
  Json template_json;
  std::vector<std::string> siblings;  // phases of the group that a gatherer follows
  std::string run_state;              // what {{workflow.status}} says in an exit handler
};
using Pods = std::function<PodEnd(const PodStart&)>;

struct Node {
  std::string phase;  // Succeeded, Failed, Error, Skipped, Omitted
  int attempts = 0;
  std::vector<double> waits;  // seconds before each further attempt
  Json outputs = Json::object();
};

struct Simulation {
  std::map<std::string, Node> nodes;  // by task; "train-items(2)" for the third of a fan-out
  std::string phase, main_phase;      // of the workflow with and without its exit handler
};

// `tmpl` is the WorkflowTemplate, `arguments` what a Workflow gives: texts by name.
Simulation simulate(const Json& tmpl, const Json& arguments, const Pods& pods);

}  // namespace whorl::pipeline::testing
