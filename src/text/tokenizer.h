#pragma once
// Tokenizers in the Hugging Face `tokenizer.json` format, exact by construction: the ids come from the
// reference implementation itself. A Tokenizer is immutable and cheap to copy (copies share one body);
// every const member may be called from any number of threads at once.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::text {

using TokenId = std::int32_t;

// Half-open byte range [begin, end) of a UTF-8 text.
struct ByteRange {
  std::size_t begin = 0;
  std::size_t end = 0;
  bool operator==(const ByteRange&) const = default;
};

// `ranges[i]` holds the bytes of the text that `ids[i]` stands for. Ranges never overlap when the tokenizer
// does not rewrite the text; a character split over several tokens is split at the right bytes. A token that
// the tokenizer added by itself (BOS, EOS) has an empty range.
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<ByteRange> ranges;
};

struct TrainBpeOptions {
  std::size_t vocab_size = 4096;                 // upper bound, special tokens and the 256 bytes included
  std::vector<std::string> special_tokens = {};  // get the first ids, in this order
  std::size_t min_frequency = 2;                 // pairs rarer than this are not merged
  bool split_digits = true;                      // one token per digit: numbers can be copied digit by digit
};

class Tokenizer {
 public:
  // std::invalid_argument if the file cannot be read or is not a sound tokenizer.json.
  static Tokenizer from_file(const std::filesystem::path& tokenizer_json);
  static Tokenizer from_json(std::string_view json);

  // Byte-level BPE. `next` yields one text at a time until it returns an empty optional. The same texts in
  // the same order give the same tokenizer, byte for byte, on every machine and for every thread count.
  static Tokenizer train_bpe(const std::function<std::optional<std::string>()>& next,
                             const TrainBpeOptions& options);
  static Tokenizer train_bpe(std::span<const std::string> texts, const TrainBpeOptions& options);

  // `text` must be valid UTF-8 (std::invalid_argument names the first bad byte). `add_special_tokens` adds
  // what the file's post-processor adds, often BOS; a rendered chat usually has it already: pass false.
  // Special-token text inside `text` becomes that special token.
  std::vector<TokenId> encode(std::string_view text, bool add_special_tokens) const;
  Encoding encode_with_offsets(std::string_view text, bool add_special_tokens) const;

  // The whole text is a user's: what looks like a special token is spelled out in ordinary tokens.
  std::vector<TokenId> encode_ordinary(std::string_view text) const;

  // Control tokens are recognised only where they do not touch an untrusted range (sorted, disjoint);
  // inside they are ordinary text. Equal to encode_with_offsets when no untrusted range contains one.
  Encoding encode_segments(std::string_view text, std::span<const ByteRange> untrusted,
                           bool add_special_tokens = false) const;

  // Ids without a token decode to nothing, as in the reference. Bytes that are not UTF-8 become U+FFFD.
  std::string decode(std::span<const TokenId> ids, bool skip_special_tokens) const;

  // Number of ids, added tokens included. A model's embedding may have more rows (padding).
  std::size_t vocab_size() const;
  std::optional<TokenId> token_to_id(std::string_view token) const;
  std::optional<std::string> id_to_token(TokenId id) const;
  // The bytes that the token adds to a text (one byte for `<0x0A>`); empty for an id without a token.
  std::string id_bytes(TokenId id) const;
  bool is_special(TokenId id) const;
  // Every token that encode_segments treats as control: special tokens, and added tokens written as a
  // marker, `<...>` or `[...]`.
  std::vector<std::string> control_tokens() const;
  std::vector<std::string> special_tokens() const;

  std::string to_json() const;

  struct Body;
  const Body& body() const { return *body_; }

 private:
  friend class StreamDecoder;
  explicit Tokenizer(std::shared_ptr<const Body> body) : body_(std::move(body)) {}
  std::shared_ptr<const Body> body_;
};

// Decodes one sequence token by token. The texts returned by `push` and `finish`, joined, equal
// `decode` of all the ids, and each of them is valid UTF-8: an unfinished character is held back.
// Not thread-safe; one decoder per sequence.
class StreamDecoder {
 public:
  StreamDecoder(Tokenizer tokenizer, bool skip_special_tokens);
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;
  ~StreamDecoder();

  std::string push(TokenId id);
  // What was held back; U+FFFD where the sequence ended inside a character. Starts a new sequence.
  std::string finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace whorl::text
