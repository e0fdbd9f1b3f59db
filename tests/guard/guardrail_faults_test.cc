// The promises of the facade, each as a checker with faults planted for it: Whorl passes, the faults must
// not.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "guard/talking_model.h"
#include "guard/whole_config.h"
#include "whorl/guardrail.h"

namespace whorl {
namespace {

using testing::contains;
using Names = std::vector<std::string>;

class GuardFaults : public ::testing::Test {
 protected:
  GuardFaults() { engine.emplace(*talking.model); }
  Guardrail guard(const std::string& yaml) { return Guardrail::from_yaml(yaml, &*engine); }
  testing::TalkingModel talking;
  std::optional<InferenceEngine> engine;
};

// ---- fail closed by default ------------------------------------------------------------------------------
// Ways in which a judge may fail; `fail` is put into the configuration of its rail.
std::vector<std::pair<std::string, std::string>> failing_judges(const std::string& fail) {
  const auto with = [&fail](const std::string& model, const std::string& prompt, const std::string& rail) {
    return "models: [{type: cs, engine: whorl, model: " + model +
           "}]\nprompts: [{task: content_safety_check_input $model=cs, content: " + prompt +
           "}, {task: content_safety_check_output $model=cs, content: " + prompt +
           "}]\nrails: {input: {flows: [content safety check input $model=cs]" + rail + fail +
           "}, output: {flows: [content safety check output $model=cs]" + rail + fail + "}}";
  };
  return {{"no such adapter", with("missing", "JUDGE", "")},
          {"prompt too long", with("base", "'JUDGE {{ user_input }}{{ bot_response }}', max_length: 8", "")},
          {"out of time", with("base", "SLOW JUDGE", ", time_budget_ms: 5")}};
}

TEST_F(GuardFaults, FailsClosedByDefault) {
  talking.talker->before_step = [](const auto&, const auto&) {
    std::this_thread::sleep_for(std::chrono::milliseconds(15));
  };
  talking.talker->answer = [](const std::string& prompt, const std::string&) {
    return contains(prompt, "JUDGE") ? "safe" : "an answer";
  };
  const auto let_through = [this](const std::string& fail) {
    Names out;
    for (const auto& [name, yaml] : failing_judges(fail)) {
      const Guardrail rails = guard(yaml);
      if (rails.check_input("hello").allowed()) out.push_back("input: " + name);
      if (rails.check_output("hello").allowed()) out.push_back("output: " + name);
      std::string sent;
      GenerateRequest request;
      request.messages = {{"user", "hello"}};
      request.sampling.max_new_tokens = 8;
      rails.stream(request, [&](const GuardStreamEvent& event) {
        sent += event.text;
        return true;
      });
      if (!sent.empty()) out.push_back("stream: " + name);
    }
    return out;
  };
  EXPECT_EQ(let_through(""), Names{});
  EXPECT_EQ(let_through(", fail: closed"), Names{});
  // The planted fault: a guard that fails open. Every failure must be seen.
  EXPECT_EQ(let_through(", fail: open").size(), 3 * failing_judges("").size());
}

// ---- one batch -------------------------------------------------------------------------------------------
constexpr const char* kThreeJudges = R"(
models: [{type: cs, engine: whorl, model: base}, {type: topic, engine: whorl, model: base}]
rails: {input: {flows: [self check input, content safety check input $model=cs, topic safety check input $model=topic]}}
prompts:
  - {task: self_check_input, content: 'CHECK {{ user_input }}'}
  - {task: content_safety_check_input $model=cs, content: 'SAFE {{ user_input }}'}
  - {task: topic_safety_check_input $model=topic, content: 'TOPIC'}
)";

TEST_F(GuardFaults, OneBatchForAllRailsAndTexts) {
  std::atomic<size_t> together{0};
  talking.talker->before_step = [&](const auto&, std::span<const ops::PagedSequence> sequences) {
    together = std::max(together.load(), sequences.size());
    std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a real model is no faster
  };
  const Guardrail rails = guard(kThreeJudges);
  const std::vector<std::string> texts = {"a", "b", "c", "d", "e", "f"};
  // Questions that a way of checking has not put together with the others.
  const auto apart = [&](const auto& check) {
    together = 0;
    const auto before = engine->stats();
    check();
    const auto asked = static_cast<size_t>(engine->stats().requests - before.requests);
    EXPECT_EQ(asked, 3 * texts.size());
    // The first of them may have its step before the last one arrives.
    return asked - together;
  };
  EXPECT_LE(apart([&] { rails.check_inputs(texts); }), 3u);
  // The planted faults: a call per text, and a call per text and rail.
  EXPECT_GT(apart([&] {
              for (const auto& text : texts) rails.check_input(text);
            }),
            3u);
  const auto alone = [&](const std::string& flow) {
    const std::string yaml = kThreeJudges;
    const size_t open = yaml.find("flows: [") + 8;
    return guard(yaml.substr(0, open) + flow + yaml.substr(yaml.find(']', open)));
  };
  EXPECT_GT(apart([&] {
              for (const char* flow : {"self check input", "content safety check input $model=cs",
                                       "topic safety check input $model=topic"})
                alone(flow).check_inputs(texts);
            }),
            3u);
}

// ---- calls -----------------------------------------------------------------------------------------------
struct Call {
  const char *name, *arguments;
  bool runs;
};
constexpr Call kCalls[] = {
    {"get", R"({"n": 1})", true},
    {"get", R"({"n": 5, "tags": ["a", "b"]})", true},
    {"get", R"({"n": "1"})", false},                  // type
    {"get", R"({"n": true})", false},                 // a boolean is no integer
    {"get", R"({"n": 1.5})", false},                  // nor is a fraction
    {"get", R"({"n": 0})", false},                    // minimum
    {"get", R"({"n": 1, "m": 2})", false},            // additionalProperties
    {"get", R"({"tags": ["a"]})", false},             // required
    {"get", R"({"n": 1, "tags": ["a", 2]})", false},  // items
    {"get", R"({"n": 1, "tags": "a"})", false},       // a string is no list
    {"get", R"([{"n": 1}])", false},                  // not the object inside of a list
    {"get", R"({"n": 1)", false},                     // no JSON
    {"get", R"({"n": 1} and {"n": 2})", false},       // nor this
    {"get", "", false},
    {"free", R"({"anything": [1, {}]})", true},
    {"free", "", true},
    {"wipe", "{}", false},      // denied
    {"offered", "{}", false},   // offered, and not on the list of allowed ones
    {"invented", "{}", false},  // never offered
};

// Calls that ran and should not have, or the other way round.
Names wrong_calls(const Guardrail& rails, const std::string& schema) {
  const std::vector<Tool> tools = {
      {"get", "", schema}, {"free", "", R"({"type": "object"})"}, {"wipe", "", ""}, {"offered", "", ""}};
  Names out;
  for (const Call& call : kCalls) {
    const bool bad = rails.check_tool_calls({{call.name, call.arguments}}, tools).allowed() != call.runs;
    if (bad) out.push_back(std::string(call.name) + " " + call.arguments);
  }
  return out;
}

TEST_F(GuardFaults, SchemasOfCalls) {
  const auto with = [](const char* flows, const char* more = "allowed: [get, free], denied: [wipe]") {
    return Guardrail::from_yaml(std::string("rails: {tool_output: {flows: [") + flows +
                                "]}, config: {tool_calls: {" + more + "}}}");
  };
  const char* both = "check allowed tools, check tool arguments";
  const std::string schema =
      R"({"type": "object", "required": ["n"], "additionalProperties": false, "properties":
          {"n": {"type": "integer", "minimum": 1}, "tags": {"type": "array", "items": {"type": "string"}}}})";
  EXPECT_EQ(wrong_calls(with(both), schema), Names{});
  // The planted faults: either flow left out, either list, and schemas with a line less.
  EXPECT_NE(wrong_calls(with("check allowed tools"), schema), Names{});
  EXPECT_NE(wrong_calls(with("check tool arguments"), schema), Names{});
  EXPECT_NE(wrong_calls(with(both, "denied: [wipe]"), schema), Names{});
  EXPECT_NE(wrong_calls(with(both, "allowed: [get, free, wipe]"), schema), Names{});
  for (const std::string part :
       {R"("required": ["n"], )", R"("additionalProperties": false, )", R"(, "minimum": 1)",
        R"(, "items": {"type": "string"})", R"("type": "integer", )"}) {
    std::string less = schema;
    less.replace(less.find(part), part.size(), "");
    EXPECT_NE(wrong_calls(with(both), less), Names{}) << part;
  }
}

// ---- file and line ---------------------------------------------------------------------------------------
using Reader = std::function<std::string(const std::string&)>;  // the message, "" = accepted

// One configuration per line: its key misspelt, or its item.
std::string with_fault(size_t at) {
  std::string out;
  const auto& lines = guard::lines_of_whole_config();
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string line = lines[i];
    const size_t colon = line.find(':');
    if (i == at) colon == std::string::npos ? line += "(((" : line.insert(colon, "zz");
    out += line + "\n";
  }
  return out;
}

// Lines whose fault is accepted, or is said to be elsewhere.
std::vector<size_t> wrong_lines(const Reader& read) {
  std::vector<size_t> out;
  for (size_t i = 0; i < guard::lines_of_whole_config().size(); ++i) {
    const std::string place = "[Guardrail.load] config.yml:" + std::to_string(i + 1) + ": ";
    if (read(with_fault(i)).rfind(place, 0) != 0) out.push_back(i);
  }
  return out;
}

TEST_F(GuardFaults, ErrorsNameFileAndLine) {
  const auto message_of = [this](const std::string& yaml) {
    return testing::message_of<std::invalid_argument>([&] { guard(yaml); });
  };
  EXPECT_EQ(message_of(guard::whole_config()), "");
  for (const size_t line : wrong_lines(message_of))
    ADD_FAILURE() << guard::lines_of_whole_config()[line] << " → " << message_of(with_fault(line));
  const size_t all = guard::lines_of_whole_config().size();
  // The planted faults: lines counted from the first key of another document, no line, and keys dropped as
  // NeMo drops them.
  EXPECT_EQ(wrong_lines([&](const std::string& yaml) { return message_of("\n" + yaml); }).size(), all);
  EXPECT_EQ(wrong_lines([&](const std::string& yaml) {
              std::string message = message_of(yaml);
              const size_t at = message.find(".yml:");
              return at == std::string::npos ? message
                                             : message.erase(at + 4, message.find(' ', at) - at - 4);
            }).size(),
            all);
  EXPECT_GT(wrong_lines([&](const std::string& yaml) {
              const std::string message = message_of(yaml);
              return contains(message, "unknown key") ? "" : message;
            }).size(),
            all / 2);
}

}  // namespace
}  // namespace whorl
