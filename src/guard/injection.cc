// Text that does harm when another program reads it: SQL, templates, Python, HTML. Rules of our own under the
// names that NeMo's injection_detection uses.
#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "guard/rule_rail.h"

namespace whorl::guard {

namespace {

struct Injected {
  const char* injection;
  const char* pattern;
};

constexpr Injected forms[] = {
    // A second statement, a union, a condition that is always true, comments that cut a statement off.
    {"sqli", R"(['"`;)]\s*;?\s*(?:drop|truncate|alter)\s+(?:table|database|schema|user|view|index)\b)"},
    {"sqli",
     R"(;\s*(?:drop|truncate|alter|create|grant|revoke)\s+(?:table|database|schema|user|role|all|view)\b)"},
    {"sqli",
     R"(;\s*(?:delete\s+from|insert\s+into|update\s+\w{1,64}\s+set|exec(?:ute)?\s*\(?|shutdown\b|declare\s+@))"},
    {"sqli", R"(\bunion\s+(?:all\s+|distinct\s+)?select\b)"},
    {"sqli",
     R"(['"`)]\s*(?:or|and|\|\||&&)\s*\(?\s*['"`]?[\w]{1,32}['"`]?\s*(?:=|<>|!=|like|>|<)\s*['"`]?[\w]{1,32})"},
    {"sqli", R"(\b(?:or|and)\s+(?:1\s*=\s*1|0\s*=\s*0|'1'\s*=\s*'1|"1"\s*=\s*"1|true\s*(?:--|#)))"},
    {"sqli", R"(['"`)]\s*(?:or|and)\s+(?:true|false|not\s+false|1)\s*(?:--|#|/\*|;))"},
    {"sqli", R"(['"`]\s*;?\s*(?:--|#|/\*)\s*$)"},
    {"sqli",
     R"(\b(?:sleep|pg_sleep|benchmark|load_file|extractvalue|updatexml)\s*\(\s*['"\d]|\bwaitfor\s+delay\s*')"},
    {"sqli",
     R"(\binto\s+(?:out|dump)file\b|\binformation_schema\.(?:tables|columns|schemata)\b|\bxp_cmdshell\b)"},
    // Expressions of Jinja and its kin that reach out of their template.
    {"template",
     R"(\{\{[^\n{}]{0,200}(?:__\w{1,32}__|\b(?:config|self|request|cycler|joiner|namespace|lipsum|url_for|get_flashed_messages)\b\s*[.\[|])[^\n{}]{0,200}\}\})"},
    {"template", R"(\{\{\s*[\d'"][^\n{}]{0,40}[*+\-/|][^\n{}]{0,40}\}\})"},
    {"template",
     R"(\{%-?\s*(?:import|include|extends|from|set|for|if|macro|call|raw|with|block)\b[^\n]{0,200}?%\})"},
    {"template", R"(\{\{[^\n{}]{0,200}\|\s*(?:attr|map|selectattr|format|safe)\b[^\n{}]{0,200}\}\})"},
    {"template",
     R"((?:\$|#|\*)\{\s*(?:T\s*\(|7\s*\*\s*7|[\w.]{0,64}(?:Runtime|ProcessBuilder|getClass|forName|jndi:)[^\n}]{0,200}))"},
    {"template", R"(<%=?\s*[^\n%]{0,120}(?:system|exec|`|File\.|IO\.)[^\n%]{0,120}%>)"},
    // Python and shell that runs, reads or reaches out.
    {"code", R"(\b(?:eval|exec|compile|__import__|execfile)\s*\(\s*[\w'"(\[])"},
    {"code",
     R"(\bos\s*\.\s*(?:system|popen|exec[lv]p?e?|spawn[lv]p?e?|remove|unlink|rmdir|kill|fork|environ)\b)"},
    {"code", R"(\bsubprocess\s*\.\s*(?:run|call|popen|check_output|check_call|getoutput|getstatusoutput)\b)"},
    {"code", R"(\bimport\s+(?:os|subprocess|pty|ctypes|shutil|socket)\b)"},
    {"code", R"(\bfrom\s+(?:os|subprocess|pty|ctypes|shutil|socket)\s+import\b)"},
    {"code", R"(__(?:globals|builtins|subclasses|mro|bases|class|getattribute|reduce)__)"},
    {"code", R"(\b(?:pickle|marshal|dill|cloudpickle)\s*\.\s*loads?\s*\()"},
    {"code", R"(\bshutil\s*\.\s*rmtree\b|\bsocket\s*\.\s*socket\s*\(|\bpty\s*\.\s*spawn\b)"},
    {"code", R"(\brm\s+-(?:rf|fr|r\s+-f|f\s+-r)\s+[/~*.\w])"},
    {"code", R"(\b(?:curl|wget)\s+[^\n|;]{1,200}\|\s*(?:sudo\s+)?(?:ba|z|da|k)?sh\b)"},
    {"code", R"(/dev/tcp/[\w.]{1,64}/\d{1,5}|\bnc\s+(?:-\w{1,8}\s+){0,3}-e\s+/bin/|\bbash\s+-i\s*[>&])"},
    // Script in HTML: elements, handlers, addresses that run.
    {"xss", R"(<\s*script\b[^>\n]{0,200}>?)"},
    {"xss", R"(<\s*/\s*script\s*>)"},
    {"xss",
     R"(<\s*(?:iframe|object|embed|applet|base|meta|link|form|frame|frameset|svg|math)\b[^>\n]{0,200}(?:src|href|data|on\w{3,24}|action|srcdoc|http-equiv)\s*=)"},
    {"xss",
     R"(<\s*\w{1,16}\b[^>\n]{0,300}[\s/"']on(?:abort|blur|change|click|dblclick|drag\w{0,5}|drop|error|focus\w{0,3}|input|key\w{2,5}|load\w{0,8}|mouse\w{2,5}|pointer\w{2,6}|toggle|submit|unload|wheel|animation\w{3,9}|transition\w{3,6}|begin|copy|cut|paste|resize|scroll|select|show)\s*=)"},
    {"xss", R"((?:javascript|vbscript|livescript)\s*:\s*[^\s"'<>]{1,200})"},
    {"xss", R"(\bdata\s*:\s*text/html\b)"},
    {"xss", R"(\bdocument\s*\.\s*(?:cookie|write(?:ln)?|location|domain)\b|\bwindow\s*\.\s*location\b)"},
    {"xss", R"(\b(?:innerHTML|outerHTML|srcdoc)\s*=|\bexpression\s*\(\s*(?:alert|document))"},
    // A picture whose address carries what it was told to.
    {"xss", R"(!\[[^\]\n]{0,200}\]\(\s*https?://[^\s)]{1,200}\?[^\s)]{1,200}=[^\s)]{1,300}\))"},
};

}  // namespace

const std::vector<std::string>& injection_names() {
  static const std::vector<std::string> names = {"sqli", "template", "code", "xss"};
  return names;
}

namespace {

class InjectionRail : public RuleRail {
 public:
  InjectionRail(const std::string& name, std::vector<Rule> rules, std::shared_ptr<const TextRail> last)
      : RuleRail(name, std::move(rules), built_in), last_(std::move(last)) {}

  std::shared_ptr<const TextRail> last_look() const override { return last_; }

 private:
  std::shared_ptr<const TextRail> last_;
};

}  // namespace

void check_injection(const std::string& name, std::string_view context) {
  const std::vector<std::string>& names = injection_names();
  if (std::find(names.begin(), names.end(), name) == names.end())
    base::invalid(context, ": unknown injection '", name, "'", base::did_you_mean(name, names),
                  "; known are sqli, template, code and xss");
}

std::shared_ptr<const TextRail> make_injection_rail(const InjectionOptions& options,
                                                    std::string_view context) {
  const std::vector<std::string>& wanted =
      options.injections.empty() ? injection_names() : options.injections;
  for (const std::string& name : wanted) check_injection(name, context);
  std::vector<Rule> rules;
  for (const Injected& form : forms) {
    if (std::find(wanted.begin(), wanted.end(), form.injection) == wanted.end()) continue;
    const std::string reason = base::concat("the text holds what a program would run (", form.injection, ")");
    rules.push_back(rule_of({form.injection, reason.c_str(), form.pattern}, true, options.action));
  }
  std::shared_ptr<const TextRail> last;
  if (options.action == Action::mask) {
    InjectionOptions blocking = options;
    blocking.action = Action::block;
    last = make_injection_rail(blocking, context);
  }
  return std::make_shared<InjectionRail>(options.rail, std::move(rules), std::move(last));
}

}  // namespace whorl::guard
