#pragma once
// From the rows of a task to what the engine is asked, and to what the metrics see.
#include <memory>
#include <string>
#include <vector>

#include "eval/ask.h"
#include "eval/items.h"
#include "eval/templates.h"

namespace whorl::eval {

// One row. `error`: no request could be made of it, and why.
struct Question {
  std::optional<GenerateRequest> request = {};  // without an adapter
  std::optional<Message> expected = {};         // the row's own answer
  std::string prompt = {};                      // for people
  std::string error = {};
};

// The task as it is run: its templates are compiled, its names checked.
class TaskPlan {
 public:
  TaskPlan(const EvaluateTask& task, const SamplingOptions& sampling);

  Question question(const EvaluateData& data, int64_t row) const;
  // Answers of a data task: what the row says of `sample`.
  Answer given_answer(const Item& item) const;
  // What templates see: item, expected and sample.
  std::string context(const Item& item, const Question& question, const Answer& answer) const;

  const EvaluateTask& task() const { return task_; }
  const Templates& templates() const { return templates_; }

 private:
  GenerateRequest rendered_request(const Item& item, const Question& question) const;

  EvaluateTask task_;
  SamplingOptions sampling_;
  Templates templates_;
  std::shared_ptr<const base::Json> request_;  // none: the row as it stands
};

// All questions. Throws the first error once ten rows in a row have failed and none has worked: a fault of
// the task, not of its rows.
std::vector<Question> questions_of(const TaskPlan& plan, const EvaluateData& data, int64_t rows);

}  // namespace whorl::eval
