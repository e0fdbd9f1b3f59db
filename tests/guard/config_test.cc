// What config.yml may say, and what every misuse is told.
#include "guard/config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "base/check.h"
#include "guard/verdicts.h"

namespace whorl::guard {
namespace {

std::string refusal(const std::string& text) {
  try {
    parse_config(text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

void refuses(const std::string& text, const std::string& message) {
  EXPECT_NE(refusal(text).find(message), std::string::npos) << text << "\n  → " << refusal(text);
}

const char* kWhole = R"(
models:
  - type: main
    engine: openai
    model: gpt-4
  - type: content_safety
    engine: whorl
    parameters: {model: guard}
instructions:
  - type: general
    content: Be kind.
lowest_temperature: 0.001
passthrough: False
enable_rails_exceptions: True
tracing: {enabled: false}
rails:
  input:
    parallel: True
    fail: open
    time_budget_ms: 250
    flows:
      - self check input
      - content  safety check input $model=content_safety
      - mask sensitive data on input
    flow_options:
      self check input: {fail: closed, refusal: No.}
  output:
    flows: [self check output, regex check output]
    streaming: {enabled: True, chunk_size: 10, context_size: 4, stream_first: False}
  config:
    sensitive_data_detection:
      input: {entities: [EMAIL_ADDRESS, PET], score_threshold: 0.5, mask_token: "***"}
      recognizers:
        - {name: pets, supported_entity: PET, patterns: [{name: p, regex: "rex|bello", score: 0.8}]}
    regex_detection:
      output: {patterns: [foo, {pattern: "b+a", name: bar, mask: <B>}], case_insensitive: true}
    injection_detection: {injections: [sqli], action: omit}
    jailbreak_detection: {length_per_perplexity_threshold: 12.5, server_endpoint: "http://x"}
prompts:
  - task: self_check_input
    content: "{{ user_input }}"
    max_length: 99
  - task: self_check_output
    messages: [{type: system, content: judge}, {type: user, content: "{{ bot_response }}"}]
  - task: content_safety_check_input $model=content_safety
    content: "{{ user_input }}"
    output_parser: nemoguard_parse_prompt_safety
    max_tokens: 50
)";

TEST(Config, ReadsTheWhole) {
  const Config config = parse_config(kWhole);
  ASSERT_EQ(config.models.size(), 2u);
  EXPECT_EQ(config.models[1].adapter(), "guard");
  EXPECT_EQ(config.instructions, "Be kind.");
  EXPECT_TRUE(config.enable_rails_exceptions);
  const RailEntry& input = config.rail(Place::input);
  ASSERT_EQ(input.flows.size(), 3u);
  EXPECT_EQ(input.flows[1].name, "content safety check input $model=content_safety");
  EXPECT_EQ(input.flows[1].model, "content_safety");
  EXPECT_EQ(input.flows[1].where, "config.yml:23");
  EXPECT_EQ(input.policy.fail_open, true);
  EXPECT_EQ(input.policy.time_budget_ms, 250);
  EXPECT_EQ(input.flow_policies.at("self check input").fail_open, false);
  EXPECT_EQ(input.flow_policies.at("self check input").refusal, "No.");
  EXPECT_TRUE(config.streaming.enabled);
  EXPECT_EQ(config.streaming.chunk_size, 10);
  EXPECT_EQ(config.sensitive_data[0].mask_token, "***");
  EXPECT_EQ(config.recognizers.at(0).entity, "PET");
  EXPECT_EQ(config.regex[1].patterns.at(1).replacement, "<B>");
  EXPECT_TRUE(config.injection.omit);
  EXPECT_EQ(config.jailbreak.length_per_perplexity_threshold, 12.5);
  EXPECT_EQ(config.prompts[0].max_length, 99);
  EXPECT_EQ(config.prompts[1].messages.size(), 2u);
  // engine openai, mask_token, server_endpoint: said once each, with the line.
  ASSERT_EQ(config.warnings.size(), 3u);
  EXPECT_EQ(config.warnings[0].rfind("config.yml:3: engine 'openai' is not called", 0), 0u)
      << config.warnings[0];
}

TEST(Config, DefaultsAreNeMos) {
  const Config config = parse_config("rails: {}");
  EXPECT_FALSE(config.streaming.enabled);
  EXPECT_EQ(config.streaming.chunk_size, 200);
  EXPECT_EQ(config.streaming.context_size, 50);
  EXPECT_TRUE(config.streaming.stream_first);
  EXPECT_EQ(config.sensitive_data[0].score_threshold, 0.2);
  EXPECT_EQ(config.jailbreak.length_per_perplexity_threshold, 89.79);
  EXPECT_EQ(config.jailbreak.prefix_suffix_perplexity_threshold, 1845.65);
  EXPECT_EQ(PromptEntry().max_length, 16000);
  EXPECT_EQ(std::string(kRefusal), "I'm sorry, I can't respond to that.");
  EXPECT_TRUE(parse_config("").warnings.empty());
}

// NeMo drops what it does not know: `flow` for `flows` runs no rail at all.
TEST(Config, WhatNobodyReadsIsRefusedWithItsLine) {
  refuses("rails:\n  input:\n    flow:\n      - self check input",
          "[Guardrail.load] config.yml:3: unknown key 'flow'; did you mean 'flows'?");
  refuses("rail: {}", "config.yml:1: unknown key 'rail'; did you mean 'rails'?");
  refuses("rails: {inputs: {}}", "unknown key 'inputs'; did you mean 'input'?");
  refuses("rails: {output: {streaming: {enable: true}}}", "unknown key 'enable'; did you mean 'enabled'?");
  refuses("rails:\n  config:\n    sensitive_data_detection:\n      input:\n        entitys: []",
          "config.yml:5: unknown key 'entitys'; did you mean 'entities'?");
  refuses("rails: {config: {regex_detecton: {}}}", "did you mean 'regex_detection'?");
  refuses("prompts: [{task: self_check_input, contents: x}]", "did you mean 'content'?");
  refuses("models: [{type: main, engin: whorl, model: x}]", "did you mean 'engine'?");
  refuses("rails: {retrieval: {streaming: {}}}", "unknown key 'streaming'");
  refuses("rails: {input: {flow_options: {x: {fale: open}}}}", "did you mean 'fail'?");
}

TEST(Config, ColangIsRefusedInWords) {
  refuses("colang_version: 2.x", "config.yml:1: 'colang_version' is Colang's, which Whorl does not run");
  for (const char* text : {"rails: {dialog: {}}", "flows: []", "bot_messages: {}", "import_paths: []"})
    refuses(text, "is Colang's, which Whorl does not run");
  refuses("knowledge_base: {}", "Whorl retrieves nothing by itself");
  refuses("actions_server_url: x", "Whorl calls no other server");
  refuses("rails: {config: {patronus: {}}}", "a service on the network");
  refuses("rails: {config: {injection_detection: {yara_path: x}}}", "write the rules as patterns");
}

TEST(Config, Flows) {
  const std::string head = "rails:\n  input:\n    flows:\n      - ";
  refuses(
      head + "self check inptu",
      "config.yml:4: unknown flow 'self check inptu' in rails.input.flows; did you mean 'self check input'?");
  refuses(head + "self check output", "; it belongs under rails.output.flows");
  refuses(head + "activefence moderation", "; it is NeMo's, and needs");
  refuses(head + "self check input",
          "config.yml:4: flow 'self check input' needs a prompt with task 'self_check_input'");
  refuses(head + "self check input\nprompts:\n  - {task: self_chek_input, content: x}",
          "config.yml:6: unknown task 'self_chek_input'; did you mean 'self_check_input'?");
  refuses(head + "content safety check input", "expects $model=type");
  refuses(head + "content safety check input $modle=x",
          "expected the parameter of 'content safety check input' to be $model=type");
  refuses(head + "self check input $model=x", "takes no $model");
  refuses(head + "content safety check input $model=cs\nmodels: [{type: sc, engine: whorl, model: a}]",
          "needs a model of type 'cs' in models; did you mean 'sc'?");
  refuses(head + "content safety check input $model=cs\nmodels:\n  - {type: cs, engine: nim, model: a}",
          "config.yml:6: flow 'content safety check input $model=cs' judges with model 'cs': expected "
          "engine: whorl");
  refuses(head +
              "content safety check input $model=cs\nmodels: [{type: cs, engine: whorl, model: a}]\n"
              "prompts: [{task: content_safety_check_input, content: x}]",
          "needs a prompt with task 'content_safety_check_input $model=cs' in prompts; did you mean");
  refuses(head + "regex check input", "needs rails.config.regex_detection.input.patterns");
  refuses(head + "injection detection\n      - injection detection",
          "config.yml:5: flow 'injection detection' is listed twice, first at config.yml:4");
  refuses(head + "injection detection\n    flow_options:\n      injektion detection: {fail: open}",
          "config.yml:6: flow_options: no flow 'injektion detection' in rails.input.flows; did you mean "
          "'injection detection'?");
  refuses(head + "1", "to be a string, got an integer");
  refuses("rails: {input: {flows: self check input}}", "expected 'flows' to be a list, got a string");
}

TEST(Config, ModelsAndPrompts) {
  refuses("models: [{type: main, engine: whorl, model: a, parameters: {model: b}}]", "got both");
  refuses("models: [{type: main, engine: whorl}]", "missing key 'model': the name of an adapter, or 'base'");
  refuses("models: [{engine: whorl, model: a}]", "missing key 'type'");
  refuses("models: [{type: main, engine: whorl, model: a, mode: caht}]", "did you mean 'chat'?");
  refuses("prompts: [{task: self_check_input}]",
          "expected exactly one of 'content' and 'messages', got none");
  refuses("prompts: [{task: self_check_input, content: a, messages: [{type: user, content: b}]}]",
          "got both");
  refuses("prompts: [{task: self_check_input, content: a, output_parser: mine}]",
          "to be one of 'is_content_safe'");
  refuses("prompts: [{task: self_check_input, content: a, max_tokens: 0}]", "from 1 to 4096, got 0");
  refuses("prompts: [{task: self_check_input, messages: ['{{ history }}']}]", "expected a message");
  const std::string flow =
      "rails: {input: {flows: [self check input]}}\nprompts:\n  - task: self_check_input\n    content: ";
  refuses(flow + "'{{ user_inptu }}'", "config.yml:3: prompt 'self_check_input'");
  refuses(flow + "'{{ user_input '", "config.yml:3: prompt 'self_check_input'");
  refuses(flow + "'{{ user_input | colang }}'", "config.yml:3: prompt 'self_check_input'");
  EXPECT_EQ(refusal(flow + "'{{ user_input }}'"), "accepted");
  refuses("rails: {output: {streaming: {chunk_size: 5, context_size: 5}}}",
          "expected context_size below chunk_size (5), got 5");
  refuses("rails: {input: {fail: maybe}}", "to be one of 'open', 'closed', got 'maybe'");
}

TEST(Config, PromptsAreChosenByModel) {
  Config config;
  config.prompts = {{.task = "t", .content = "any"},
                    {.task = "t", .content = "mine", .models = {"whorl/guard"}},
                    {.task = "t", .content = "other", .models = {"openai"}},
                    {.task = "t", .content = "long", .mode = "long"}};
  const ModelEntry mine{.type = "t", .engine = "whorl", .model = "guard", .where = ""};
  EXPECT_EQ(config.prompt_for("t", &mine)->content, "mine");
  EXPECT_EQ(config.prompt_for("t", nullptr)->content, "any");
  EXPECT_EQ(config.prompt_for("u", nullptr), nullptr);
}

// "Not safe" and "Yes, safe" are read as safe by NeMo's parser, and let through.
TEST(Verdicts, TheWholeAnswerCounts) {
  FlowEntry self;
  self.kind = find_flow(Place::input, "self check input");
  const AnswerForm& yes_no = answer_form(self, {});
  EXPECT_EQ(blocks(yes_no, " Yes\n"), true);
  EXPECT_EQ(blocks(yes_no, "no"), false);
  for (const char* text : {"Not safe", "Yes, safe", "I can't help", "", "no no", "yes.", "safe", "nope"})
    EXPECT_EQ(blocks(yes_no, text), std::nullopt) << text;
  self.kind = find_flow(Place::output, "self check facts");
  EXPECT_EQ(blocks(answer_form(self, {}), "yes"), false);
  self.kind = find_flow(Place::input, "llama guard check input");
  EXPECT_EQ(blocks(answer_form(self, {}), "unsafe\nS1,S2"), true);
  EXPECT_EQ(blocks(answer_form(self, {}), "\n\nsafe"), false);
  self.kind = find_flow(Place::input, "topic safety check input");
  EXPECT_EQ(blocks(answer_form(self, {}), "off-topic"), true);
  EXPECT_EQ(blocks(answer_form(self, {}), "not off-topic"), std::nullopt);
  self.kind = find_flow(Place::input, "content safety check input");
  const AnswerForm& json = answer_form(self, {.output_parser = "nemoguard_parse_response_safety"});
  EXPECT_EQ(blocks(json, R"({"User Safety": "safe", "Response Safety": "unsafe"})"), true);
  EXPECT_EQ(blocks(json, R"({"Response Safety": "safe"})"), false);
  EXPECT_EQ(blocks(json, R"({"User Safety": "safe"})"), std::nullopt);
  EXPECT_EQ(blocks(json, "safe"), std::nullopt);
}

TEST(Verdicts, ProbabilityOfTheBlockingWord) {
  FlowEntry self;
  self.kind = find_flow(Place::input, "self check input");
  const AnswerForm& form = answer_form(self, {});
  EXPECT_NEAR(blocking_probability(
                  form, {{"Yes", std::log(.6)}, {" y", std::log(.1)}, {"No", std::log(.1)}, {"x", 0}}),
              .875, 1e-9);
  EXPECT_EQ(blocking_probability(form, {{"maybe", 0}}), -1);
  EXPECT_EQ(blocking_probability(form, {}), -1);
}

struct Folder {
  Folder() {
    path = std::filesystem::path(::testing::TempDir()) / "whorl_guard_config";
    std::filesystem::remove_all(path);
    std::filesystem::create_directories(path / "sub");
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path / name) << text; }
  std::string load() const {
    try {
      load_config(path.string());
    } catch (const std::exception& error) {
      return error.what();
    }
    return "accepted";
  }
  std::filesystem::path path;
};

TEST(Config, FilesOfAFolderAreJoined) {
  const Folder folder;
  folder.write("config.yml",
               "rails: {input: {flows: [injection detection], fail: open}}\nsample_conversation: one");
  folder.write("b.yaml", "rails: {input: {flows: [self check input], fail: closed}}");
  folder.write("sub/prompts.yml",
               "prompts: [{task: self_check_input, content: x}]\nsample_conversation: two");
  folder.write("README.md", "no configuration");
  const Config config = load_config(folder.path.string());
  ASSERT_EQ(config.rail(Place::input).flows.size(), 2u);
  EXPECT_EQ(config.rail(Place::input).flows[0].name, "self check input");  // b.yaml goes before config.yml
  EXPECT_EQ(config.rail(Place::input).policy.fail_open, true);             // the last file counts
  EXPECT_EQ(config.sample_conversation, "two");
  folder.write("rails.co", "define flow");
  EXPECT_NE(folder.load().find("rails.co: Colang is not run"), std::string::npos);
  std::filesystem::remove(folder.path / "rails.co");
  folder.write("actions.py", "");
  EXPECT_NE(folder.load().find("actions.py: Python actions are not run"), std::string::npos);
  std::filesystem::remove(folder.path / "actions.py");
  folder.write("sub/z.yml", "a: [");
  EXPECT_NE(folder.load().find("sub/z.yml:2: not valid YAML"), std::string::npos) << folder.load();
}

TEST(Config, EmptyAndMissing) {
  const Folder folder;
  EXPECT_NE(folder.load().find("expected a *.yml or *.yaml file, found none"), std::string::npos);
  EXPECT_THROW(load_config((folder.path / "none.yml").string()), std::runtime_error);
  refuses("[1, 2]", "expected a mapping");
  refuses("just text", "expected a mapping");
}

}  // namespace
}  // namespace whorl::guard
