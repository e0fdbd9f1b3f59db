#include "guard/law.h"

#include <algorithm>
#include <tuple>

#include "base/check.h"

namespace whorl::guard {

Rails all_rails(Action pii, Action secrets, Action injection) {
  PatternOptions patterns;
  patterns.deny = {{"codename", "project\\s+bluebird", true, Action::block, ""},
                   {"ticket", "TCK-\\d{4,8}", false, Action::mask, "<TICKET>"},
                   {"line", "BEGIN CONFIDENTIAL.*", false, Action::mask, "<LINE>"}};
  patterns.allow = {{"public", "project bluebird \\(public\\)", true, Action::report, ""}};
  PiiRailOptions personal;
  personal.action = pii;
  SecretsOptions secret;
  secret.action = secrets;
  InjectionOptions injected;
  injected.action = injection;
  return {make_pattern_rail(patterns, "[test]"), make_pii_rail(personal, "[test]"), make_secrets_rail(secret),
          make_injection_rail(injected, "[test]"), make_jailbreak_rail()};
}

const TextGuard& all_guard() {
  static const TextGuard guard(all_rails());
  return guard;
}

namespace {

void take(StreamGuard::Step step, Streamed* out) {
  out->blocked = out->blocked || step.blocked;
  out->released += step.released;
  for (Finding& finding : step.findings) out->findings.push_back(std::move(finding));
}

auto place(const Finding& f) { return std::tie(f.begin, f.end, f.rail, f.rule, f.reason); }

std::vector<Finding> sorted(std::vector<Finding> findings) {
  std::sort(findings.begin(), findings.end(),
            [](const Finding& a, const Finding& b) { return place(a) < place(b); });
  return findings;
}

size_t first_block(const std::vector<Finding>& findings, size_t none) {
  for (const Finding& f : findings)
    if (f.action == Action::block) none = std::min(none, f.begin);
  return none;
}

// text[0, upto) with every mask in its place, worked out from the findings alone. Masks that overlap are one.
std::string masked(std::string_view text, const std::vector<Finding>& findings, size_t upto) {
  std::vector<Finding> masks = sorted(findings);
  std::erase_if(masks, [](const Finding& f) { return f.action != Action::mask; });
  std::string out;
  size_t at = 0;
  for (size_t i = 0; i < masks.size();) {
    size_t end = masks[i].end, longest = i, next = i + 1;
    for (; next < masks.size() && masks[next].begin < end; ++next) {
      end = std::max(end, masks[next].end);
      if (masks[next].end - masks[next].begin > masks[longest].end - masks[longest].begin) longest = next;
    }
    if (end > upto) return out.append(text.substr(at, std::min(masks[i].begin, upto) - at));
    out.append(text.substr(at, masks[i].begin - at)).append(masks[longest].replacement);
    at = end;
    i = next;
  }
  return out.append(text.substr(at, upto - at));
}

bool looks_again(const TextGuard& guard) {
  return std::any_of(guard.rails().begin(), guard.rails().end(),
                     [](const auto& rail) { return rail->last_look() != nullptr; });
}

std::string differs(const char* what, const std::string& expected, const std::string& got) {
  return base::concat(what, ": expected '", expected, "', got '", got, "'");
}

// Of a text that passes: the stream says and releases what the whole does.
std::string passing_law(const Outcome& whole, const Streamed& many) {
  if (many.released != whole.text) return differs("the released text", whole.text, many.released);
  const std::string said = describe(sorted(many.findings)), expected = describe(sorted(whole.findings));
  return said == expected ? "" : differs("findings", expected, said);
}

// Of a text that is blocked: every cut the same, and the block is one that the whole text knows.
std::string blocking_law(const Outcome& whole, const Streamed& one, const Streamed& many, size_t size) {
  if (many.released != one.released) return differs("the released text", one.released, many.released);
  if (describe(many.findings) != describe(one.findings))
    return differs("findings", describe(one.findings), describe(many.findings));
  const size_t first = first_block(many.findings, size);
  const bool known = std::any_of(whole.findings.begin(), whole.findings.end(), [first](const Finding& f) {
    return f.action == Action::block && f.begin == first;
  });
  return known ? "" : differs("the first block", describe(whole.findings), describe(many.findings));
}

}  // namespace

Streamed stream(const TextGuard& guard, std::string_view text, const Cuts& cuts) {
  StreamGuard running = guard.stream();
  Streamed out;
  size_t at = 0;
  for (const size_t cut : cuts) {
    take(running.feed(text.substr(at, cut - at)), &out);
    at = cut;
  }
  take(running.feed(text.substr(at)), &out);
  take(running.finish(), &out);
  return out;
}

Streamed stream_every(const TextGuard& guard, std::string_view text, size_t size) {
  Cuts cuts;
  for (size_t at = size; at < text.size(); at += size) cuts.push_back(at);
  return stream(guard, text, cuts);
}

std::string law_broken_by(const TextGuard& guard, std::string_view text, const Cuts& cuts,
                          const Streamer& streamer) {
  const Outcome whole = guard.check(text);
  const Streamed one = streamer(guard, text, {}), many = streamer(guard, text, cuts);
  if (many.blocked != whole.blocked)
    return base::concat("the verdict: the whole is ", whole.blocked ? "blocked " : "let through ",
                        describe(whole.findings), "and the stream is not: ", describe(many.findings));
  const std::string broken =
      whole.blocked ? blocking_law(whole, one, many, text.size()) : passing_law(whole, many);
  if (!broken.empty() || looks_again(guard)) return broken;
  // Nothing forbidden leaves: what did is the beginning of the text with its masks, up to the first block.
  const std::string most = masked(text, many.findings, first_block(many.findings, text.size()));
  return most.rfind(many.released, 0) == 0 ? "" : differs("what may leave", most, many.released);
}

std::string describe(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& f : findings) out += base::concat(f.rail, ":", f.rule, "[", f.begin, ",", f.end, ") ");
  return out;
}

}  // namespace whorl::guard
