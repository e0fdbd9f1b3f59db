//! Regular expressions as Python's `re` reads them, for deleting what they match.

use fancy_regex::Regex;

use crate::ffi::{guard, invalid, text, Bytes, Fault, Outcome};

pub struct Pattern {
    regex: Regex,
}

/// Python's `$` also matches before a last line feed, its `\Z` is the end, and its white space holds the four
/// separators U+001C to U+001F.
fn from_python(pattern: &str) -> String {
    let multiline = pattern.contains("(?m") || pattern.contains("(?sm") || pattern.contains("(?im");
    let mut out = String::new();
    let mut in_class = false;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('Z') if !in_class => out.push_str(r"\z"),
                Some('s') if in_class => out.push_str(r"\s\x1c-\x1f"),
                Some('s') => out.push_str(r"[\s\x1c-\x1f]"),
                Some('S') if !in_class => out.push_str(r"[^\s\x1c-\x1f]"),
                Some(next) => out.extend([c, next]),
                None => out.push(c),
            },
            '$' if !in_class && !multiline => out.push_str(r"(?=\n?\z)"),
            _ => {
                in_class = c == '[' || (in_class && c != ']');
                out.push(c);
            }
        }
    }
    out
}

impl Pattern {
    pub fn new(pattern: &str) -> Outcome<Pattern> {
        match Regex::new(&from_python(pattern)) {
            Ok(regex) => Ok(Pattern { regex }),
            Err(error) => invalid(format!("the pattern '{pattern}' cannot be used: {error}")),
        }
    }

    pub fn remove_all(&self, text: &str) -> Outcome<String> {
        let mut out = String::new();
        let mut end = 0;
        for found in self.regex.find_iter(text) {
            let found = found.map_err(|error| Fault::Invalid(format!("the pattern gives up: {error}")))?;
            out.push_str(&text[end..found.start()]);
            end = found.end();
        }
        out.push_str(&text[end..]);
        Ok(out)
    }
}

#[no_mangle]
pub unsafe extern "C" fn whorl_pattern_compile(
    pattern: *const u8,
    size: usize,
    out: *mut *mut Pattern,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *out = Box::into_raw(Box::new(Pattern::new(text(pattern, size, "the pattern")?)?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_pattern_free(pattern: *mut Pattern) {
    drop(Box::from_raw(pattern));
}

#[no_mangle]
pub unsafe extern "C" fn whorl_pattern_remove_all(
    pattern: *const Pattern,
    data: *const u8,
    size: usize,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *out = Bytes::new((*pattern).remove_all(text(data, size, "the text")?)?.into_bytes());
        Ok(())
    })
}
