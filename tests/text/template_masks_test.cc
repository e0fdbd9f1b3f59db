// Spans on thousands of random conversations: every word of the assistant is recovered from its span, and
// no word of anybody else is in one.
#include <map>

#include "text/fixtures.h"

namespace whorl::text {
namespace {

struct Turn {
  std::string role, word, call_word;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15 + 1) {}
  std::size_t below(std::size_t n) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return (state_ >> 11) % n;
  }

 private:
  std::uint64_t state_;
};

const char* kEnds[] = {"<|im_end|>", "<|eot_id|>", "<|end|>", "</s>", "<end_of_turn>"};

std::string quoted(const std::string& text) {
  std::string out(1, '"');
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  out += '"';
  return out;
}

// Words around the sentinel that try to confuse: white space, quotes, markup, other people's tokens.
std::string around(Dice& dice, const std::string& word) {
  static const char* kBefore[] = {"", " ", "\n\n", "\"", "世界 ", "{{ x }} ", "<|user|>\n", "{% if %}", "\\"};
  static const char* kAfter[] = {"", "  ", "\n", "\"", " 😀", "}}", "<|assistant|>", "\\n", "<tool_call>"};
  return kBefore[dice.below(9)] + word + kAfter[dice.below(9)];
}

struct Conversation {
  std::vector<Turn> turns;
  std::string json = "[";
};

bool has_tools(const std::string& name) {
  return name == "llama3.jinja" || name == "mistral.jinja" || name == "qwen2.jinja" || name == "qwen3.jinja";
}

Conversation random_conversation(const std::string& name, Dice& dice) {
  Conversation out;
  int count = 0;
  const auto add = [&](const std::string& role, const std::string& extra, const std::string& content,
                       Turn turn) {
    if (out.json.size() > 1) out.json += ',';
    out.json += "{\"role\":\"" + role + "\",\"content\":" + quoted(content) + extra + "}";
    out.turns.push_back(std::move(turn));
  };
  const auto word = [&] {
    return std::string("w")
        .append(std::to_string(count++))
        .append("x")
        .append(std::to_string(dice.below(1000000)))
        .append("w");
  };
  const auto say = [&](const std::string& role, const std::string& extra = "") {
    const std::string w = word();
    add(role, extra, around(dice, w), {role, w, ""});
  };
  if (name != "gemma.jinja" && dice.below(2)) say("system");
  const std::size_t rounds = 1 + dice.below(4);
  for (std::size_t i = 0; i < rounds; ++i) {
    say("user");
    if (has_tools(name) && dice.below(3) == 0) {
      const std::string w = word();
      add("assistant",
          ",\"tool_calls\":[{\"id\":\"abcdefghi\",\"type\":\"function\",\"function\":{\"name\":\"find\","
          "\"arguments\":{\"q\":" +
              quoted(around(dice, w)) + ",\"n\":" + std::to_string(dice.below(9)) + "}}}]",
          "", {"assistant", "", w});
      say("tool", ",\"tool_call_id\":\"abcdefghi\"");
    }
    if (i + 1 < rounds || dice.below(4)) say("assistant");
  }
  out.json += "]";
  return out;
}

std::string bytes_of(const std::string& text, ByteRange range) {
  return text.substr(range.begin, range.end - range.begin);
}

bool inside_any(const std::vector<ByteRange>& ranges, std::size_t begin, std::size_t end) {
  for (const ByteRange& range : ranges)
    if (range.begin <= begin && end <= range.end) return true;
  return false;
}

// Empty if the spans of a rendering are right for the conversation, else what is wrong.
std::string fault_in(const Conversation& conversation, const RenderedChat& chat) {
  std::map<std::size_t, const AssistantSpan*> spans;
  std::size_t at = 0;
  for (const AssistantSpan& span : chat.assistant) {
    if (span.bytes.begin < at || span.bytes.end > chat.text.size()) return "spans overlap or leave the text";
    at = span.bytes.end;
    spans[span.message_index] = &span;
  }
  for (std::size_t k = 0; k < conversation.turns.size(); ++k) {
    const Turn& turn = conversation.turns[k];
    if (turn.role != "assistant") {
      if (spans.count(k)) return "a span for somebody else's message";
      const std::size_t word = chat.text.find(turn.word);
      if (word == std::string::npos) continue;
      for (const AssistantSpan& span : chat.assistant)
        if (span.bytes.begin < word + turn.word.size() && word < span.bytes.end)
          return "a user's word in a span";
      if (!inside_any(chat.untrusted, word, word + turn.word.size())) return "a user's word is not untrusted";
      continue;
    }
    if (!spans.count(k)) return "no span for an assistant message";
    const std::string own = bytes_of(chat.text, spans[k]->bytes);
    const std::string& word = turn.word.empty() ? turn.call_word : turn.word;
    if (own.find(word) == std::string::npos) return "the assistant's word is not in its span: " + own;
    if (!spans[k]->terminated) return "no end-of-turn token in the span";
    bool ends = false;
    for (const char* end : kEnds) ends |= own.ends_with(end);
    if (!ends) return "the span does not end with the end-of-turn token: " + own;
    if (own.find("assistant\n") == 0 || own.find("<|start") == 0) return "the header is in the span";
  }
  return "";
}

class TemplateMasks : public testing::TestWithParam<std::string> {};

TEST_P(TemplateMasks, RandomConversations) {
  const ChatTemplate chat(template_source(GetParam(), false), template_options());
  constexpr int kConversations = 2000;
  int refused = 0;
  for (int i = 0; i < kConversations; ++i) {
    Dice dice(static_cast<std::uint64_t>(i) + 1);
    const Conversation conversation = random_conversation(GetParam(), dice);
    RenderedChat rendered;
    try {
      rendered = chat.render(conversation.json, {.now = 0});
    } catch (const std::invalid_argument& error) {
      ++refused;
      EXPECT_NE(std::string(error.what()).find("the template refuses"), std::string::npos) << error.what();
      continue;
    }
    EXPECT_EQ(rendered.text, chat.render_text(conversation.json, {.now = 0}));
    ASSERT_EQ(fault_in(conversation, rendered), "") << conversation.json << "\n" << rendered.text;
  }
  EXPECT_LT(refused, kConversations / 2);
}

// Planted faults: the checker must see a shifted, widened, lost or swapped span.
TEST_P(TemplateMasks, CheckerSeesPlantedFaults) {
  const ChatTemplate chat(template_source(GetParam(), false), template_options());
  const std::string json = R"([{"role":"user","content":"w1w"},{"role":"assistant","content":"w2w"},)"
                           R"({"role":"user","content":"w3w"},{"role":"assistant","content":"w4w"}])";
  const Conversation conversation{
      {{"user", "w1w", ""}, {"assistant", "w2w", ""}, {"user", "w3w", ""}, {"assistant", "w4w", ""}}, json};
  const RenderedChat good = chat.render(json, {.now = 0});
  ASSERT_EQ(fault_in(conversation, good), "");
  const auto planted = [&](auto&& change) {
    RenderedChat bad = good;
    change(bad);
    return fault_in(conversation, bad);
  };
  EXPECT_NE(planted([](RenderedChat& c) { c.assistant[0].bytes.end -= 1; }), "");
  EXPECT_NE(planted([](RenderedChat& c) { c.assistant[1].bytes.begin = c.assistant[0].bytes.end; }), "");
  EXPECT_NE(planted([](RenderedChat& c) { c.assistant.pop_back(); }), "");
  EXPECT_NE(
      planted([](RenderedChat& c) { std::swap(c.assistant[0].message_index, c.assistant[1].message_index); }),
      "");
  EXPECT_NE(planted([](RenderedChat& c) { c.untrusted.clear(); }), "");
}

INSTANTIATE_TEST_SUITE_P(All, TemplateMasks, testing::ValuesIn(template_names()),
                         [](const auto& each) { return each.param.substr(0, each.param.find('.')); });

RenderedChat render(const std::string& source, const std::string& messages, const std::string& tools = "") {
  RenderOptions options;
  options.tools_json = tools;
  return ChatTemplate(source, template_options()).render(messages, options);
}

TEST(TemplateMaskRefusal, CutsMessagesByThemselves) {
  // The template looks at single characters: marks would change what it sees.
  const std::string source =
      "{% for m in messages %}<|{{ m.role }}|>{% if m.content[0] == 'A' %}!{% endif %}{{ m.content }}<|end|>"
      "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
  const RenderedChat chat =
      render(source, R"([{"role":"user","content":"Aha"},{"role":"assistant","content":"An"}])");
  EXPECT_EQ(chat.method, "prefix");
  ASSERT_EQ(chat.assistant.size(), 1u);
  EXPECT_EQ(bytes_of(chat.text, chat.assistant[0].bytes), "!An<|end|>");
  ASSERT_EQ(chat.untrusted.size(), 1u);
  EXPECT_EQ(bytes_of(chat.text, chat.untrusted[0]), "Aha");
}

TEST(TemplateMaskRefusal, NamesTheFilterItCannotFollow) {
  const std::string source =
      "{% for m in messages %}<|{{ loop.revindex }}{{ m.role }}|>{{ m.content | reverse }}<|end|>{% endfor "
      "%}";
  const std::string message = refusal(
      [&] { render(source, R"([{"role":"user","content":"abc"},{"role":"assistant","content":"def"}])"); });
  EXPECT_NE(message.find("reverse"), std::string::npos) << message;
}

TEST(TemplateMaskRefusal, CharactersThatMarkOrigins) {
  const std::string source = template_source("chatml.jinja", false);
  const RenderedChat chat = render(source,
                                   "[{\"role\":\"user\",\"content\":\"a\xF3\xB0\x80\x80z\"},"
                                   "{\"role\":\"assistant\",\"content\":\"b\"}]");
  EXPECT_EQ(chat.method, "prefix");
  EXPECT_EQ(bytes_of(chat.text, chat.assistant.at(0).bytes), "b<|im_end|>");
}

TEST(TemplateMasks, TurnWithoutTerminatorDoesNotTakeTheNextOne) {
  const std::string source =
      "{% for m in messages %}{% if m.role == 'assistant' %}A: {{ m.content }}\n{% else %}U: {{ m.content "
      "}}<|end|>"
      "{% endif %}{% endfor %}";
  for (const char* next : {"more", ""}) {
    const RenderedChat chat = render(
        source, std::string(R"([{"role":"user","content":"q"},)") +
                    R"({"role":"assistant","content":"yes"},{"role":"user","content":")" + next + "\"}]");
    ASSERT_EQ(chat.assistant.size(), 1u);
    EXPECT_FALSE(chat.assistant[0].terminated);
    EXPECT_TRUE(bytes_of(chat.text, chat.assistant[0].bytes).ends_with("yes"));
  }
}

TEST(TemplateMasks, KeysAndToolTextsAreUntrustedToo) {
  const RenderedChat chat =
      render(template_source("qwen2.jinja", false), R"([{"role":"user","content":"q"}])",
             R"([{"type":"function","function":{"name":"f","description":"d<|im_end|>",)"
             R"("parameters":{"type":"object","properties":{"<|im_start|>":{"type":"string"}}}}}])");
  for (const char* token : {"d<|im_end|>", "\"<|im_start|>\""}) {
    const std::size_t at = chat.text.find(token);
    ASSERT_NE(at, std::string::npos);
    const std::size_t skip = token[0] == '"';
    EXPECT_TRUE(inside_any(chat.untrusted, at + skip, at + std::string(token).size() - skip)) << token;
  }
}

TEST(TemplateMasks, StringArgumentsBecomeWhatTheTemplateWants) {
  const std::string call =
      R"([{"role":"user","content":"q"},{"role":"assistant","content":"",)"
      R"("tool_calls":[{"function":{"name":"f","arguments":"{\"b\": 1.50, \"a\": [1e3]}"}}]}])";
  EXPECT_NE(render(template_source("qwen2.jinja", false), call)
                .text.find(R"("arguments": {"b": 1.50, "a": [1e3]}})"),
            std::string::npos);
}

}  // namespace
}  // namespace whorl::text
