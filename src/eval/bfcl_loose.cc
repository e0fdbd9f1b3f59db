// One call against one expected call as the Berkeley leaderboard's AST check finds, its habits included:
// Python's types (true is no integer, 1 may stand for a float, 5.0 for no integer), texts without case,
// spaces and some punctuation, types one level deep, and a "variable" (a value of another type than
// described, if the possible answers have that type too).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/unicode.h"
#include "eval/bfcl.h"
#include "eval/json_equal.h"

namespace whorl::eval {
namespace {

using base::Json;

enum class Type { none, text, whole, real, boolean, list, object };

Type type_of(const Json& value) {
  if (value.is_string()) return Type::text;
  if (value.is_boolean()) return Type::boolean;
  if (value.is_number_float()) return Type::real;
  if (value.is_number()) return Type::whole;
  if (value.is_array()) return Type::list;
  return value.is_object() ? Type::object : Type::none;
}

Type described(const Json& schema, const std::string& what) {
  const auto found = schema.find("type");
  const std::string name = found != schema.end() && found->is_string() ? found->get<std::string>() : "";
  if (name == "string" || name == "any") return Type::text;
  if (name == "integer") return Type::whole;
  if (name == "float" || name == "number") return Type::real;
  if (name == "boolean") return Type::boolean;
  if (name == "array" || name == "tuple") return Type::list;
  if (name == "dict" || name == "object") return Type::object;
  base::invalid("[bfcl_ast_check] ", what,
                ": expected a type the check knows (string, integer, float, boolean, ",
                "array, tuple, dict, any), got '", name, "'");
}

bool is_blank(const Json& value) { return value.is_string() && value.get_ref<const std::string&>().empty(); }

// Of the first possible answer that is not "may be left out".
Type answers_type(const Json& answers) {
  for (const auto& answer : answers)
    if (!is_blank(answer)) return type_of(answer);
  return Type::none;
}
bool has_type(const Json& answers) {
  return std::any_of(answers.begin(), answers.end(), [](const Json& answer) { return !is_blank(answer); });
}

std::string standard(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (std::string_view(" ,./-_*^").find(c) == std::string_view::npos) out += c;
  out = base::lower(out);
  std::replace(out.begin(), out.end(), '\'', '"');
  return out;
}
Json standard(const Json& value) {
  return value.is_string() ? Json(standard(value.get_ref<const std::string&>())) : value;
}

// Python walks a text character by character where a list was meant.
Json items_of(const Json& value) {
  Json out = Json::array();
  if (value.is_array()) {
    for (const auto& item : value) out.push_back(standard(item));
  } else if (value.is_string()) {
    for (const char32_t c : base::code_points(value.get_ref<const std::string&>())) {
      std::string one;
      base::append_utf8(c, one);
      out.push_back(standard(one));
    }
  } else {
    base::invalid("[bfcl_ast_check] expected the possible answers to be lists, got ", base::kind_of(value));
  }
  return out;
}

bool among(const Json& value, const Json& candidates) {
  return std::any_of(candidates.begin(), candidates.end(),
                     [&](const Json& candidate) { return same_in_python(value, candidate); });
}

bool may_be_left_out(const Json& answers) {
  if (answers.is_string()) return true;  // the empty text is in any text
  return std::any_of(answers.begin(), answers.end(), is_blank);
}

struct TypeCheck {
  bool valid = true, variable = false;
  std::string error_type = {};
};

TypeCheck check_type(const Json& value, const Json& answers, Type expected, const Type* nested) {
  const bool typed = has_type(answers);
  const Type possible = answers_type(answers);
  bool failed = false;
  if (type_of(value) == expected) {
    const bool variable = typed && possible != expected;
    if (nested == nullptr) return {true, variable};
    for (const auto& answer : answers) {
      if (!answer.is_array()) return {true, variable};
      if (std::all_of(value.begin(), value.end(),
                      [&](const Json& item) { return check_type(item, answer, *nested, nullptr).valid; }))
        return {true, variable};
    }
    failed = true;
  }
  if (typed && type_of(value) == possible) return {!failed, true, failed ? "type_error:nested" : ""};
  return {false, false, "type_error:simple"};
}

std::string check_object(const Json& value, const Json& answers) {
  std::string error = "dict_checker:unclear";
  for (const auto& answer : answers) {
    if (is_blank(answer)) continue;
    base::check_argument(answer.is_object(),
                         "[bfcl_ast_check] expected possible answers of a dict to be objects, got ",
                         base::kind_of(answer));
    error.clear();
    for (const auto& [key, item] : value.items()) {
      const auto found = answer.find(key);
      if (found == answer.end()) {
        error = "value_error:dict_key";
      } else if (!among(standard(item), items_of(*found))) {
        error = "value_error:dict_value";
      }
      if (!error.empty()) break;
    }
    for (const auto& [key, possible] : answer.items())
      if (!value.contains(key) && !may_be_left_out(possible)) {
        error = "value_error:dict_key";
        break;
      }
    if (error.empty()) return {};
  }
  return error;
}

std::string check_objects(const Json& value, const Json& answers) {
  std::string error = "list_dict_checker:unclear";
  for (const auto& answer : answers) {
    const size_t size = answer.is_string() ? items_of(answer).size() : answer.size();
    if (value.size() != size) {
      error = "value_error:list_dict_count";
      continue;
    }
    error.clear();
    for (size_t i = 0; i < size && error.empty(); ++i)
      error = value[i].is_object() && answer.is_array() ? check_object(value[i], Json::array({answer[i]}))
                                                        : "type_error:nested";
    if (error.empty()) return {};
  }
  return error;
}

std::string check_list(const Json& value, const Json& answers) {
  const Json got = items_of(value);
  for (const auto& answer : answers)
    if (same_in_python(got, items_of(answer))) return {};
  return "value_error:list/tuple";
}

// "" or the leaderboard's name of what is wrong.
std::string check_argument_value(const std::string& name, Json value, const Json& schema,
                                 const Json& answers) {
  const Type expected = described(schema, "'" + name + "'");
  Type nested = Type::none;
  const bool has_items =
      expected == Type::list && schema.contains("items") && schema["items"].contains("type");
  if (has_items) nested = described(schema["items"], "items of '" + name + "'");
  if (expected == Type::real && type_of(value) == Type::whole) value = value.get<double>();
  const TypeCheck types = check_type(value, answers, expected, has_items ? &nested : nullptr);
  if (!types.valid) return types.error_type;
  if (!types.variable) {
    if (expected == Type::object) return check_object(value, answers);
    if (expected == Type::list && nested == Type::object) return check_objects(value, answers);
    if (expected == Type::text) {
      Json possible = Json::array();
      for (const auto& answer : answers)
        if (answer.is_string()) possible.push_back(standard(answer));
      return among(standard(value), possible) ? "" : "value_error:string";
    }
    if (expected == Type::list) return check_list(value, answers);
  }
  return among(value, answers) ? "" : "value_error:others";
}

}  // namespace

BfclResult bfcl_fault(std::string type, std::string error) {
  return {false, std::move(type), std::move(error)};
}

BfclResult check_call_loosely(const ExpectedCall& expected, const ReadCall& got) {
  const Json& arguments = *got.arguments;
  const std::string prefix = "simple_function_checker:";
  if (got.name != expected.name)
    return bfcl_fault(prefix + "wrong_func_name",
                      "expected a call of '" + expected.name + "', got '" + got.name + "'");
  if (!arguments.is_object())
    return bfcl_fault("ast_decoder:decoder_failed",
                      "the arguments of '" + got.name + "' are not a JSON object");
  const Json& parameters = (*expected.function)["parameters"];
  for (const auto& name : parameters.value("required", Json::array()))
    if (!name.is_string() || !arguments.contains(name.get<std::string>()))
      return bfcl_fault(prefix + "missing_required", "missing required parameter " + name.dump());
  const Json properties = parameters.value("properties", Json::object());
  for (const auto& [name, value] : arguments.items()) {
    const auto schema = properties.find(name);
    const auto answers = expected.arguments->find(name);
    if (schema == properties.end() || answers == expected.arguments->end())
      return bfcl_fault(prefix + "unexpected_param", "unexpected parameter '" + name + "'");
    if (const auto error = check_argument_value(name, value, *schema, *answers); !error.empty())
      return bfcl_fault(error,
                        "parameter '" + name + "' is " + value.dump() + "; possible: " + answers->dump());
  }
  for (const auto& [name, answers] : expected.arguments->items())
    if (!arguments.contains(name) && !may_be_left_out(answers))
      return bfcl_fault(prefix + "missing_optional",
                        "parameter '" + name + "' is missing and may not be left out");
  return {true};
}

}  // namespace whorl::eval
