#pragma once
// The model-free half of the guard room. A rail is a question about a text; `TextGuard` asks all of its rails
// at once, of a whole text or of one that arrives in pieces. Both ways are the same code: a text only grows,
// a rail's scan looks at what is new and says from where on the text may still become a match.
//
// The law: for every way of cutting a text into pieces (inside a UTF-8 sequence too) a stream's verdict,
// findings and released bytes are the same, and those of a text that is not blocked equal `check`'s.
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::guard {

class Text;  // views.h: the original bytes and their normalised views, each with a map back

enum class Action {
  report,  // say it, change nothing
  mask,    // put `replacement` in its place ("" takes it out)
  block,   // nothing from `begin` on leaves
};

struct Finding {
  std::string rail;           // the rail's name: "pii", "secrets", "injection", "jailbreak", "regex"
  std::string rule;           // "EMAIL", "aws_access_key", "sqli", or the name of a pattern
  std::string reason;         // a sentence without the text that was found
  size_t begin = 0, end = 0;  // bytes of the original text; of hidden or encoded text: of what hid it
  double score = 1;           // 0..1; patterns have 1
  Action action = Action::block;
  std::string replacement;  // of Action::mask
  bool operator==(const Finding&) const = default;
};

// One rail's progress through one text. Not shared between threads.
class Scan {
 public:
  virtual ~Scan() = default;
  // Appends what is found and can no longer change; returns the offset in the original text from which on it
  // may still become (part of) a match, text.size() where nothing may. Offsets of later calls never shrink.
  virtual size_t advance(const Text& text, std::vector<Finding>* findings) = 0;
};

// Immutable once made; any number of threads may use one.
class TextRail {
 public:
  virtual ~TextRail() = default;
  virtual const std::string& name() const = 0;
  virtual std::unique_ptr<Scan> scan() const = 0;
  // A rail that takes things out looks at what is left again, since that may form anew what it takes out:
  // this is the rail for the last look, which blocks. Null for all others.
  virtual std::shared_ptr<const TextRail> last_look() const { return nullptr; }
};
using Rails = std::vector<std::shared_ptr<const TextRail>>;

struct Outcome {
  bool blocked = false;
  std::vector<Finding> findings;  // by begin, then end, rail, rule
  std::string text;               // masked; "" where blocked
};

// A text that arrives in pieces. Not shared between threads.
class StreamGuard {
 public:
  struct Step {
    std::string released;           // clean, masked; may be empty
    std::vector<Finding> findings;  // new ones, offsets in the whole original text
    bool blocked = false;           // from now on nothing is released and feed() does nothing
    size_t consumed = 0;            // bytes of the original text that have left so far (masked or not)
  };
  StreamGuard(StreamGuard&&) noexcept;
  StreamGuard& operator=(StreamGuard&&) noexcept;
  ~StreamGuard();
  Step feed(std::string_view bytes);
  Step finish();  // once, at the end; releases what was withheld
 private:
  friend class TextGuard;
  struct Impl;
  explicit StreamGuard(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class TextGuard {
 public:
  explicit TextGuard(Rails rails);
  Outcome check(std::string_view text) const;
  // The stream borrows the rails, not this guard.
  StreamGuard stream() const;
  const Rails& rails() const { return rails_; }

 private:
  Rails rails_;
  std::vector<Rails> looks_;  // who looks, one after the other
};

// ---- the rails ------------------------------------------------------------------------------------------
// Every maker throws std::invalid_argument that names the rule and says what was expected; `context` opens
// the message ("[Guardrail.load] config.yml:12").

struct PatternRule {
  std::string name;     // default: the pattern itself
  std::string pattern;  // RE2 syntax; linear time. It has a longest match, or its match ends with the line
  bool case_insensitive = false;
  Action action = Action::block;
  std::string replacement = "<REDACTED>";  // of Action::mask
};

struct PatternOptions {
  std::string rail = "regex";
  std::vector<PatternRule> deny;
  // A deny match that lies inside a match of one of these is none.
  std::vector<PatternRule> allow;
  bool normalise = true;  // false: the original bytes only
};
std::shared_ptr<const TextRail> make_pattern_rail(const PatternOptions& options, std::string_view context);

struct PiiRailOptions {
  std::string rail = "pii";
  std::vector<std::string> entities;  // empty = all; names as in whorl/pii.h, Presidio's too
  Action action = Action::mask;
  double score_threshold = 0.4;
  std::string mask_token;  // "" = "<ENTITY>"
};
std::shared_ptr<const TextRail> make_pii_rail(const PiiRailOptions& options, std::string_view context);

struct SecretsOptions {
  std::string rail = "secrets";
  Action action = Action::block;
  std::string replacement = "<SECRET>";
};
std::shared_ptr<const TextRail> make_secrets_rail(const SecretsOptions& options = {});

struct InjectionOptions {
  std::string rail = "injection";
  std::vector<std::string> injections;  // of "sqli", "template", "code", "xss"; empty = all four
  Action action = Action::block;        // mask = NeMo's omit: taken out, again until nothing is left
};
std::shared_ptr<const TextRail> make_injection_rail(const InjectionOptions& options,
                                                    std::string_view context);
const std::vector<std::string>& injection_names();
void check_injection(const std::string& name, std::string_view context);  // throws, naming the nearest

struct JailbreakOptions {
  std::string rail = "jailbreak";
  Action action = Action::block;
  // As many invisible characters (zero width, tags, bidi controls) in a row of 64 letters are a finding of
  // their own; 0 = never.
  int max_invisible = 16;
};
std::shared_ptr<const TextRail> make_jailbreak_rail(const JailbreakOptions& options = {});

}  // namespace whorl::guard
