// The first byte chooses: tool calls of each format, a chat template, or a tokenizer.json of any bytes. The
// Rust behind the last two is not instrumented; what is sought there is a crash, a hang or a flood of memory.
#include <cstdint>
#include <stdexcept>
#include <string>

#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "text/tool_calls.h"

namespace {
void fuzz_tool_calls(const std::string& text) {
  using whorl::text::ToolCallFormat;
  for (auto format : {ToolCallFormat::none, ToolCallFormat::hermes, ToolCallFormat::llama3,
                      ToolCallFormat::mistral, ToolCallFormat::json})
    whorl::text::parse_tool_calls(text, format);
}

void fuzz_template(const std::string& text) {
  const whorl::text::ChatTemplate chat(text,
                                       {.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}}});
  chat.render(R"([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}])");
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 3) {
      case 0:
        fuzz_tool_calls(text);
        break;
      case 1:
        fuzz_template(text);
        break;
      default:
        whorl::text::Tokenizer::from_json(text);
    }
  } catch (const std::invalid_argument&) {
  } catch (const std::runtime_error&) {
  }
  return 0;
}
