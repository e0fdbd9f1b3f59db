//! The border: owned buffers, faults, and the guard that no panic passes.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Once;

/// What went wrong, and whose fault it is.
pub enum Fault {
    Invalid(String),
    Failed(String),
}

pub type Outcome<T> = Result<T, Fault>;

pub fn invalid<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Fault::Invalid(message.into()))
}

/// Bytes that Rust owns and `whorl_bytes_free` takes back.
#[repr(C)]
pub struct Bytes {
    data: *mut u8,
    size: usize,
}

impl Bytes {
    pub const EMPTY: Bytes = Bytes { data: std::ptr::null_mut(), size: 0 };

    pub fn new(bytes: Vec<u8>) -> Bytes {
        if bytes.is_empty() {
            return Bytes::EMPTY;
        }
        let boxed = bytes.into_boxed_slice();
        let size = boxed.len();
        Bytes { data: Box::into_raw(boxed) as *mut u8, size }
    }
}

/// # Safety
/// `bytes` must come from this library and must not be used again.
#[no_mangle]
pub unsafe extern "C" fn whorl_bytes_free(bytes: Bytes) {
    if !bytes.data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(bytes.data, bytes.size)));
    }
}

/// Plain arrays that Rust owns and hands out by pointer and length.
pub fn leak<T>(items: Vec<T>) -> (*mut T, usize) {
    let boxed = items.into_boxed_slice();
    let size = boxed.len();
    (Box::into_raw(boxed) as *mut T, size)
}

/// # Safety
/// The pair must come from `leak` and must not be used again.
pub unsafe fn unleak<T>(data: *mut T, size: usize) {
    if !data.is_null() {
        drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(data, size)));
    }
}

/// # Safety
/// `data` must point to `size` readable items (or `size` be 0).
pub unsafe fn slice<'a, T>(data: *const T, size: usize) -> &'a [T] {
    if size == 0 || data.is_null() {
        return &[];
    }
    std::slice::from_raw_parts(data, size)
}

/// # Safety
/// As `slice`.
pub unsafe fn text<'a>(data: *const u8, size: usize, what: &str) -> Outcome<&'a str> {
    match std::str::from_utf8(slice(data, size)) {
        Ok(text) => Ok(text),
        Err(error) => {
            invalid(format!("expected {what} to be UTF-8, got a bad byte at offset {}", error.valid_up_to()))
        }
    }
}

// A library prints nothing: panics come back as messages instead.
fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

fn panic_message(payload: Box<dyn std::any::Any + Send>) -> String {
    let text = match payload.downcast_ref::<&str>() {
        Some(text) => text.to_string(),
        None => payload.downcast_ref::<String>().cloned().unwrap_or_default(),
    };
    format!("internal error: {text}")
}

/// 0: done; 1: the caller's fault; 2: the library's or the machine's. The message lands in `error`.
///
/// # Safety
/// `error` must be writable.
pub unsafe fn guard(error: *mut Bytes, body: impl FnOnce() -> Outcome<()>) -> i32 {
    silence_panics();
    let (code, message) = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => return 0,
        Ok(Err(Fault::Invalid(message))) => (1, message),
        Ok(Err(Fault::Failed(message))) => (2, message),
        Err(payload) => (2, panic_message(payload)),
    };
    *error = Bytes::new(message.into_bytes());
    code
}
