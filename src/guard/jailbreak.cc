// What people write to talk a model out of its instructions, and text that nobody is meant to see.
#include <algorithm>
#include <deque>

#include "guard/rule_rail.h"

namespace whorl::guard {

namespace {

constexpr Form
    forms[] =
        {
            {"ignore_instructions", "it asks to disregard earlier instructions",
             R"(\b(?:ignore|disregard|forget|override|bypass|skip|neglect|discard|drop)\s+(?:(?:all|any|every|each|the|your|my|of|these|those|that|and|previous|prior|above|earlier|preceding|former|initial|original|system|existing|safety|given|everything|what|or)\s+){1,6}(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|commands?|constraints?|restrictions?|programming|training|polic(?:y|ies)|orders?|filters?|messages?)\b)"},
            {"ignore_everything", "it asks to disregard what stands before it",
             R"(\b(?:ignore|disregard|forget)\s+(?:about\s+)?(?:everything|all|anything|whatever)\s+(?:that\s+)?(?:(?:i|you|we|they)\s+)?(?:(?:have\s+|were\s+|was\s+|had\s+been\s+)?(?:said|told|written|above|before|previously|prior))\b)"},
            {"new_instructions", "it gives new instructions in place of old ones",
             R"(\b(?:your\s+)?(?:new|real|actual|updated|true)\s+(?:instructions?|task|system\s+prompt|objective|directives?)\s*(?:is|are|:|=))"},
            {"reveal_prompt", "it asks for the instructions themselves",
             R"(\b(?:show|reveal|print|repeat|display|output|tell|give|leak|expose|write|dump|recite|share|disclose)\s+(?:me\s+|us\s+|back\s+|out\s+)?(?:(?:all|the|your|of|full|entire|exact|complete|initial|original|hidden|secret|internal|verbatim|above)\s+){1,5}(?:system\s+(?:prompt|message|instructions?)|prompt|instructions|initial\s+message|guidelines|rules)\b)"},
            {"words_above", "it asks for the instructions themselves",
             R"(\b(?:repeat|print|output|copy)\s+(?:all\s+)?(?:the\s+)?(?:words|text|everything|content)\s+(?:above|before\s+this|starting\s+with))"},
            {"unrestricted_persona", "it asks for a character without rules",
             R"(\b(?:you\s+are|you're|act\s+as|pretend\s+(?:to\s+be|you\s+are|that\s+you\s+are)|roleplay\s+as|behave\s+like|become|simulate|be|imagine\s+you\s+are|you\s+will\s+be)\s+(?:now\s+)?(?:going\s+to\s+be\s+|called\s+|acting\s+as\s+)?(?:a\s+|an\s+|the\s+|my\s+)?(?:dan|stan|dude|aim|jailbroken|unfiltered|unrestricted|uncensored|unaligned|evil|amoral|immoral|lawless|rogue|do\s+anything\s+now|developer\s+mode)\b)"},
            {"do_anything_now", "it names a known jailbreak",
             R"(\b(?:do\s+anything\s+now|dan\s+mode|developer\s+mode\s+(?:enabled|output|on)|jailbreak\s+mode|god\s+mode\s+(?:enabled|on)|jailbroken\s+(?:mode|ai|version)|unfiltered\s+(?:mode|ai|response)|opposite\s+mode))"},
            {"no_rules",
             "it says that rules do not hold", R"(\b(?:without|no|free\s+(?:of|from)|not\s+bound\s+by|ignore|remove|disable|turn\s+off|bypass|unbound\s+by)\s+(?:any\s+|all\s+|the\s+|your\s+|its\s+|of\s+){0,3}(?:ethical|moral|safety|content|openai|anthropic|google|meta|legal)\s+(?:and\s+\w{1,16}\s+)?(?:restrictions?|guidelines?|filters?|limitations?|constraints?|polic(?:y|ies)|rules|boundaries|considerations|concerns|guardrails|protections?))"},
            {"no_longer_bound", "it says that rules do not hold",
             R"(\b(?:you\s+are|you're|you\s+have\s+been)\s+(?:no\s+longer|not|freed|liberated|released)\s+(?:bound|restricted|limited|constrained|subject|required|from)\b)"},
            {"never_refuse", "it forbids to refuse",
             R"(\b(?:never|do\s+not|don't|must\s+not|cannot|can't|can\s+not|won't|will\s+not)\s+(?:ever\s+)?(?:refuse|decline|reject|deny)\s+(?:(?:to\s+)?(?:answer|comply|respond|any|my|a|the|anything|this))\b)"},
            {"refusal_suppression", "it forbids to refuse",
             R"(\b(?:do\s+not|don't|never)\s+(?:apologi[sz]e|say\s+(?:you\s+(?:cannot|can't)|sorry)|include\s+(?:any\s+)?(?:warnings?|disclaimers?)|mention\s+(?:that\s+you\s+are\s+an?\s+ai|ethics|guidelines))\b)"},
            {"forced_opening", "it dictates the first words of the answer",
             R"(\b(?:start|begin|open)\s+(?:your\s+)?(?:response|answer|reply|message)\s+with\s+["'“”]?(?:sure|absolutely|of\s+course|yes|certainly|hell)\b)"},
            {"forged_role", "it forges the markers of a conversation",
             R"(<\|(?:im_start|im_end|system|user|assistant|start_header_id|end_header_id|eot_id|begin_of_text|endoftext)\|>|<<SYS>>|\[/?INST\]|</?(?:system|assistant)>)"},
            {"forged_system", "it poses as the system",
             R"((?m:^)\s{0,8}(?:#{1,6}\s*|\[|\*\*)?(?:system|admin|administrator|developer|root)(?:\s+(?:message|prompt|override|notice|note|update))?(?:\]|\*\*)?\s*:\s*(?:you|ignore|disregard|forget|override|new|the\s+(?:user|assistant|previous)|from\s+now|all\s+(?:previous|prior)))"},
            {"system_override", "it poses as the system",
             R"(\b(?:system|admin|security|safety|developer)\s+(?:override|overwrite|bypass)\b|\b(?:enable|enter|activate|switch\s+to|engage)\s+(?:the\s+)?(?:developer|debug|god|sudo|admin|root|maintenance|dan|jailbreak|unrestricted|uncensored)\s+mode\b)"},
            {"from_now_on", "it redefines how to answer",
             R"(\bfrom\s+(?:now|this\s+(?:point|moment))\s+(?:on|onwards?|forward)?,?\s*(?:you\s+(?:will|must|are|have\s+to|shall|should)|answer|respond|act|ignore)\s+(?:\w{1,16}\s+){0,6}(?:ignore|without|unrestricted|unfiltered|no\s+(?:rules|filters?|restrictions?|limits?)|any\s+(?:question|request)|anything|dan|two|both))"},
            {"hypothetical_no_law", "it asks for a character without rules",
             R"(\b(?:hypothetical|fictional|imaginary|parallel)\s+(?:world|universe|scenario|story|setting)\s+(?:where|in\s+which|with)\s+(?:\w{1,16}\s+){0,5}(?:no|without|legal|illegal|laws?|rules?|ethics|morals?|restrictions?)\b)"},
            {"hide_from_user", "it asks to keep something from the user",
             R"(\b(?:do\s+not|don't|never|without)\s+(?:tell|telling|inform|informing|mention|mentioning|reveal|revealing|notify|notifying|alert|alerting)\s+(?:this\s+|it\s+|anything\s+)?(?:to\s+)?(?:the\s+)?user\b)"},
};

constexpr size_t crowd = 256;  // bytes within which invisible characters count as one crowd

// Characters that nobody sees, where so many stand so close that they must mean something.
class InvisibleRail : public TextRail {
 public:
  explicit InvisibleRail(const JailbreakOptions& options) : options_(options) {}
  const std::string& name() const override { return options_.rail; }
  std::unique_ptr<Scan> scan() const override;
  const JailbreakOptions& options() const { return options_; }

 private:
  JailbreakOptions options_;
};

class InvisibleScan : public Scan {
 public:
  explicit InvisibleScan(const InvisibleRail& rail) : rail_(rail) {}

  size_t advance(const Text& text, std::vector<Finding>* findings) override {
    const size_t most = static_cast<size_t>(std::max(rail_.options().max_invisible, 0));
    const std::vector<size_t>& all = text.invisible();
    for (auto at = std::lower_bound(all.begin(), all.end(), next_); most > 0 && at != all.end(); ++at) {
      next_ = *at + 1;
      near_.push_back(*at);
      while (*at - near_.front() > crowd) near_.pop_front();
      if (near_.size() < most) continue;
      findings->push_back({rail_.name(), "invisible_characters", "it holds many characters that nobody sees",
                           *at, *at + 1, 1, rail_.options().action, ""});
      near_.clear();
    }
    return text.size();
  }

 private:
  const InvisibleRail& rail_;
  size_t next_ = 0;
  std::deque<size_t> near_;
};

std::unique_ptr<Scan> InvisibleRail::scan() const { return std::make_unique<InvisibleScan>(*this); }

// Asked alone it looks for both; together with other rails its patterns are searched with theirs.
class JailbreakScan : public Scan {
 public:
  JailbreakScan(std::unique_ptr<Scan> patterns, std::unique_ptr<Scan> invisible)
      : patterns_(std::move(patterns)), invisible_(std::move(invisible)) {}
  size_t advance(const Text& text, std::vector<Finding>* findings) override {
    const size_t hold = patterns_->advance(text, findings);
    return std::min(hold, invisible_->advance(text, findings));
  }

 private:
  std::unique_ptr<Scan> patterns_, invisible_;
};

class JailbreakRail : public RuleRail {
 public:
  JailbreakRail(const JailbreakOptions& options, std::vector<Rule> rules)
      : RuleRail(options.rail, std::move(rules), built_in),
        invisible_(std::make_shared<InvisibleRail>(options)) {}
  std::unique_ptr<Scan> scan() const override {
    return std::make_unique<JailbreakScan>(RuleRail::scan(), invisible_->scan());
  }
  std::shared_ptr<const TextRail> besides_rules() const override { return invisible_; }

 private:
  std::shared_ptr<const InvisibleRail> invisible_;
};

}  // namespace

std::shared_ptr<const TextRail> make_jailbreak_rail(const JailbreakOptions& options) {
  std::vector<Rule> rules;
  for (const Form& form : forms) rules.push_back(rule_of(form, true, options.action));
  return std::make_shared<JailbreakRail>(options, std::move(rules));
}

}  // namespace whorl::guard
