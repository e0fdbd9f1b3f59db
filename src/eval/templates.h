#pragma once
// Jinja templates of tasks, compiled once, rendered per row under limits.
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/json.h"
#include "text/chat_template.h"

namespace whorl::eval {

// A template that failed on one row: the row's fault or the template's, told by how many rows it hits.
struct TemplateError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

class Templates {
 public:
  explicit Templates(std::string where) : where_(std::move(where)) {}

  // std::invalid_argument naming `field` if `source` is not a template.
  void compile(const std::string& source, const std::string& field);
  // `source` must be compiled, or hold no template at all. `context` is a JSON object. TemplateError.
  std::string render(const std::string& source, const std::string& context) const;
  // Every string of `value` compiled, and rendered.
  void compile_all(const base::Json& value, const std::string& field);
  base::Json render_all(const base::Json& value, const std::string& context) const;

 private:
  std::string where_;
  std::map<std::string, std::shared_ptr<const text::ChatTemplate>, std::less<>> compiled_;
};

}  // namespace whorl::eval
