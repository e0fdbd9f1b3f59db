// Renderings equal those of transformers, and so do the assistant spans, without its generation tags.
#include <nlohmann/json.hpp>

#include "text/fixtures.h"

namespace whorl::text {
namespace {

using Json = nlohmann::ordered_json;

const Json& goldens() {
  static const Json json = Json::parse(read_file(source_dir() / "tests/text/golden/templates.json"));
  return json;
}

struct Rendering {
  std::string messages, tools, extra;
  RenderOptions options;

  Rendering(const Json& conversation, bool generate) {
    messages = conversation["messages"].dump();
    if (conversation.contains("tools")) tools = conversation["tools"].dump();
    if (conversation.contains("extra")) extra = conversation["extra"].dump();
    options.tools_json = tools;
    options.extra_json = extra;
    options.add_generation_prompt = generate;
    options.now = goldens()["now"].get<std::int64_t>();
  }
};

std::string name_of(const Json& golden) {
  return golden["template"].get<std::string>() + " conversation " + golden["conversation"].dump() +
         (golden["generate"].get<bool>() ? " with generation prompt" : "");
}

template <class Check>
void for_each_golden(bool keep_generation_tags, Check&& check) {
  for (const Json& golden : goldens()["cases"]) {
    SCOPED_TRACE(name_of(golden));
    const ChatTemplate chat(template_source(golden["template"], keep_generation_tags), template_options());
    check(golden, chat,
          Rendering(goldens()["conversations"][golden["conversation"].get<int>()], golden["generate"]));
  }
}

TEST(TemplateGolden, TextEqualsTransformers) {
  for_each_golden(true, [](const Json& golden, const ChatTemplate& chat, const Rendering& rendering) {
    if (golden.contains("error")) {
      EXPECT_THROW(chat.render_text(rendering.messages, rendering.options), std::invalid_argument);
      return;
    }
    EXPECT_EQ(chat.render_text(rendering.messages, rendering.options), golden["text"].get<std::string>());
  });
}

TEST(TemplateGolden, SpansEqualGenerationBlocksWithoutSeeingThem) {
  int spans = 0;
  for_each_golden(false, [&](const Json& golden, const ChatTemplate& chat, const Rendering& rendering) {
    if (golden.contains("error") || golden["generate"].get<bool>()) return;
    const RenderedChat rendered = chat.render(rendering.messages, rendering.options);
    EXPECT_EQ(rendered.text, golden["text"].get<std::string>());
    EXPECT_EQ(rendered.method, "provenance");
    Json got = Json::array();
    for (const AssistantSpan& span : rendered.assistant) {
      EXPECT_TRUE(span.terminated);
      got.push_back({span.bytes.begin, span.bytes.end});
      ++spans;
    }
    // Without thinking, the generation prompt itself writes the empty thoughts: the turn begins behind them.
    if (!rendering.extra.empty() && golden["template"] == "qwen3.jinja") {
      for (const AssistantSpan& span : rendered.assistant) {
        EXPECT_EQ(rendered.text.substr(span.bytes.begin, span.bytes.end - span.bytes.begin), "y<|im_end|>");
      }
      return;
    }
    EXPECT_EQ(got, golden["spans"]);
  });
  EXPECT_GT(spans, 100);
}

// A planted fault: spans that are off by one byte, or that miss one turn, must not pass for equal.
TEST(TemplateGolden, ComparisonSeesASingleByte) {
  const Json& golden = goldens()["cases"][0];
  Json shifted = golden["spans"];
  shifted[0][1] = shifted[0][1].get<int>() - 1;
  EXPECT_NE(shifted, golden["spans"]);
}

}  // namespace
}  // namespace whorl::text
