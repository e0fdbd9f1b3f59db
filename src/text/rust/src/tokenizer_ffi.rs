//! C entries of tokenizers and streams.

use std::os::raw::c_void;
use std::sync::Arc;

use crate::added_tokens::is_control;
use crate::ffi::{guard, invalid, leak, slice, text, unleak, Bytes, Fault};
use crate::stream::Stream;
use crate::tokenizer::{crate_fault, Encoded, TextTokenizer};
use crate::train::{train_bpe, Recipe};

pub type Handle = *const TextTokenizer;

/// Ids with their byte ranges; freed by `whorl_encoding_free`. `begins` and `ends` are null without offsets.
#[repr(C)]
pub struct FfiEncoding {
    ids: *mut u32,
    begins: *mut usize,
    ends: *mut usize,
    size: usize,
}

impl FfiEncoding {
    fn of_ids(ids: Vec<u32>) -> FfiEncoding {
        let (ids, size) = leak(ids);
        FfiEncoding { ids, begins: std::ptr::null_mut(), ends: std::ptr::null_mut(), size }
    }

    fn new(encoded: Encoded) -> FfiEncoding {
        let (begins, ends): (Vec<_>, Vec<_>) = encoded.ranges.into_iter().unzip();
        let (begins, ends) = (leak(begins).0, leak(ends).0);
        FfiEncoding { begins, ends, ..FfiEncoding::of_ids(encoded.ids) }
    }
}

#[no_mangle]
pub unsafe extern "C" fn whorl_encoding_free(encoding: FfiEncoding) {
    unleak(encoding.ids, encoding.size);
    unleak(encoding.begins, encoding.size);
    unleak(encoding.ends, encoding.size);
}

#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_from_json(
    json: *const u8,
    size: usize,
    out: *mut Handle,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let json = text(json, size, "tokenizer.json")?;
        *out = Arc::into_raw(Arc::new(TextTokenizer::from_json(json)?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_free(handle: Handle) {
    drop(Arc::from_raw(handle));
}

#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_to_json(handle: Handle, out: *mut Bytes, error: *mut Bytes) -> i32 {
    guard(error, || {
        *out = Bytes::new((*handle).inner.to_string(true).map_err(crate_fault)?.into_bytes());
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_encode(
    handle: Handle,
    data: *const u8,
    size: usize,
    add_special_tokens: bool,
    with_offsets: bool,
    out: *mut FfiEncoding,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let input = text(data, size, "the text")?;
        *out = if with_offsets {
            FfiEncoding::new((*handle).encode(input, add_special_tokens)?)
        } else {
            FfiEncoding::of_ids((*handle).ids(input, add_special_tokens)?)
        };
        Ok(())
    })
}

/// `untrusted` is `count` pairs of begin and end, sorted and disjoint.
#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_encode_segments(
    handle: Handle,
    data: *const u8,
    size: usize,
    untrusted: *const [usize; 2],
    count: usize,
    add_special_tokens: bool,
    out: *mut FfiEncoding,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let input = text(data, size, "the text")?;
        let ranges: Vec<(usize, usize)> = slice(untrusted, count).iter().map(|r| (r[0], r[1])).collect();
        let mut last = 0;
        for &(begin, end) in &ranges {
            if begin > end || begin < last || end > input.len() {
                return invalid(format!(
                    "expected untrusted ranges to be sorted, disjoint and within {} bytes, got [{begin}, {end})",
                    input.len()
                ));
            }
            last = end;
        }
        let ranges: Vec<_> = ranges.into_iter().filter(|r| r.0 < r.1).collect();
        let encoded = (*handle).encode_segments(input, &ranges, add_special_tokens)?;
        *out = FfiEncoding::new(encoded);
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_decode(
    handle: Handle,
    ids: *const i32,
    count: usize,
    skip_special_tokens: bool,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        // A negative id names no token, as one beyond the vocabulary does.
        let ids: Vec<u32> = slice(ids, count).iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        *out = Bytes::new((*handle).decode(&ids, skip_special_tokens)?.into_bytes());
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_vocab_size(handle: Handle) -> usize {
    (*handle).size
}

/// The id, or -1.
#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_token_to_id(handle: Handle, data: *const u8, size: usize) -> i64 {
    let Ok(token) = std::str::from_utf8(slice(data, size)) else { return -1 };
    (*handle).inner.token_to_id(token).map_or(-1, i64::from)
}

/// False if the id has no token.
#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_id_to_token(handle: Handle, id: u32, out: *mut Bytes) -> bool {
    match (*handle).token(id) {
        Some(token) => {
            *out = Bytes::new(token.as_bytes().to_vec());
            true
        }
        None => false,
    }
}

#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_id_bytes(handle: Handle, id: u32, out: *mut Bytes) {
    *out = Bytes::new((*handle).id_bytes(id).to_vec());
}

#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_is_special(handle: Handle, id: u32) -> bool {
    (*handle).is_special(id)
}

/// Added tokens in the order of their ids, each followed by a NUL byte.
#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_added_tokens(handle: Handle, only_special: bool, out: *mut Bytes) {
    let mut joined = Vec::new();
    for (_, token) in (*handle).added.list() {
        if if only_special { token.special } else { is_control(token) } {
            joined.extend_from_slice(token.content.as_bytes());
            joined.push(0);
        }
    }
    *out = Bytes::new(joined);
}

/// Yields the next text; false at the end. The bytes stay valid until the next call.
pub type NextText =
    unsafe extern "C" fn(context: *mut c_void, data: *mut *const u8, size: *mut usize) -> bool;

struct Texts {
    next: NextText,
    context: *mut c_void,
    bad: Option<String>,
}

// The trainer runs on the calling thread only; it asks for Send because it could do otherwise.
struct Borrowed(*mut Texts);
unsafe impl Send for Borrowed {}

impl Iterator for Borrowed {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let (mut data, mut size) = (std::ptr::null(), 0);
        unsafe {
            let texts = &mut *self.0;
            if !(texts.next)(texts.context, &mut data, &mut size) {
                return None;
            }
            match std::str::from_utf8(slice(data, size)) {
                Ok(text) => Some(text.to_string()),
                Err(error) => {
                    texts.bad = Some(format!("expected every text to be UTF-8: {error}"));
                    None
                }
            }
        }
    }
}

/// `special` is the special tokens, each followed by a NUL byte.
#[no_mangle]
pub unsafe extern "C" fn whorl_tokenizer_train_bpe(
    next: NextText,
    context: *mut c_void,
    vocab_size: usize,
    min_frequency: usize,
    split_digits: bool,
    special: *const u8,
    special_size: usize,
    out: *mut Handle,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let special = text(special, special_size, "the special tokens")?;
        let recipe = Recipe {
            vocab_size,
            min_frequency: min_frequency as u64,
            split_digits,
            special_tokens: special.split_terminator('\0').map(str::to_string).collect(),
        };
        let mut texts = Texts { next, context, bad: None };
        let trained = train_bpe(Borrowed(&mut texts), &recipe)?;
        if let Some(bad) = texts.bad {
            return Err(Fault::Invalid(bad));
        }
        *out = Arc::into_raw(Arc::new(trained));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_stream_new(handle: Handle, skip_special_tokens: bool) -> *mut Stream {
    Arc::increment_strong_count(handle);
    Box::into_raw(Box::new(Stream::new(Arc::from_raw(handle), skip_special_tokens)))
}

#[no_mangle]
pub unsafe extern "C" fn whorl_stream_free(stream: *mut Stream) {
    drop(Box::from_raw(stream));
}

#[no_mangle]
pub unsafe extern "C" fn whorl_stream_push(
    stream: *mut Stream,
    id: u32,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *out = Bytes::new((*stream).push(id)?.into_bytes());
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_stream_finish(stream: *mut Stream, out: *mut Bytes, error: *mut Bytes) -> i32 {
    guard(error, || {
        *out = Bytes::new((*stream).finish()?.into_bytes());
        Ok(())
    })
}
