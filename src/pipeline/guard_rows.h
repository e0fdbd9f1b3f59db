#pragma once
// Rows of a guard_check step: what a rail sees of each, and what should happen to it.
#include <optional>
#include <string>
#include <vector>

#include "pipeline/steps.h"
#include "whorl/guardrail.h"

namespace whorl::pipeline {

// `said`: the conversation up to and with the message that is checked; else `text` is.
struct GuardRow {
  std::string source;  // "tickets.jsonl:17"
  std::string text = {};
  std::vector<Message> said = {};
  GuardContext context = {};
  std::optional<bool> expected = {};  // to be blocked; unset without the argument `expect`
};

// Every row of the argument `data`. Errors name file and line.
std::vector<GuardRow> guard_rows(JobContext& job, const std::string& rail);

}  // namespace whorl::pipeline
