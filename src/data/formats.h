#pragma once
// From a row as the file has it to the canonical Row. All of these throw RowError, whose message begins with
// the field.
#include <string>
#include <vector>

#include "data/rows.h"
#include "data/value.h"
#include "whorl/dataset.h"

namespace whorl::data {

// "messages", "prompt_completion", "alpaca", "sharegpt", "text"
const std::vector<std::string>& format_names();

struct Detected {
  std::string format;  // "" = none of them
  std::string reason;  // what the row has, "a list 'messages'"; or why it is none
};
// Looks at the keys alone. Preference and KTO rows are told apart, with the reason.
Detected detect(const Value& row);

// What a reader found and does not use, beside whole columns: said in Dataset::changes(), not an error.
struct Notes {
  std::vector<std::string> lines;
  void add(std::string line);
};

// `row` in `format`; columns that the format does not use go to Row::extra.
Row to_row(const Value& row, const std::string& format, const LoadOptions& options, Notes& notes);

// Renames columns as LoadOptions::columns says.
Value apply_columns(Value row, const std::map<std::string, std::string>& columns);

// Parts that several formats share.
std::vector<Message> read_messages(const Value& list, const std::string& field, Notes& notes);
std::vector<Tool> read_tools(const Value& tools, Notes& notes);
ToolCall read_tool_call(const Value& call, const std::string& field, Notes& notes);
// A value that may be written as JSON text (CSV cells, Arrow strings, sharegpt's tools).
Value unwrap(const Value& value, const std::string& field);
// The object text of `arguments`: a string is checked and kept as it is, an object is spelt out.
std::string object_text(const Value& value, const std::string& field);

// The rules that every canonical row obeys: roles, something to train on, calls of tools that exist.
void validate(const Row& row);
// For rows built in memory: every string is UTF-8, and what should be JSON is.
void check_strings(const Row& row);

}  // namespace whorl::data
