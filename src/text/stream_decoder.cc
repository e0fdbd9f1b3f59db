#include "text/bridge.h"
#include "text/tokenizer.h"
#include "text/tokenizer_body.h"

namespace whorl::text {

struct StreamDecoder::State {
  explicit State(whorl_stream* stream) : handle(stream) {}
  ~State() { whorl_stream_free(handle); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  whorl_stream* handle;
};

StreamDecoder::StreamDecoder(Tokenizer tokenizer, bool skip_special_tokens)
    : state_(std::make_unique<State>(whorl_stream_new(tokenizer.body().handle, skip_special_tokens))) {}
StreamDecoder::StreamDecoder(StreamDecoder&&) noexcept = default;
StreamDecoder& StreamDecoder::operator=(StreamDecoder&&) noexcept = default;
StreamDecoder::~StreamDecoder() = default;

std::string StreamDecoder::push(TokenId id) {
  whorl_bytes out{}, error{};
  check_call(whorl_stream_push(state_->handle, static_cast<std::uint32_t>(id), &out, &error), error,
             "StreamDecoder.push");
  return take(out);
}

std::string StreamDecoder::finish() {
  whorl_bytes out{}, error{};
  check_call(whorl_stream_finish(state_->handle, &out, &error), error, "StreamDecoder.finish");
  return take(out);
}

}  // namespace whorl::text
