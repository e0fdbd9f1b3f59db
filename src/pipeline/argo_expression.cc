#include "pipeline/argo_expression.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "pipeline/expressions.h"
#include "pipeline/kubernetes_names.h"
#include "pipeline/walk.h"

namespace whorl::pipeline {

using base::check_argument;
using base::invalid;
using base::Json;

namespace {

// `any`: known only when the run is on; everything else is known from the types of parameters and items.
enum class Type { any, number, text, boolean, list, other };

struct Term {
  Type type = Type::any;
  std::string code;
};

// Braces would end the expression, quotes the string; the rest of what JSON escapes, Argo's language reads
// too.
std::string string_literal(const std::string& text) {
  const std::string json = Json(text).dump();
  std::string out = "'";
  for (size_t i = 1; i + 1 < json.size(); ++i) {
    const char c = json[i];
    if (c == '\\' && json[i + 1] == '"') {
      out += '"';
      ++i;
    } else if (c == '\\') {
      out += c;
      out += json[++i];
    } else if (c == '{' || c == '}' || c == '\'') {
      out += c == '{' ? "\\u007b" : c == '}' ? "\\u007d" : "\\u0027";
    } else {
      out += c;
    }
  }
  return out + "'";
}

Type type_of(const Value& value) {
  if (value.is_number()) return Type::number;
  if (value.text() != nullptr) return Type::text;
  if (value.get<bool>() != nullptr) return Type::boolean;
  return value.list() != nullptr ? Type::list : Type::other;
}

Term literal(const Value& value) {
  const Type type = type_of(value);
  if (type == Type::text) return {type, string_literal(*value.text())};
  if (type == Type::list || type == Type::other)
    return {type, "fromJSON(" + string_literal(compact(value)) + ")"};
  return {type, compact(value)};
}

// A text that Argo holds, read as the type it stands for.
Term read_as(Type type, const std::string& text) {
  switch (type) {
    case Type::number:
      return {type, "float(" + text + ")"};
    case Type::boolean:
      return {type, "(" + text + " == 'true')"};
    case Type::text:
      return {type, text};
    default:
      return {type, "fromJSON(" + text + ")"};
  }
}

Term parameter_term(const Spec& spec, const Reference& reference) {
  const Parameter* parameter = spec.parameter(reference.name);
  const std::string text = "workflow.parameters['" + reference.name + "']";
  const std::string& type = parameter->type;
  return read_as(type == "int" || type == "float" ? Type::number
                 : type == "bool"                 ? Type::boolean
                 : type == "list"                 ? Type::list
                                                  : Type::text,
                 text);
}

// Argo hands items over as texts, so their type must be known beforehand.
Term item_term(const Step& step, const Reference& reference, const std::string& where) {
  check_argument(
      step.foreach.form != Foreach::Form::parameter, where, ": '", reference.text,
      "' is an item of a list parameter: Argo compares it as text, whatever its type. Write the list "
      "into foreach, or test in the step itself");
  std::set<Type> types;
  for (const Value& item : items_of(step, {})) {
    check_argument(!reference.name.empty() || item.object() == nullptr, where, ": '", reference.text,
                   "' is an object; compare one of its fields");
    types.insert(type_of(item_value(item, reference)));
  }
  const bool simple = types.size() == 1 &&
                      (types.count(Type::number) + types.count(Type::text) + types.count(Type::boolean)) == 1;
  check_argument(simple, where, ": '", reference.text,
                 "' is not of one type in all items (numbers, strings, or true/false)");
  return read_as(*types.begin(), reference.name.empty() ? "item" : "item['" + reference.name + "']");
}

Term reference_term(const Deployment& deployment, const Step& step, const Reference& reference,
                    const std::string& where) {
  const bool exit = deployment.spec.is_exit(step.name);
  switch (reference.root) {
    case Reference::Root::parameters:
      return parameter_term(deployment.spec, reference);
    case Reference::Root::item:
      return item_term(step, reference, where);
    case Reference::Root::steps:
      check_argument(!exit || deployment.spec.is_exit(reference.name), where, ": '", reference.text,
                     "': Argo shows the outputs of steps to an exit handler's steps, not to its conditions");
      return {Type::any,
              "fromJSON(tasks['" + reference.name + "'].outputs.parameters['" + reference.key + "'])"};
    case Reference::Root::run:
      if (reference.name == "id") return {Type::text, "workflow.name"};
      if (reference.name == "state")
        return {Type::text, "replace(lower(workflow.status), 'error', 'failed')"};
      [[fallthrough]];
    default:
      invalid(where, ": '", reference.text, "' has no counterpart in Argo");
  }
}

Term term(const Deployment& deployment, const Step& step, const Value& value, const std::string& where) {
  if (value.text() == nullptr) {
    check_argument(references_in(value).empty(), where,
                   ": Argo compares a reference only as the whole value");
    return literal(value);
  }
  const auto pieces = split_references(*value.text());
  if (pieces.empty()) return literal(std::string());
  if (is_one_reference(pieces)) return reference_term(deployment, step, pieces[0].reference, where);
  std::string code;
  for (const Piece& piece : pieces) {
    std::string part = string_literal(piece.literal);
    if (piece.is_reference) {
      const Term made = reference_term(deployment, step, piece.reference, where);
      check_argument(made.type == Type::text, where, ": Argo cannot put '", piece.reference.text,
                     "', which is no text, inside another text");
      part = made.code;
    }
    code += (code.empty() ? "" : " + ") + part;
  }
  return {Type::text, pieces.size() > 1 ? "(" + code + ")" : code};
}

// Kinds that never are equal, or have no order: Argo's language would refuse the whole expression.
std::string compare(const Term& left, const std::string& op, const Term& right, const std::string& where) {
  const bool known = left.type != Type::any && right.type != Type::any;
  if (op == "in") {
    check_argument(right.type == Type::list || right.type == Type::any, where,
                   ": 'in' needs a list on the right");
    return left.code + " in " + right.code;
  }
  if (known && left.type != right.type) {
    check_argument(op == "==" || op == "!=", where, ": '", op, "' between kinds that have no order");
    return op == "==" ? "false" : "true";
  }
  return left.code + " " + op + " " + right.code;
}

}  // namespace

std::string when_expression(const Deployment& deployment, const Step& step) {
  std::string code;
  for (size_t i = 0; i < step.when.size(); ++i) {
    const Condition& condition = step.when[i];
    const std::string where = at_step(deployment, step, "when") + "[" + std::to_string(i) + "]";
    const Term left = term(deployment, step, condition.left, where);
    const Term right = term(deployment, step, condition.right, where);
    code += (code.empty() ? "(" : " && (") + compare(left, condition.op, right, where) + ")";
  }
  return code.empty() ? "" : "{{=" + code + "}}";
}

std::vector<std::pair<std::string, std::string>> observed_outputs(const Spec& spec) {
  std::set<std::pair<std::string, std::string>> found;
  for (const Step& step : spec.steps)
    for (const Condition& condition : step.when)
      for (const Value* side : {&condition.left, &condition.right})
        for (const Reference& reference : references_in(*side))
          if (reference.root == Reference::Root::steps) found.insert({reference.name, reference.key});
  return {found.begin(), found.end()};
}

namespace {

// Which last attempt is tried again. "-1" is Argo's word for "no exit status": the pod is gone, as Error is.
std::string retry_expression(const PipelineRetry& retry) {
  const std::string lost = "lastRetry.status == 'Error'";
  if (retry.limit <= 0 || retry.policy == "never") return "false";
  if (retry.policy == "any")
    return lost + " || lastRetry.exitCode != '" + std::to_string(kRejectedExit) + "'";
  std::string statuses;
  for (int status = -1; status <= 255; ++status)
    if (fault_of_exit(status) == Fault::infrastructure)
      statuses += (statuses.empty() ? "'" : ", '") + std::to_string(status) + "'";
  return lost + " || lastRetry.exitCode in [" + statuses + "]";
}

}  // namespace

Json retry_strategy(const Deployment& deployment, const Step& step) {
  const PipelineRetry& retry = step.retry;
  Json made = {{"expression", retry_expression(retry)},
               {"limit", retry.policy == "never" ? "0" : std::to_string(retry.limit)},
               {"retryPolicy", "Always"}};
  if (made["limit"] == "0" || retry.backoff_seconds <= 0) return made;
  const std::string where = at_step(deployment, step, "retry.backoff_factor");
  check_argument(retry.backoff_factor == std::floor(retry.backoff_factor) && retry.backoff_factor <= 1000,
                 where, ": Argo knows whole numbers only, got ", retry.backoff_factor);
  made["backoff"] = {{"cap", duration_text(std::max(retry.backoff_max_seconds, 0.001))},
                     {"duration", duration_text(std::min(retry.backoff_seconds, retry.backoff_max_seconds))},
                     {"factor", std::to_string(static_cast<int64_t>(retry.backoff_factor))}};
  return made;
}

}  // namespace whorl::pipeline
