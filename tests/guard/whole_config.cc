#include "guard/whole_config.h"

namespace whorl::guard {

namespace {

constexpr const char* text = R"(models:
  - type: content_safety
    engine: whorl
    model: guard
instructions:
  - type: general
    content: Be kind.
lowest_temperature: 0.001
passthrough: False
rails:
  input:
    parallel: True
    time_budget_ms: 250
    flows:
      - self check input
      - content safety check input $model=content_safety
      - mask sensitive data on input
      - injection detection
    flow_options:
      self check input:
        fail: closed
        refusal: No.
  output:
    flows:
      - regex check output
    streaming:
      enabled: True
      chunk_size: 10
      context_size: 4
  config:
    sensitive_data_detection:
      input:
        entities:
          - EMAIL_ADDRESS
        score_threshold: 0.5
    regex_detection:
      output:
        patterns:
          - foo
        case_insensitive: true
    injection_detection:
      injections:
        - sqli
      action: omit
prompts:
  - task: self_check_input
    content: "{{ user_input }}"
    max_length: 99
  - task: content_safety_check_input $model=content_safety
    content: "{{ user_input }}"
    max_tokens: 50
)";

std::vector<std::string> lines_of(const std::string& whole) {
  std::vector<std::string> out;
  for (size_t at = 0; at < whole.size();) {
    const size_t end = whole.find('\n', at);
    out.push_back(whole.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

}  // namespace

const std::string& whole_config() {
  static const std::string whole = text;
  return whole;
}

const std::vector<std::string>& lines_of_whole_config() {
  static const std::vector<std::string> lines = lines_of(whole_config());
  return lines;
}

}  // namespace whorl::guard
