// Keys, tokens and passwords, by the form their issuers gave them.
#include <algorithm>
#include <array>
#include <cmath>

#include "guard/rule_rail.h"

namespace whorl::guard {

namespace {

constexpr Form forms[] = {
    {"aws_access_key", "an AWS access key id", R"(\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b)"},
    {"aws_secret_key", "an AWS secret key",
     R"((?i:aws.{0,20}(?:secret|key|token).{0,20}[=:\s'"]\s*)['"]?[A-Za-z0-9/+]{40}\b)"},
    {"github_token", "a GitHub token",
     R"(\b(?:gh[pousr]_[A-Za-z0-9]{36,251}|github_pat_[A-Za-z0-9_]{22,255})\b)"},
    {"gitlab_token", "a GitLab token", R"(\bgl(?:pat|ptt|dt|rt|cbt|ft|soat)-[A-Za-z0-9_-]{20,64})"},
    {"slack_token", "a Slack token", R"(\bxox[abeoprs]-[A-Za-z0-9-]{10,72})"},
    {"slack_webhook", "a Slack webhook", R"(hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{40,64})"},
    {"stripe_key", "a Stripe key", R"(\b[rs]k_(?:live|test)_[A-Za-z0-9]{20,110})"},
    {"google_api_key", "a Google API key", R"(\bAIza[A-Za-z0-9_-]{35})"},
    {"google_oauth", "a Google client secret", R"(\bGOCSPX-[A-Za-z0-9_-]{28})"},
    {"openai_key", "an OpenAI key", R"(\bsk-(?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_-]{20,200})"},
    {"anthropic_key", "an Anthropic key", R"(\bsk-ant-[A-Za-z0-9_-]{20,120})"},
    {"huggingface_token", "a Hugging Face token", R"(\b(?:hf|api_org)_[A-Za-z]{34}\b)"},
    {"nvidia_key", "an NVIDIA key", R"(\bnvapi-[A-Za-z0-9_-]{40,80})"},
    {"npm_token", "an npm token", R"(\bnpm_[A-Za-z0-9]{36}\b)"},
    {"pypi_token", "a PyPI token", R"(\bpypi-AgE[A-Za-z0-9_-]{50,200})"},
    {"sendgrid_key", "a SendGrid key", R"(\bSG\.[A-Za-z0-9_-]{20,24}\.[A-Za-z0-9_-]{39,50})"},
    {"twilio_key", "a Twilio key", R"(\bSK[0-9a-f]{32}\b)"},
    {"telegram_token", "a Telegram bot token", R"(\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33})"},
    {"azure_key", "an Azure storage key", R"(AccountKey=[A-Za-z0-9+/]{86}==)"},
    {"jwt", "a JSON web token",
     R"(\beyJ[A-Za-z0-9_-]{8,1000}\.eyJ[A-Za-z0-9_-]{8,1000}\.[A-Za-z0-9_-]{8,1000})"},
    {"private_key", "a private key", R"(-----BEGIN (?:[A-Z0-9]{2,10} ){0,2}PRIVATE KEY(?: BLOCK)?-----)"},
    {"url_credentials", "a password in a URL",
     R"(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,64}:[^\s:/@]{3,128}@[a-zA-Z0-9.-]{1,128})"},
};

// password = "hunter2…": what stands there must look like a secret, not like a word or a placeholder.
constexpr const char* assignment =
    R"((?i:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|auth[_-]?key|client[_-]?secret|private[_-]?key))"
    R"(["']?\s{0,4}(?::=|=>|=|:)\s{0,4}["']?[A-Za-z0-9/+_.~!@#$%^&*-]{8,128})";

double bits_per_character(std::string_view text) {
  std::array<int, 256> count{};
  for (const char c : text) ++count[static_cast<unsigned char>(c)];
  double out = 0;
  for (const int n : count) {
    if (n == 0) continue;
    const double share = n / static_cast<double>(text.size());
    out -= share * std::log2(share);
  }
  return out;
}

// The value: what follows the last sign of assignment that has none of a value's characters behind it.
std::string_view value_of(std::string_view matched) {
  const size_t sign = matched.find_first_of(":=");
  const size_t begin = matched.find_first_not_of(":=> \t\r\n\"'", sign);
  return begin == std::string_view::npos ? std::string_view() : matched.substr(begin);
}

bool is_secret_value(std::string_view matched) {
  const std::string_view value = value_of(matched);
  bool digit = false, upper = false, lower = false, sign = false;
  for (const char c : value) {
    digit = digit || (c >= '0' && c <= '9');
    upper = upper || (c >= 'A' && c <= 'Z');
    lower = lower || (c >= 'a' && c <= 'z');
    sign = sign || std::string_view("!@#$%^&*+/~").find(c) != std::string_view::npos;
  }
  if (value.find("...") != std::string_view::npos || value.find("***") != std::string_view::npos)
    return false;
  if (value.find('(') != std::string_view::npos) return false;
  const int kinds = digit + upper + lower + sign;
  if (kinds < 2 || !(digit || sign)) return false;
  return bits_per_character(value) >= (value.size() >= 16 ? 3.0 : 2.5);
}

}  // namespace

std::shared_ptr<const TextRail> make_secrets_rail(const SecretsOptions& options) {
  std::vector<Rule> rules;
  const auto add = [&](const Form& form) {
    rules.push_back(rule_of(form, false, options.action));
    rules.back().reason.insert(0, "the text holds ");
    rules.back().replacement = options.replacement;
  };
  for (const Form& form : forms) {
    add(form);
    // What opens with signs or any word at all would hold back every gap between words if read loosely.
    const std::string_view name = form.name;
    const bool signs = name == "private_key" || name == "url_credentials" || name == "slack_webhook";
    rules.back().pattern.loosely = !signs;
  }
  add({"assigned_secret", "a password or key after its name", assignment});
  rules.back().accepts = is_secret_value;
  rules.back().pattern.loosely = false;  // read loosely, every assignment looks like one
  return std::make_shared<RuleRail>(options.rail, std::move(rules), built_in);
}

}  // namespace whorl::guard
