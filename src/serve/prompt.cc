#include "serve/prompt.h"

#include <optional>
#include <string_view>

#include "base/check.h"
#include "serve/constraint.h"
#include "text/messages_json.h"

namespace whorl::serve {
namespace {

constexpr const char* kWhere = "[InferenceEngine.submit] ";
using base::check_argument;

bool holds_any(std::string_view text, const std::vector<std::string>& needles) {
  for (const auto& needle : needles)
    if (!needle.empty() && text.find(needle) != std::string_view::npos) return true;
  return false;
}

// No string that came from outside spells a control token, so a plain encoding is safe.
void check_no_control_tokens(const Model::Impl& model, const GenerateRequest& request,
                             const std::vector<Tool>& tools) {
  const auto control = model.tokenizer->control_tokens();
  auto check = [&](const std::string& text) {
    check_argument(!holds_any(text, control), kWhere,
                   "a message or tool spells a control token, and this chat template does not show where its "
                   "text ends up");
  };
  for (const auto& message : request.messages) {
    for (const auto* text :
         {&message.content, &message.name, &message.tool_call_id, &message.reasoning_content})
      check(*text);
    for (const auto& call : message.tool_calls)
      for (const auto* text : {&call.name, &call.arguments, &call.id}) check(*text);
  }
  for (const auto& tool : tools)
    for (const auto* text : {&tool.name, &tool.description, &tool.parameters}) check(*text);
}

std::vector<int32_t> chat_ids(const Model::Impl& model, const GenerateRequest& request) {
  check_argument(model.chat_template != nullptr, kWhere, "messages need a model with a chat template");
  const auto tools = request.tool_choice == "none" ? std::vector<Tool>() : request.tools;
  const std::string messages = text::messages_json(request.messages), described = text::tools_json(tools);
  text::RenderOptions options;
  options.tools_json = described;
  options.add_generation_prompt = true;
  options.extra_json = request.template_variables;
  std::optional<text::RenderedChat> chat;
  try {
    chat = model.chat_template->render(messages, options);
  } catch (
      const std::invalid_argument&) {  // spans that could not be proved, or an error that render_text repeats
  }
  if (chat) return model.tokenizer->encode_segments(chat->text, chat->untrusted).ids;
  const std::string plain = model.chat_template->render_text(messages, options);
  check_no_control_tokens(model, request, tools);
  return model.tokenizer->encode(plain, false);
}

}  // namespace

std::vector<int32_t> prompt_ids(const Model::Impl& model, const GenerateRequest& request) {
  const int given = (request.messages.empty() ? 0 : 1) + (request.prompt.empty() ? 0 : 1) +
                    (request.prompt_ids.empty() ? 0 : 1);
  check_argument(given == 1, kWhere, "expected exactly one of messages, prompt and prompt_ids, got ", given);
  check_argument(!request.prompt_ids.empty() || model.tokenizer, kWhere,
                 "text needs a model with a tokenizer (", model.no_tokenizer, "); use prompt_ids");
  std::vector<int32_t> ids = !request.prompt_ids.empty() ? request.prompt_ids
                             : !request.prompt.empty()   ? model.tokenizer->encode(request.prompt, true)
                                                         : chat_ids(model, request);
  const int64_t vocab = model.config.vocab_size, context = model.config.max_position_embeddings;
  for (const int32_t id : ids)
    check_argument(id >= 0 && id < vocab, kWhere, "expected prompt_ids in [0, ", vocab - 1, "], got ", id);
  check_argument(!ids.empty(), kWhere, "expected a prompt of at least one token, got none");
  check_argument(static_cast<int64_t>(ids.size()) < context, kWhere,
                 "expected a prompt shorter than the model's context of ", context, " tokens, got ",
                 ids.size());
  return ids;
}

text::ToolCallFormat tool_format(const Model::Impl& model, const GenerateRequest& request) {
  if (request.messages.empty() || chosen_tools(request).empty() || !model.chat_template)
    return text::ToolCallFormat::none;
  return text::detect_tool_call_format(model.chat_template->source());
}

}  // namespace whorl::serve
