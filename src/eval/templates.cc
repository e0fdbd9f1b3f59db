#include "eval/templates.h"

#include <nlohmann/json.hpp>

#include "base/check.h"

namespace whorl::eval {
namespace {

// A row's prompt is small: an endless loop is told in some ten milliseconds.
constexpr uint64_t kFuel = 500'000;
constexpr size_t kMaxOutputBytes = 16u << 20;

bool is_template(const std::string& text) {
  return text.find("{{") != std::string::npos || text.find("{%") != std::string::npos ||
         text.find("{#") != std::string::npos;
}

// Messages open with the room's own name; here the task's is wanted.
std::string without_bracket(const std::string& message) {
  const size_t end = message.find("] ");
  return end == std::string::npos ? message : message.substr(end + 2);
}

}  // namespace

void Templates::compile(const std::string& source, const std::string& field) {
  if (!is_template(source) || compiled_.contains(source)) return;
  text::ChatTemplateOptions options;
  options.fuel = kFuel;
  options.max_output_bytes = kMaxOutputBytes;
  options.refuse_undefined = true;
  try {
    compiled_.emplace(source, std::make_shared<const text::ChatTemplate>(source, options));
  } catch (const std::invalid_argument& error) {
    base::invalid("[", where_, "] ", field, ": not a template: ", without_bracket(error.what()));
  }
}

std::string Templates::render(const std::string& source, const std::string& context) const {
  const auto found = compiled_.find(source);
  if (found == compiled_.end()) return source;
  text::RenderOptions options;
  options.extra_json = context;
  options.now = 0;  // the same row gives the same request on every day
  try {
    return found->second->render_text("[]", options);
  } catch (const std::invalid_argument& error) {
    throw TemplateError(base::concat("template '", source.substr(0, 80), source.size() > 80 ? "…" : "",
                                     "': ", without_bracket(error.what())));
  }
}

void Templates::compile_all(const base::Json& value, const std::string& field) {
  if (value.is_string()) compile(value.get<std::string>(), field);
  if (value.is_array())
    for (size_t i = 0; i < value.size(); ++i) compile_all(value[i], base::concat(field, "[", i, "]"));
  if (value.is_object())
    for (const auto& [key, item] : value.items()) compile_all(item, field.empty() ? key : field + "." + key);
}

base::Json Templates::render_all(const base::Json& value, const std::string& context) const {
  if (value.is_string()) return render(value.get<std::string>(), context);
  base::Json out = value;
  if (value.is_structured())
    for (auto& item : out) item = render_all(item, context);
  return out;
}

}  // namespace whorl::eval
