#include "text/tokenizer.h"

#include <fstream>
#include <sstream>

#include "text/bridge.h"
#include "text/tokenizer_body.h"

namespace whorl::text {
namespace {

std::shared_ptr<const Tokenizer::Body> own(whorl_tokenizer* handle) {
  return std::make_shared<const Tokenizer::Body>(handle);
}

Encoding take_encoding(const whorl_encoding& encoding) {
  Encoding out;
  out.ids.assign(encoding.ids, encoding.ids + encoding.size);
  if (encoding.begins) {
    out.ranges.reserve(encoding.size);
    for (std::size_t i = 0; i < encoding.size; ++i)
      out.ranges.push_back({encoding.begins[i], encoding.ends[i]});
  }
  whorl_encoding_free(encoding);
  return out;
}

std::vector<std::string> split_at_nul(const std::string& joined) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < joined.size();) {
    out.emplace_back(joined.c_str() + at);
    at += out.back().size() + 1;
  }
  return out;
}

// Exceptions of the caller's function wait here until the library has returned.
struct TextSource {
  const std::function<std::optional<std::string>()>& next;
  std::string current;
  std::exception_ptr thrown;

  static bool step(void* context, const char** data, std::size_t* size) {
    auto& self = *static_cast<TextSource*>(context);
    try {
      auto text = self.next();
      if (!text) return false;
      self.current = std::move(*text);
    } catch (...) {
      self.thrown = std::current_exception();
      return false;
    }
    *data = self.current.data();
    *size = self.current.size();
    return true;
  }
};

}  // namespace

Tokenizer::Body::~Body() { whorl_tokenizer_free(handle); }

Tokenizer Tokenizer::from_file(const std::filesystem::path& tokenizer_json) {
  std::ifstream in(tokenizer_json, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) {
    base::invalid("[Tokenizer.from_file] cannot read ", tokenizer_json.string());
  }
  whorl_tokenizer* handle = nullptr;
  whorl_bytes error{};
  const std::string json = text.str();
  check_call(whorl_tokenizer_from_json(json.data(), json.size(), &handle, &error), error,
             "Tokenizer.from_file] " + tokenizer_json.string() + " [tokenizer.json");
  return Tokenizer(own(handle));
}

Tokenizer Tokenizer::from_json(std::string_view json) {
  whorl_tokenizer* handle = nullptr;
  whorl_bytes error{};
  check_call(whorl_tokenizer_from_json(json.data(), json.size(), &handle, &error), error,
             "Tokenizer.from_json");
  return Tokenizer(own(handle));
}

Tokenizer Tokenizer::train_bpe(const std::function<std::optional<std::string>()>& next,
                               const TrainBpeOptions& options) {
  std::string special;
  for (const std::string& token : options.special_tokens) {
    base::check_argument(token.find('\0') == std::string::npos,
                         "[Tokenizer.train_bpe] expected special tokens without NUL bytes");
    special += token + '\0';
  }
  TextSource source{next, {}, nullptr};
  whorl_tokenizer* handle = nullptr;
  whorl_bytes error{};
  const int code =
      whorl_tokenizer_train_bpe(&TextSource::step, &source, options.vocab_size, options.min_frequency,
                                options.split_digits, special.data(), special.size(), &handle, &error);
  if (source.thrown) {
    if (code == 0)
      whorl_tokenizer_free(handle);
    else
      whorl_bytes_free(error);
    std::rethrow_exception(source.thrown);
  }
  check_call(code, error, "Tokenizer.train_bpe");
  return Tokenizer(own(handle));
}

Tokenizer Tokenizer::train_bpe(std::span<const std::string> texts, const TrainBpeOptions& options) {
  std::size_t at = 0;
  return train_bpe(
      [&]() -> std::optional<std::string> {
        if (at == texts.size()) return std::nullopt;
        return texts[at++];
      },
      options);
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool add_special_tokens) const {
  whorl_encoding encoding{};
  whorl_bytes error{};
  check_call(whorl_tokenizer_encode(body_->handle, text.data(), text.size(), add_special_tokens, false,
                                    &encoding, &error),
             error, "Tokenizer.encode");
  return take_encoding(encoding).ids;
}

Encoding Tokenizer::encode_with_offsets(std::string_view text, bool add_special_tokens) const {
  whorl_encoding encoding{};
  whorl_bytes error{};
  check_call(whorl_tokenizer_encode(body_->handle, text.data(), text.size(), add_special_tokens, true,
                                    &encoding, &error),
             error, "Tokenizer.encode_with_offsets");
  return take_encoding(encoding);
}

std::vector<TokenId> Tokenizer::encode_ordinary(std::string_view text) const {
  const ByteRange all{0, text.size()};
  return encode_segments(text, {&all, 1}, false).ids;
}

Encoding Tokenizer::encode_segments(std::string_view text, std::span<const ByteRange> untrusted,
                                    bool add_special_tokens) const {
  static_assert(sizeof(ByteRange) == sizeof(std::size_t[2]));
  whorl_encoding encoding{};
  whorl_bytes error{};
  const auto* ranges = reinterpret_cast<const std::size_t(*)[2]>(untrusted.data());
  check_call(whorl_tokenizer_encode_segments(body_->handle, text.data(), text.size(), ranges,
                                             untrusted.size(), add_special_tokens, &encoding, &error),
             error, "Tokenizer.encode_segments");
  return take_encoding(encoding);
}

std::string Tokenizer::decode(std::span<const TokenId> ids, bool skip_special_tokens) const {
  whorl_bytes out{}, error{};
  check_call(whorl_tokenizer_decode(body_->handle, ids.data(), ids.size(), skip_special_tokens, &out, &error),
             error, "Tokenizer.decode");
  return take(out);
}

std::size_t Tokenizer::vocab_size() const { return whorl_tokenizer_vocab_size(body_->handle); }

std::optional<TokenId> Tokenizer::token_to_id(std::string_view token) const {
  const auto id = whorl_tokenizer_token_to_id(body_->handle, token.data(), token.size());
  if (id < 0) return std::nullopt;
  return static_cast<TokenId>(id);
}

std::optional<std::string> Tokenizer::id_to_token(TokenId id) const {
  whorl_bytes out{};
  if (!whorl_tokenizer_id_to_token(body_->handle, static_cast<std::uint32_t>(id), &out)) return std::nullopt;
  return take(out);
}

std::string Tokenizer::id_bytes(TokenId id) const {
  whorl_bytes out{};
  whorl_tokenizer_id_bytes(body_->handle, static_cast<std::uint32_t>(id), &out);
  return take(out);
}

bool Tokenizer::is_special(TokenId id) const {
  return whorl_tokenizer_is_special(body_->handle, static_cast<std::uint32_t>(id));
}

std::vector<std::string> Tokenizer::control_tokens() const {
  whorl_bytes out{};
  whorl_tokenizer_added_tokens(body_->handle, false, &out);
  return split_at_nul(take(out));
}

std::vector<std::string> Tokenizer::special_tokens() const {
  whorl_bytes out{};
  whorl_tokenizer_added_tokens(body_->handle, true, &out);
  return split_at_nul(take(out));
}

std::string Tokenizer::to_json() const {
  whorl_bytes out{}, error{};
  check_call(whorl_tokenizer_to_json(body_->handle, &out, &error), error, "Tokenizer.to_json");
  return take(out);
}

}  // namespace whorl::text
