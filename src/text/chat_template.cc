#include "text/chat_template.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "text/bridge.h"

namespace whorl::text {
namespace {

using Json = nlohmann::ordered_json;

// Tokens that end a turn in the well-known families.
constexpr const char* kEndOfTurn[] = {"<|im_end|>",
                                      "<|eot_id|>",
                                      "<|eom_id|>",
                                      "<|end|>",
                                      "<|eot|>",
                                      "<end_of_turn>",
                                      "<|return|>",
                                      "<|call|>",
                                      "<turn|>",
                                      "<|endoftext|>",
                                      "</s>",
                                      "<|end_of_text|>",
                                      "<|EOT|>",
                                      "<|END_OF_TURN_TOKEN|>",
                                      "<｜end▁of▁sentence｜>"};

std::vector<std::string> end_of_turn_tokens(const ChatTemplateOptions& options) {
  if (!options.end_of_turn_tokens.empty()) return options.end_of_turn_tokens;
  std::vector<std::string> out(std::begin(kEndOfTurn), std::end(kEndOfTurn));
  const auto eos = options.special_tokens.find("eos_token");
  if (eos != options.special_tokens.end()) out.push_back(eos->second);
  return out;
}

std::string dump(const Json& json, const char* what) {
  try {
    return json.dump();
  } catch (const Json::exception&) {
    base::invalid("[ChatTemplate] expected ", what, " to be UTF-8");
  }
}

whorl_chat_input make_input(std::string_view messages_json, const RenderOptions& options) {
  using std::chrono::system_clock;
  whorl_chat_input input{};
  input.messages = messages_json.data();
  input.messages_size = messages_json.size();
  input.tools = options.tools_json.data();
  input.tools_size = options.tools_json.size();
  input.extra = options.extra_json.data();
  input.extra_size = options.extra_json.size();
  input.now = options.now ? *options.now : system_clock::to_time_t(system_clock::now());
  input.add_generation_prompt = options.add_generation_prompt;
  return input;
}

std::vector<ByteRange> take_ranges(const std::size_t (*ranges)[2], std::size_t count) {
  std::vector<ByteRange> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back({ranges[i][0], ranges[i][1]});
  return out;
}

}  // namespace

struct ChatTemplate::Body {
  Body(whorl_template* chat_template, std::string_view text) : handle(chat_template), source(text) {}
  ~Body() { whorl_template_free(handle); }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  whorl_template* handle;
  std::string source;
};

ChatTemplate::ChatTemplate(std::string_view source, ChatTemplateOptions options) {
  const std::string specials = dump(Json(options.special_tokens), "the special tokens");
  const std::string ends = dump(Json(end_of_turn_tokens(options)), "the end-of-turn tokens");
  whorl_template* handle = nullptr;
  whorl_bytes error{};
  check_call(whorl_template_new(source.data(), source.size(), specials.data(), specials.size(), ends.data(),
                                ends.size(), options.fuel, options.max_output_bytes, &handle, &error),
             error, "ChatTemplate");
  if (options.refuse_undefined) whorl_template_refuse_undefined(handle);
  body_ = std::make_shared<const Body>(handle, source);
}

std::string ChatTemplate::render_text(std::string_view messages_json, const RenderOptions& options) const {
  const whorl_chat_input input = make_input(messages_json, options);
  whorl_bytes out{}, error{};
  check_call(whorl_template_render_text(body_->handle, &input, &out, &error), error,
             "ChatTemplate.render_text");
  return take(out);
}

RenderedChat ChatTemplate::render(std::string_view messages_json, const RenderOptions& options) const {
  const whorl_chat_input input = make_input(messages_json, options);
  whorl_chat chat{};
  whorl_bytes error{};
  check_call(whorl_template_render(body_->handle, &input, &chat, &error), error, "ChatTemplate.render");
  RenderedChat out;
  out.text = std::string(chat.text.data ? std::string_view(chat.text.data, chat.text.size) : "");
  for (std::size_t i = 0; i < chat.span_count; ++i) {
    const whorl_span& span = chat.spans[i];
    out.assistant.push_back({{span.begin, span.end}, span.message, span.terminated});
  }
  out.untrusted = take_ranges(chat.untrusted, chat.untrusted_count);
  out.assistant_content = take_ranges(chat.content, chat.content_count);
  out.method = chat.by_prefix ? "prefix" : "provenance";
  whorl_chat_free(chat);
  return out;
}

const std::string& ChatTemplate::source() const { return body_->source; }

bool ChatTemplate::uses_clock() const { return whorl_template_uses_clock(body_->handle); }

}  // namespace whorl::text
