//! Tokenizers, chat templates and grammars behind the C header `../whorl_text.h`.
//!
//! No panic crosses the border: every entry runs under `ffi::guard`, which turns panics into messages.

mod added_tokens;
mod ffi;
mod grammar;
mod grammar_ffi;
mod marked_filters;
mod marked_methods;
mod marks;
mod offsets;
mod pattern;
mod prefix;
mod provenance;
mod pyjson;
mod pymethods;
mod schema;
mod schema_check;
mod spans;
mod stream;
mod template;
mod template_env;
mod template_ffi;
mod token_bytes;
mod tokenizer;
mod tokenizer_check;
mod tokenizer_ffi;
mod train;
mod unicode;
mod unicode_ffi;
