// Templates come out of model files: whatever they do, they end soon, in a text or in an error.
#include <chrono>

#include "text/fixtures.h"

namespace whorl::text {
namespace {

const char* kHello = R"([{"role":"user","content":"hello"},{"role":"assistant","content":"hi"}])";

std::string refused(const std::string& source, const std::string& messages = kHello) {
  const auto start = std::chrono::steady_clock::now();
  const std::string message =
      refusal([&] { ChatTemplate(source, template_options()).render_text(messages); });
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)) << source;
  return message;
}

TEST(TemplateHostile, EndlessWork) {
  EXPECT_NE(
      refused(
          "{% for i in range(99999) %}{% for j in range(99999) %}{% set x = i * j %}{% endfor %}{% endfor %}")
          .find("fuel"),
      std::string::npos);
  for (const char* source : {
           "{% for i in range(100000) %}{% for j in range(100000) %}{{ 'x' * 1000 }}{% endfor %}{% endfor %}",
           "{% for i in range(10000000000) %}x{% endfor %}",
           "{{ 'x' * 10000000000 }}",
           "{{ ('x' * 1000000) * 1000000 }}",
           "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% "
           "endfor %}{{ ns.x | length }}",
           "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}{% set ns.x = ns.x | replace('a', "
           "'aa') %}{% endfor %}{{ ns.x | length }}",
           "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = (ns.x + ns.x) | list %}{% "
           "endfor %}{{ ns.x | length }}",
           "{{ '%100000000000d' | format(1) }}",
           "{{ range(100000) | join('x' * 100000) }}",
           "{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}",
           "{%- for a in 'x' * 100000 -%}{%- for b in 'x' * 100000 -%}{%- for c in 'x' * 100000 -%}{%- "
           "endfor -%}{%- endfor -%}{%- endfor -%}",
       }) {
    SCOPED_TRACE(source);
    EXPECT_NE(refused(source), "");
  }
}

TEST(TemplateHostile, DeepNesting) {
  std::string parentheses, blocks, lists;
  for (int i = 0; i < 20000; ++i) {
    parentheses += '(';
    lists += '[';
    blocks += "{% if true %}";
  }
  for (const std::string& source : {"{{ " + parentheses, "{{ " + lists, blocks})
    EXPECT_NE(refused(source), "");
  // Values nested by the template itself, written out or merely dropped at the end.
  for (const char* use :
       {"", "{{ ns.x }}", "{{ ns.x | tojson }}", "{{ ns.x == ns.x }}", "{{ ns.x | string | length }}"}) {
    const std::string source =
        std::string(
            "{% set ns = namespace(x=[]) %}{% for j in range(8) %}{% for i in range(90000) %}"
            "{% set ns.x = [ns.x] %}{% endfor %}{% endfor %}") +
        use;
    SCOPED_TRACE(use);
    try {
      ChatTemplate(source, template_options()).render_text(kHello);
    } catch (const std::exception&) {
    }
  }
  std::string messages = R"([{"role":"user","content":)";
  EXPECT_NE(refused("{{ messages | tojson }}", messages + std::string(100000, '[')), "");
}

TEST(TemplateHostile, OutputCap) {
  ChatTemplateOptions options = template_options();
  options.max_output_bytes = 1000;
  const ChatTemplate chat("{% for i in range(300) %}abcd{% endfor %}", options);
  EXPECT_NE(refusal([&] { chat.render_text(kHello); }).find("more than 1000 bytes"), std::string::npos);
  options.max_output_bytes = 1200;
  EXPECT_EQ(ChatTemplate("{% for i in range(300) %}abcd{% endfor %}", options).render_text(kHello).size(),
            1200u);
}

TEST(TemplateHostile, ErrorsNameTheLine) {
  EXPECT_NE(refused("a\nb\n{% frobnicate %}").find("line 3"), std::string::npos);
  EXPECT_NE(refused("a\n{{ messages | frobnicate }}").find("line 2"), std::string::npos);
  EXPECT_NE(refused("a\n\n\n{{ messages[0].frobnicate() }}").find("line 4"), std::string::npos);
  EXPECT_NE(refused("{% for m in messages %}").find("line 1"), std::string::npos);
  EXPECT_NE(refused("{{ raise_exception('my own words') }}").find("my own words"), std::string::npos);
  EXPECT_NE(refused("{{ undefined_thing.field }}"), "");
}

// The engine has no Python behind it; these are the well-known ways out of Jinja's sandbox.
TEST(TemplateHostile, NoWayOut) {
  for (const char* source : {
           "{{ ''.__class__.__mro__[1].__subclasses__() }}",
           "{{ self.__init__.__globals__.__builtins__ }}",
           "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
           "{{ messages.__class__.__base__.__subclasses__() }}",
           "{{ raise_exception.__globals__['os'].system('id') }}",
           "{{ ''|attr('__class__')|attr('__mro__')|attr('__getitem__')(1) }}",
           "{% include '/etc/passwd' %}",
           "{% import 'os' as os %}{{ os.system('id') }}",
           "{% extends '/etc/passwd' %}",
           "{{ messages.append(1) }}",
           "{{ '{0.__class__.__mro__}'.format(messages) }}",
       }) {
    SCOPED_TRACE(source);
    EXPECT_NE(refused(source), "");
  }
}

TEST(TemplateHostile, Messages) {
  const std::string source = "{% for m in messages %}{{ m.content }}{% endfor %}";
  for (const char* bad :
       {"", "{}", "[", "[1]", "[{}]", "[{\"role\":1}]", "null", "[{\"role\":\"user\"}] x",
        "[{\"role\":\"user\",\"content\":\"\\ud800\"}]", "[{\"role\":\"user\",\"content\":\"\xFF\"}]",
        "[{\"role\":\"user\",\"content\":\"a\nb\"}]", "[{\"role\":\"user\",\"content\":01}]"}) {
    SCOPED_TRACE(bad);
    EXPECT_NE(refused(source, bad), "");
  }
  RenderOptions options;
  options.tools_json = "{}";
  const ChatTemplate chat(source, template_options());
  EXPECT_THROW(chat.render_text(kHello, options), std::invalid_argument);
  options = {};
  options.extra_json = "[]";
  EXPECT_THROW(chat.render_text(kHello, options), std::invalid_argument);
  EXPECT_THROW(ChatTemplate("\xFF", {}), std::invalid_argument);
}

TEST(TemplateHostile, ClockIsPinned) {
  const ChatTemplate chat("{{ strftime_now('%d %b %Y %H:%M:%S %j %A %-d') }}", template_options());
  EXPECT_TRUE(chat.uses_clock());
  EXPECT_FALSE(ChatTemplate("x", {}).uses_clock());
  EXPECT_EQ(chat.render_text(kHello, {.now = 1709210096}), "29 Feb 2024 12:34:56 060 Thursday 29");
  EXPECT_EQ(chat.render_text(kHello, {.now = 0}), "01 Jan 1970 00:00:00 001 Thursday 1");
  EXPECT_EQ(chat.render_text(kHello, {.now = -1}), "31 Dec 1969 23:59:59 365 Wednesday 31");
}

}  // namespace
}  // namespace whorl::text
