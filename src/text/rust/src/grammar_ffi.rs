//! C entries of grammars.

use std::sync::Arc;

use crate::ffi::{guard, slice, text, Bytes};
use crate::grammar::{Limits, Sequence, Vocabulary};
use crate::tokenizer_ffi::Handle;

#[no_mangle]
pub unsafe extern "C" fn whorl_vocabulary_new(
    tokenizer: Handle,
    eos: *const u32,
    count: usize,
    out: *mut *const Vocabulary,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *out = Arc::into_raw(Arc::new(Vocabulary::new(&*tokenizer, slice(eos, count))?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_vocabulary_free(vocabulary: *const Vocabulary) {
    drop(Arc::from_raw(vocabulary));
}

/// `kind` is "json_schema", "regex" or "lark". The result is a sequence at its start.
#[no_mangle]
pub unsafe extern "C" fn whorl_grammar_compile(
    vocabulary: *const Vocabulary,
    kind: *const u8,
    kind_size: usize,
    source: *const u8,
    source_size: usize,
    max_source_bytes: usize,
    max_initial_fuel: u64,
    max_step_fuel: u64,
    max_items: usize,
    out: *mut *mut Sequence,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let kind = text(kind, kind_size, "the kind")?;
        let source = text(source, source_size, "the source")?;
        let limits = Limits {
            source_bytes: max_source_bytes,
            initial_fuel: max_initial_fuel,
            step_fuel: max_step_fuel,
            items: max_items,
        };
        let matcher = (*vocabulary).compile(kind, source, &limits)?;
        *out = Box::into_raw(Box::new(Sequence::new(matcher, &*vocabulary)));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_sequence_clone(
    sequence: *const Sequence,
    out: *mut *mut Sequence,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *out = Box::into_raw(Box::new((*sequence).deep_clone()));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_sequence_free(sequence: *mut Sequence) {
    drop(Box::from_raw(sequence));
}

#[no_mangle]
pub unsafe extern "C" fn whorl_sequence_fill_mask(
    sequence: *mut Sequence,
    mask: *mut u32,
    words: usize,
    error: *mut Bytes,
) -> i32 {
    guard(error, || (*sequence).fill_mask(std::slice::from_raw_parts_mut(mask, words)))
}

#[no_mangle]
pub unsafe extern "C" fn whorl_sequence_accept(
    sequence: *mut Sequence,
    id: u32,
    accepted: *mut bool,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *accepted = (*sequence).accept(id)?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_sequence_is_accepting(
    sequence: *mut Sequence,
    accepting: *mut bool,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *accepting = (*sequence).is_accepting()?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_sequence_is_stopped(sequence: *const Sequence) -> bool {
    (*sequence).is_stopped()
}
