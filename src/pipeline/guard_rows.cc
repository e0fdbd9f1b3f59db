#include "pipeline/guard_rows.h"

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"

namespace whorl::pipeline {
namespace {

Value column_of(const Row& row, const std::string& column, const std::string& where) {
  const Value extra = row.extra.empty() ? Value(Object()) : parse_value(row.extra, where);
  std::vector<std::string> names;
  for (const auto& [name, value] : *extra.object()) {
    if (name == column) return value;
    names.push_back(name);
  }
  base::invalid(where, ": no column '", base::printable(column, 80), "'", base::did_you_mean(column, names));
}

std::optional<bool> expected_of(const Row& row, const std::string& column, const std::string& where) {
  if (column.empty()) return std::nullopt;
  const Value value = column_of(row, column, where);
  if (const auto* flag = value.get<bool>()) return *flag;
  const std::string word = value.text() != nullptr ? *value.text() : "";
  if (word == "blocked" || word == "true") return true;
  if (word == "allowed" || word == "changed" || word == "false") return false;
  base::invalid(where, ": column '", column,
                "': expected true, false, \"blocked\", \"allowed\" or \"changed\", got ", shown(value));
}

std::vector<std::string> evidence_of(const Row& row, const std::string& column, const std::string& where) {
  if (column.empty()) return {};
  const Value value = column_of(row, column, where);
  if (value.text() != nullptr) return {*value.text()};
  std::vector<std::string> made;
  base::check_argument(value.list() != nullptr, where, ": column '", column,
                       "': expected a text or a list of texts, got ", kind_of(value));
  for (const auto& entry : *value.list()) {
    base::check_argument(entry.text() != nullptr, where, ": column '", column,
                         "': expected a list of texts, got ", kind_of(entry), " in it");
    made.push_back(*entry.text());
  }
  return made;
}

GuardRow subject_of(const Row& row, const std::string& rail, const std::string& where) {
  GuardRow made{.source = row.source};
  if (!row.messages.empty()) {
    base::check_argument(rail != "retrieval", where, ": rail 'retrieval' checks texts, got a conversation");
    const std::string role = rail == "input" ? "user" : "assistant";
    made.said = row.messages;
    while (!made.said.empty() && made.said.back().role != role) made.said.pop_back();
    base::check_argument(!made.said.empty(), where, ": the conversation has no message of role '", role, "'");
    made.context.messages.assign(made.said.begin(), made.said.end() - 1);
    made.context.tools = row.tools;
  } else if (!row.prompt.empty() || !row.completion.empty()) {
    base::check_argument(rail != "retrieval", where, ": rail 'retrieval' checks texts, got a prompt");
    made.text = rail == "input" ? row.prompt : row.completion;
    made.context.messages = {{"user", row.prompt}};
  } else {
    made.text = row.text;
  }
  return made;
}

}  // namespace

std::vector<GuardRow> guard_rows(JobContext& job, const std::string& rail) {
  const auto expect = text_or(job.with(), "expect", ""), evidence = text_or(job.with(), "evidence", "");
  const auto data = rows_of(job, "data");
  base::check_argument(data.size() > 0, job.where(), ": argument 'data': there is no row to check");
  std::vector<GuardRow> made;
  for (int64_t i = 0; i < data.size(); ++i) {
    const auto where = job.where() + ": " + data[i].source;
    made.push_back(subject_of(data[i], rail, where));
    made.back().context.chunks = evidence_of(data[i], evidence, where);
    made.back().expected = expected_of(data[i], expect, where);
  }
  return made;
}

}  // namespace whorl::pipeline
