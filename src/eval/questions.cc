#include "eval/questions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "eval/rows.h"
#include "eval/task_json.h"
#include "text/messages_json.h"

namespace whorl::eval {

using base::Json;

namespace {

constexpr int64_t kPatience = 10;

const std::vector<std::string> kRequestKeys = {
    "messages", "prompt",      "tools", "tool_choice", "template_variables", "json_schema", "regex",
    "stop",     "temperature", "top_p", "max_tokens",  "max_new_tokens",     "seed"};

// A template that gives the JSON of a list is the list.
Json parsed(Json value, const char* key) {
  if (!value.is_string()) return value;
  try {
    return base::parse_json(value.get<std::string>(), base::concat("template field '", key, "'"));
  } catch (const std::invalid_argument& error) {
    throw TemplateError(error.what());
  }
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

void take_sampling(const Json& rendered, SamplingOptions& sampling) {
  const std::string where = "template";
  if (base::has(rendered, "stop")) {
    sampling.stop.clear();
    const Json stop = rendered["stop"].is_array() ? rendered["stop"] : Json::array({rendered["stop"]});
    for (const Json& text : stop) sampling.stop.push_back(text_of(text));
  }
  sampling.temperature = base::number_or(rendered, "temperature", sampling.temperature, where);
  sampling.top_p = base::number_or(rendered, "top_p", sampling.top_p, where);
  sampling.max_new_tokens = base::int_or(rendered, "max_tokens", sampling.max_new_tokens, where);
  sampling.max_new_tokens = base::int_or(rendered, "max_new_tokens", sampling.max_new_tokens, where);
  sampling.seed =
      static_cast<uint64_t>(base::int_or(rendered, "seed", static_cast<int64_t>(sampling.seed), where));
}

std::string shown(const GenerateRequest& request) {
  return request.messages.empty() ? request.prompt : request.messages.back().content;
}

std::optional<Message> own_answer(const Row& row) {
  if (row.messages.empty() && !row.completion.empty()) return Message{"assistant", row.completion};
  const auto last = std::find_if(row.messages.rbegin(), row.messages.rend(),
                                 [](const Message& message) { return message.role == "assistant"; });
  if (last == row.messages.rend()) return {};
  return *last;
}

}  // namespace

TaskPlan::TaskPlan(const EvaluateTask& task, const SamplingOptions& sampling)
    : task_(task), sampling_(task.sampling.value_or(sampling)), templates_("Evaluator.run") {
  const std::string where = "[Evaluator.run] task '" + task.name + "'";
  base::check_argument(!task.metrics.empty(), where, ": expected at least one metric, got none");
  base::check_argument(task.type == "chat" || task.type == "completion" || task.type == "data", where,
                       ": unknown type '", task.type, "'",
                       base::did_you_mean(task.type, {"chat", "completion", "data"}));
  if (!task.prompt_template.empty()) {
    base::check_argument(task.type != "data", where, ": a data task asks nothing, so it takes no template");
    Json request = Json::parse(task.prompt_template, nullptr, false);
    // A bare template is the prompt, or the one message.
    if (!request.is_object())
      request = task.type == "completion"
                    ? Json{{"prompt", task.prompt_template}}
                    : Json{{"messages", {{{"role", "user"}, {"content", task.prompt_template}}}}};
    base::check_known_keys(request, kRequestKeys, where + ": template");
    base::require(request, task.type == "completion" ? "prompt" : "messages", where + ": template");
    templates_.compile_all(request, "template");
    request_ = std::make_shared<const Json>(std::move(request));
  }
  for (const auto& metric : task.metrics) {
    templates_.compile(metric.candidate, "candidate");
    for (const auto& reference : metric.references) templates_.compile(reference, "references");
    for (const auto& part : metric.check) templates_.compile(part, "check");
    templates_.compile(metric.tool_calls_ground_truth, "tool_calls_ground_truth");
    templates_.compile(metric.judge.criteria, "judge.criteria");
    templates_.compile(metric.judge.label, "judge.label");
    if (plain_type(metric.type) == "bfcl" && !metric.params.empty())  // functions, possible_answers
      templates_.compile_all(base::parse_json(metric.params, where + ": params"), "params");
  }
}

GenerateRequest TaskPlan::rendered_request(const Item& item, const Question& question) const {
  const Json rendered = templates_.render_all(*request_, context(item, question, {.error = "none"}));
  GenerateRequest out;
  out.sampling = sampling_;
  if (task_.type == "completion")
    out.prompt = text_of(rendered["prompt"]);
  else
    out.messages = messages_from(parsed(rendered["messages"], "messages"), "template field 'messages'");
  if (base::has(rendered, "tools"))
    out.tools = tools_from(parsed(rendered["tools"], "tools"), "template field 'tools'");
  out.tool_choice = base::string_or(rendered, "tool_choice", out.tool_choice, "template");
  out.regex = base::string_or(rendered, "regex", "", "template");
  for (auto [key, member] : {std::pair{"json_schema", &GenerateRequest::json_schema},
                             std::pair{"template_variables", &GenerateRequest::template_variables}})
    if (base::has(rendered, key)) out.*member = text_of(rendered[key]);
  take_sampling(rendered, out.sampling);
  return out;
}

Question TaskPlan::question(const EvaluateData& data, int64_t row) const {
  const auto& impl = *data.impl();
  const Item& item = impl.items[static_cast<size_t>(row)];
  Question out;
  if (impl.dataset) out.expected = own_answer((*impl.dataset)[row]);
  if (task_.type == "data") return out;
  try {
    if (request_) {
      out.request = rendered_request(item, out);
    } else {
      base::check_argument(impl.dataset.has_value(),
                           "the task needs a template: these rows are no conversations");
      auto made = question_of((*impl.dataset)[row], sampling_);
      out.request = std::move(made.request);
      out.expected = std::move(made.expected);
    }
    out.prompt = shown(*out.request);
  } catch (const std::invalid_argument& error) {
    out.error = error.what();
  }
  return out;
}

std::string TaskPlan::context(const Item& item, const Question& question, const Answer& answer) const {
  std::string out = "{";
  if (task_.type == "data") {  // the row's columns by name; item and sample, which follow, win over them
    const size_t begin = item.json.find('{'), end = item.json.rfind('}');
    if (item.json.find_first_not_of(" \t\r\n", begin + 1) != end)
      out += item.json.substr(begin + 1, end - begin - 1) + ", ";
  }
  out += "\"item\": " + item.json;
  if (question.expected) out += ", \"expected\": " + text::json_quoted(question.expected->content);
  if (answer.error.empty())
    out += ", \"sample\": " + sample_json(answer).dump(-1, ' ', false, Json::error_handler_t::replace);
  return out + "}";
}

Answer TaskPlan::given_answer(const Item& item) const {
  const Json row = base::parse_json(item.json, "[Evaluator.run] " + item.source);
  const Json& sample = base::has(row, "sample") && row["sample"].is_object() ? row["sample"] : row;
  Answer out;
  if (base::has(sample, "error")) out.error = text_of(sample["error"]);
  for (const char* key : {"output_text", "output", "prediction"})
    if (out.content.empty() && base::has(sample, key)) out.content = text_of(sample[key]);
  if (base::has(sample, "response") && sample["response"].is_string() && out.content.empty())
    out.content = text_of(sample["response"]);
  if (base::has(sample, "tool_calls") && (&sample != &row))
    out.tool_calls = calls_from(sample["tool_calls"], item.source + ": sample.tool_calls");
  if (base::has(sample, "refusal")) out.finish_reason = "refused";
  out.text = out.content;
  return out;
}

std::vector<Question> questions_of(const TaskPlan& plan, const EvaluateData& data, int64_t rows) {
  std::vector<Question> out;
  int64_t failed = 0;
  for (int64_t i = 0; i < rows; ++i) {
    out.push_back(plan.question(data, i));
    failed += out.back().error.empty() ? 0 : 1;
    const bool hopeless = failed == i + 1 && (failed >= kPatience || failed == rows);
    if (hopeless)
      base::invalid(out.front().error.starts_with("[") ? "" : "[Evaluator.run] ",
                    out.front().error.starts_with("[") ? "" : data.impl()->items.front().source + ": ",
                    out.front().error,
                    failed > 1 ? base::concat("; none of the first ", failed, " rows can be asked") : "");
  }
  return out;
}

}  // namespace whorl::eval
