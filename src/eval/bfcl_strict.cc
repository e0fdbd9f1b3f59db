// The strict form: arguments must be valid under the function's JSON Schema at any depth, and equal a
// possible answer to the letter.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "eval/bfcl.h"
#include "eval/json_equal.h"

namespace whorl::eval {
namespace {

using base::Json;

// The leaderboard's names of types as JSON Schema's.
Json as_json_schema(const Json& schema) {
  if (!schema.is_object()) return schema;
  Json out = Json::object();
  for (const auto& [key, value] : schema.items()) {
    if (key == "type" && value.is_string()) {
      const auto& name = value.get_ref<const std::string&>();
      if (name == "any") continue;
      out[key] = name == "dict" ? "object" : name == "float" ? "number" : name == "tuple" ? "array" : name;
    } else if (key == "properties" && value.is_object()) {
      out[key] = Json::object();
      for (const auto& [name, property] : value.items()) out[key][name] = as_json_schema(property);
    } else if (key == "items") {
      out[key] = as_json_schema(value);
    } else if (key != "optional" && key != "format") {
      out[key] = value;
    }
  }
  return out;
}

bool is_blank(const Json& value) { return value.is_string() && value.get_ref<const std::string&>().empty(); }
bool may_be_left_out(const Json& answers) {
  return answers.is_array() && std::any_of(answers.begin(), answers.end(), is_blank);
}

bool equals_answer(const Json& value, const Json& answer);

bool equals_one(const Json& value, const Json& answers) {
  if (!answers.is_array()) return equals_answer(value, answers);
  return std::any_of(answers.begin(), answers.end(), [&](const Json& a) { return equals_answer(value, a); });
}

// An object among the answers lists possible values per key, again with "" for "may be left out".
bool equals_answer(const Json& value, const Json& answer) {
  if (value.is_array() && answer.is_array())
    return std::equal(value.begin(), value.end(), answer.begin(), answer.end(), equals_answer);
  if (!value.is_object() || !answer.is_object()) return same_value(value, answer);
  for (const auto& [key, item] : value.items())
    if (!answer.contains(key) || !equals_one(item, answer[key])) return false;
  for (const auto& [key, possible] : answer.items())
    if (!value.contains(key) && !may_be_left_out(possible)) return false;
  return true;
}

}  // namespace

BfclResult check_call_strictly(const ExpectedCall& expected, const ReadCall& got) {
  const Json& arguments = *got.arguments;
  if (got.name != expected.name)
    return bfcl_fault("strict:name", "expected a call of '" + expected.name + "', got '" + got.name + "'");
  if (!arguments.is_object())
    return bfcl_fault("strict:json", "the arguments of '" + got.name + "' are not a JSON object");
  Json schema = as_json_schema((*expected.function)["parameters"]);
  if (schema.is_object() && !schema.contains("additionalProperties")) schema["additionalProperties"] = false;
  const auto faults = JsonSchema(schema.dump()).errors(arguments.dump());
  if (!faults.empty()) return bfcl_fault("strict:schema", faults.front());
  for (const auto& [name, value] : arguments.items()) {
    const auto answers = expected.arguments->find(name);
    if (answers == expected.arguments->end())
      return bfcl_fault("strict:unexpected", "no value is expected for parameter '" + name + "'");
    if (!equals_one(value, *answers))
      return bfcl_fault("strict:value",
                        "parameter '" + name + "' is " + value.dump() + "; possible: " + answers->dump());
  }
  for (const auto& [name, answers] : expected.arguments->items())
    if (!arguments.contains(name) && !may_be_left_out(answers))
      return bfcl_fault("strict:missing", "parameter '" + name + "' is missing and may not be left out");
  return {true};
}

}  // namespace whorl::eval
