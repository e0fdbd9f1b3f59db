//! C entries of Unicode.

use crate::ffi::{guard, text, Bytes};
use crate::unicode;

/// # Safety
/// `out` must have room for `count` bytes.
#[no_mangle]
pub unsafe extern "C" fn whorl_unicode_flags(first: u32, count: usize, out: *mut u8) {
    for i in 0..count {
        *out.add(i) = char::from_u32(first + i as u32).map_or(0, unicode::flags);
    }
}

#[no_mangle]
pub unsafe extern "C" fn whorl_unicode_look_alike(c: u32, out: *mut Bytes, error: *mut Bytes) -> i32 {
    guard(error, || {
        *out = Bytes::new(char::from_u32(c).map_or(Vec::new(), |c| unicode::look_alike(c).into_bytes()));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_unicode_nfkc(
    data: *const u8,
    size: usize,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *out = Bytes::new(unicode::nfkc(text(data, size, "the text")?).into_bytes());
        Ok(())
    })
}
