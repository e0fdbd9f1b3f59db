#pragma once
// Plain values that every part of Whorl speaks. Text is UTF-8; JSON travels as text.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#define WHORL_API __attribute__((visibility("default")))

namespace whorl {

// One call of a tool by the assistant. `arguments` is a JSON object as text, key order and number
// spelling kept as given.
struct ToolCall {
  std::string name;
  std::string arguments;
  std::string id = {};
};

// A function that the assistant may call. `parameters` is a JSON Schema as text ("" = no parameters).
struct Tool {
  std::string name;
  std::string description = {};
  std::string parameters = {};
};

// One message of a conversation. `role` is "system", "user", "assistant" or "tool", or whatever else the
// model's chat template accepts.
struct Message {
  std::string role;
  std::string content = {};
  std::vector<ToolCall> tool_calls = {};  // assistant only
  std::string tool_call_id = {};          // tool only
  std::string name = {};                  // tool: the function that answered
  std::string reasoning_content = {};     // assistant only
  // Overrides what the loss falls on in training: unset = assistant turns are trained, others are not.
  std::optional<bool> train = {};
};

// A reported quantity with its uncertainty. `stderr_` is called `stderr` in Python and JSON (C's macro
// takes that name here).
struct Score {
  double value = 0;
  double stderr_ = 0;  // standard error of `value`
  double ci_low = 0;   // confidence interval, 95 %, by `method`
  double ci_high = 0;
  int64_t n = 0;  // rows counted
  std::string method = {};
  // Rows without a usable value, by kind: no answer at all; an answer in a form that cannot be scored; one
  // that was declined. Whether `n` holds them (at the worst value) or not: EvaluateOptions::on_error.
  int64_t errored = 0, unparsable = 0, refused = 0;
};

// The library's version, "major.minor.patch".
WHORL_API std::string version();

// What this build and machine can do, as JSON text: version, isa (chosen), isas (available), threads,
// devices, cuda (available, its devices, and what is missing where one cannot be used).
WHORL_API std::string info();

// Where libraries that are opened when first needed (libwhorl_cuda.so and NVIDIA's) are looked for, before
// the folder that Whorl itself was loaded from. Python adds NVIDIA's wheels by itself. Any thread; it holds
// for what is opened later. An empty path is an invalid_argument; a folder may be absent.
WHORL_API void add_library_folder(const std::filesystem::path& folder);

// Where log lines go; the library prints nothing until a sink is installed. `level` is one of "debug",
// "info", "warning", "error". Thread-safe; the sink may be called from any thread.
WHORL_API void set_log_sink(std::function<void(const std::string& level, const std::string& message)> sink);

}  // namespace whorl
