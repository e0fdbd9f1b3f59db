//! Unicode for texts that nobody vouches for: NFKC, and which ASCII a character looks like (UTS 39).

use unicode_normalization::char::{canonical_combining_class, is_combining_mark};
use unicode_normalization::{is_nfkc_quick, IsNormalized, UnicodeNormalization};
use unicode_security::confusable_detection::skeleton;

/// NFKC leaves it as it is, whatever stands before or behind it, marks apart.
pub const INERT: u8 = 1;
/// It looks like ASCII: `look_alike` says like what.
pub const LOOKS: u8 = 2;
pub const SPACE: u8 = 4;
/// A combining mark: belongs to the character before it.
pub const MARK: u8 = 8;

pub fn flags(c: char) -> u8 {
    let mut out = 0;
    if is_combining_mark(c) || canonical_combining_class(c) != 0 {
        out |= MARK;
    } else if is_nfkc_quick(std::iter::once(c)) == IsNormalized::Yes {
        out |= INERT;
    }
    if c.is_whitespace() {
        out |= SPACE;
    }
    if !c.is_ascii() && !look_alike(c).is_empty() {
        out |= LOOKS;
    }
    out
}

pub fn nfkc(text: &str) -> String {
    text.nfkc().collect()
}

/// Where the decimal digits of other scripts begin; each has ten in a row.
const ZEROS: [u32; 38] = [
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66, 0x0de6,
    0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0,
    0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0x104a0, 0x11066, 0x1e950,
];

fn digit(c: char) -> Option<char> {
    let value = c as u32;
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&value))?;
    char::from_digit(value - zero, 10)
}

fn skeleton_of(c: char) -> String {
    skeleton(c.encode_utf8(&mut [0; 4])).collect()
}

/// The ASCII text that readers take `c` for, or nothing: digits of other scripts, letters without their accents,
/// and the prototypes of the confusables table.
pub fn look_alike(c: char) -> String {
    if let Some(digit) = digit(c) {
        return digit.to_string();
    }
    let base: String = c.nfd().filter(|part| !is_combining_mark(*part)).collect();
    if base.len() == 1 {
        return base;
    }
    let form = skeleton_of(c);
    if !form.is_ascii() || form.bytes().any(|byte| byte <= b' ') {
        return String::new();
    }
    if form == "rn" {
        return "m".into(); // the table spells m as the two letters it resembles
    }
    if form == "l" && c.is_uppercase() {
        // A capital that looks like a stroke: which letter it is, its small form tells.
        let small: String = c.to_lowercase().map(skeleton_of).collect();
        return if small == "i" { "I".into() } else { form };
    }
    form
}
