#ifndef WHORL_TEXT_H_
#define WHORL_TEXT_H_
/* The Rust library behind src/text: tokenizers, chat templates, grammars. Only src/text includes this.
 *
 * Ownership: what a call writes to `out` belongs to the caller and goes back through the matching _free.
 * Strings in are (pointer, size), UTF-8, and only read during the call.
 * Results: 0 done; 1 the caller's fault; 2 the library's. Then, and only then, `error` holds a message,
 * which the caller frees with whorl_bytes_free. No call throws, prints or ends the process.
 * Threads: handles of tokenizers, templates and vocabularies may be used by many threads at once; streams
 * and sequences by one at a time. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct whorl_tokenizer whorl_tokenizer;
typedef struct whorl_stream whorl_stream;
typedef struct whorl_template whorl_template;
typedef struct whorl_vocabulary whorl_vocabulary;
typedef struct whorl_sequence whorl_sequence;

typedef struct {
  char* data; /* null when empty; not terminated */
  size_t size;
} whorl_bytes;
void whorl_bytes_free(whorl_bytes bytes);

/* ---- tokenizers ---- */

typedef struct {
  uint32_t* ids;
  size_t* begins; /* null without offsets */
  size_t* ends;
  size_t size;
} whorl_encoding;
void whorl_encoding_free(whorl_encoding encoding);

int32_t whorl_tokenizer_from_json(const char* json, size_t size, whorl_tokenizer** out, whorl_bytes* error);
/* `special`: the special tokens, each followed by a NUL byte. `next` yields one text per call, false at the
 * end; its bytes stay valid until the next call; it must not throw. */
int32_t whorl_tokenizer_train_bpe(bool (*next)(void* context, const char** data, size_t* size), void* context,
                                  size_t vocab_size, size_t min_frequency, bool split_digits,
                                  const char* special, size_t special_size, whorl_tokenizer** out,
                                  whorl_bytes* error);
void whorl_tokenizer_free(whorl_tokenizer* tokenizer);
int32_t whorl_tokenizer_to_json(const whorl_tokenizer* tokenizer, whorl_bytes* out, whorl_bytes* error);
int32_t whorl_tokenizer_encode(const whorl_tokenizer* tokenizer, const char* text, size_t size,
                               bool add_special_tokens, bool with_offsets, whorl_encoding* out,
                               whorl_bytes* error);
/* `untrusted`: `count` pairs of begin and end, sorted and disjoint. */
int32_t whorl_tokenizer_encode_segments(const whorl_tokenizer* tokenizer, const char* text, size_t size,
                                        const size_t (*untrusted)[2], size_t count, bool add_special_tokens,
                                        whorl_encoding* out, whorl_bytes* error);
int32_t whorl_tokenizer_decode(const whorl_tokenizer* tokenizer, const int32_t* ids, size_t count,
                               bool skip_special_tokens, whorl_bytes* out, whorl_bytes* error);
size_t whorl_tokenizer_vocab_size(const whorl_tokenizer* tokenizer);
int64_t whorl_tokenizer_token_to_id(const whorl_tokenizer* tokenizer, const char* token, size_t size);
bool whorl_tokenizer_id_to_token(const whorl_tokenizer* tokenizer, uint32_t id, whorl_bytes* out);
void whorl_tokenizer_id_bytes(const whorl_tokenizer* tokenizer, uint32_t id, whorl_bytes* out);
bool whorl_tokenizer_is_special(const whorl_tokenizer* tokenizer, uint32_t id);
/* Special tokens only, or all control tokens; each followed by a NUL byte. */
void whorl_tokenizer_added_tokens(const whorl_tokenizer* tokenizer, bool only_special, whorl_bytes* out);

whorl_stream* whorl_stream_new(const whorl_tokenizer* tokenizer, bool skip_special_tokens);
void whorl_stream_free(whorl_stream* stream);
int32_t whorl_stream_push(whorl_stream* stream, uint32_t id, whorl_bytes* out, whorl_bytes* error);
int32_t whorl_stream_finish(whorl_stream* stream, whorl_bytes* out, whorl_bytes* error);

/* ---- chat templates ---- */

typedef struct {
  const char* messages; /* JSON list */
  size_t messages_size;
  const char* tools; /* JSON list, or empty */
  size_t tools_size;
  const char* extra; /* JSON object, or empty */
  size_t extra_size;
  int64_t now;
  bool add_generation_prompt;
} whorl_chat_input;

typedef struct {
  size_t begin, end, message;
  bool terminated;
} whorl_span;

typedef struct {
  whorl_bytes text;
  whorl_span* spans;
  size_t span_count;
  size_t (*untrusted)[2];
  size_t untrusted_count;
  size_t (*content)[2];
  size_t content_count;
  bool by_prefix;
} whorl_chat;
void whorl_chat_free(whorl_chat chat);

/* `specials`: JSON object of strings; `end_of_turn`: JSON list of strings. */
int32_t whorl_template_new(const char* source, size_t source_size, const char* specials, size_t specials_size,
                           const char* end_of_turn, size_t end_of_turn_size, uint64_t fuel,
                           size_t max_output_bytes, whorl_template** out, whorl_bytes* error);
void whorl_template_free(whorl_template* chat_template);
/* Before the template is shared: what is not defined cannot be printed. */
void whorl_template_refuse_undefined(whorl_template* chat_template);
bool whorl_template_uses_clock(const whorl_template* chat_template);
int32_t whorl_template_render_text(const whorl_template* chat_template, const whorl_chat_input* input,
                                   whorl_bytes* out, whorl_bytes* error);
int32_t whorl_template_render(const whorl_template* chat_template, const whorl_chat_input* input,
                              whorl_chat* out, whorl_bytes* error);

/* ---- grammars ---- */

int32_t whorl_vocabulary_new(const whorl_tokenizer* tokenizer, const uint32_t* eos, size_t count,
                             whorl_vocabulary** out, whorl_bytes* error);
void whorl_vocabulary_free(whorl_vocabulary* vocabulary);
/* `kind`: json_schema, regex or lark. */
int32_t whorl_grammar_compile(const whorl_vocabulary* vocabulary, const char* kind, size_t kind_size,
                              const char* source, size_t source_size, size_t max_source_bytes,
                              uint64_t max_initial_fuel, uint64_t max_step_fuel, size_t max_items,
                              whorl_sequence** out, whorl_bytes* error);
int32_t whorl_sequence_clone(const whorl_sequence* sequence, whorl_sequence** out, whorl_bytes* error);
void whorl_sequence_free(whorl_sequence* sequence);
int32_t whorl_sequence_fill_mask(whorl_sequence* sequence, uint32_t* mask, size_t words, whorl_bytes* error);
int32_t whorl_sequence_accept(whorl_sequence* sequence, uint32_t id, bool* accepted, whorl_bytes* error);
int32_t whorl_sequence_is_accepting(whorl_sequence* sequence, bool* accepting, whorl_bytes* error);
bool whorl_sequence_is_stopped(const whorl_sequence* sequence);

/* ---- Unicode ---- */

/* Per code point from `first` on, bits: 1 NFKC leaves it alone, 2 looks like ASCII, 4 white space, 8 a mark.
 */
void whorl_unicode_flags(uint32_t first, size_t count, uint8_t* out);
/* The ASCII text that `c` looks like; empty: none. */
int32_t whorl_unicode_look_alike(uint32_t c, whorl_bytes* out, whorl_bytes* error);
int32_t whorl_unicode_nfkc(const char* text, size_t size, whorl_bytes* out, whorl_bytes* error);

/* ---- patterns and schemas ---- */

typedef struct whorl_pattern whorl_pattern;
typedef struct whorl_schema whorl_schema;

/* As Python's `re` reads it. Many threads may use one. */
int32_t whorl_pattern_compile(const char* pattern, size_t size, whorl_pattern** out, whorl_bytes* error);
void whorl_pattern_free(whorl_pattern* pattern);
int32_t whorl_pattern_remove_all(const whorl_pattern* pattern, const char* text, size_t size,
                                 whorl_bytes* out, whorl_bytes* error);

int32_t whorl_schema_compile(const char* json, size_t size, whorl_schema** out, whorl_bytes* error);
void whorl_schema_free(whorl_schema* schema);
/* At most `most` sentences on what is wrong, each followed by a NUL byte. Many threads may use one schema. */
int32_t whorl_schema_errors(const whorl_schema* schema, const char* json, size_t size, size_t most,
                            whorl_bytes* out, whorl_bytes* error);

#ifdef __cplusplus
}
#endif
#endif /* WHORL_TEXT_H_ */
