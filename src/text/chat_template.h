#pragma once
// Chat templates (Jinja, as Hugging Face renders them) and the account of where each rendered byte comes
// from. A ChatTemplate is immutable; `render` may be called from any number of threads at once.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace whorl::text {

struct ChatTemplateOptions {
  // Variables the template sees beside the messages: bos_token, eos_token, pad_token, unk_token …
  std::map<std::string, std::string> special_tokens = {};
  // Tokens that end a turn. Empty: eos_token and the well-known ones (<|im_end|>, <|eot_id|>, <|end|>, …).
  std::vector<std::string> end_of_turn_tokens = {};
  std::uint64_t fuel = 2'000'000;            // template instructions per render; more means an endless loop
  std::size_t max_output_bytes = 64u << 20;  // a longer rendering, or intermediate string, is an error
  // Printing a variable that is not there is an error; false: it prints nothing, as Hugging Face's does.
  bool refuse_undefined = false;
};

struct RenderOptions {
  std::string_view tools_json = {};    // JSON list, or empty for none
  bool add_generation_prompt = false;  // end with the header of the turn to be generated
  std::string_view extra_json = {};    // JSON object of further variables (enable_thinking …), or empty
  // What strftime_now() reads, seconds since 1970 (UTC). Pin it where results are cached or compared.
  std::optional<std::int64_t> now = {};
};

// Bytes that the assistant has to produce in one turn.
struct AssistantSpan {
  ByteRange bytes;  // from its first byte to the end-of-turn token, included
  std::size_t message_index = 0;
  bool terminated = false;  // false: the template writes no end-of-turn token here
  bool operator==(const AssistantSpan&) const = default;
};

struct RenderedChat {
  std::string text;
  std::vector<AssistantSpan> assistant;  // in text order, disjoint
  std::vector<ByteRange> untrusted;      // bytes from system, user and tool messages and from tools
  // Content of the assistant's own messages: to be encoded without control tokens too when it is data.
  std::vector<ByteRange> assistant_content;
  std::string method;  // "provenance" or "prefix": how the spans were found
};

class ChatTemplate {
 public:
  // std::invalid_argument with the line if the source is not a template this library understands.
  explicit ChatTemplate(std::string_view source, ChatTemplateOptions options = {});

  // The rendered text only: never refuses because of masks. `messages_json` is a JSON list of objects with
  // role, content, and perhaps tool_calls, tool_call_id, name, reasoning_content. Key order and the
  // spelling of numbers are kept. std::invalid_argument for bad JSON, a template error (with its line; also
  // what the template itself raises by raise_exception), fuel or size exceeded.
  std::string render_text(std::string_view messages_json, const RenderOptions& options = {}) const;

  // The text and where its bytes come from. Refuses (std::invalid_argument) rather than give spans that
  // could not be proved: the rendering with marked strings must equal the plain one byte for byte.
  RenderedChat render(std::string_view messages_json, const RenderOptions& options = {}) const;

  const std::string& source() const;
  // True if the output depends on the date (strftime_now): caches must then pin `now`.
  bool uses_clock() const;

 private:
  struct Body;
  std::shared_ptr<const Body> body_;
};

}  // namespace whorl::text
