//! Strings that remember where they come from.
//!
//! A marked string is its text between an opening mark, which carries a number, and a closing mark. Marks
//! are private-use characters that occur nowhere else in the input, so a marked string passes through the
//! template engine as an ordinary string; the methods and filters in `marked_methods` and `marked_filters`
//! see through the marks. Of the rendering, the text is what remains without marks, and a byte comes from
//! string `n` if it stands between the marks of `n`.

const OPEN: u32 = 0xF0000;
const LIMIT: u32 = 0xFFFD;
const CLOSE: char = '\u{100000}';

pub fn is_mark(c: char) -> bool {
    (OPEN..=OPEN + LIMIT).contains(&(c as u32)) || c == CLOSE
}

pub fn has_marks(text: &str) -> bool {
    // Marks are four bytes that begin with 0xF3 or 0xF4.
    text.bytes().any(|b| b >= 0xF3) && text.chars().any(is_mark)
}

/// How many strings can be told apart.
pub const MAX_STRINGS: usize = LIMIT as usize + 1;

fn open(number: u32) -> char {
    char::from_u32(OPEN + number).unwrap_or(CLOSE)
}

pub fn mark(text: &str, number: u32) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!("{}{text}{CLOSE}", open(number))
}

pub fn strip(text: &str) -> String {
    text.chars().filter(|&c| !is_mark(c)).collect()
}

/// Bytes `begin..end` of a text come from string `number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub begin: usize,
    pub end: usize,
    pub number: u32,
}

/// A string taken apart: its text without marks, and the origins in text order.
pub struct Marked {
    pub text: String,
    pub origins: Vec<Origin>,
}

impl Marked {
    /// None if marks do not pair up: something cut a marked string without knowing it.
    pub fn parse(input: &str) -> Option<Marked> {
        let mut text = String::with_capacity(input.len());
        let mut origins = Vec::new();
        let mut current: Option<(usize, u32)> = None;
        for c in input.chars() {
            if !is_mark(c) {
                text.push(c);
            } else if c == CLOSE {
                let (begin, number) = current.take()?;
                origins.push(Origin { begin, end: text.len(), number });
            } else if current.replace((text.len(), c as u32 - OPEN)).is_some() {
                return None;
            }
        }
        current.is_none().then_some(Marked { text, origins })
    }

    /// The part `begin..end` of the text, marked again.
    pub fn part(&self, begin: usize, end: usize) -> String {
        let mut out = String::with_capacity(end - begin + 8);
        let mut at = begin;
        for origin in &self.origins {
            let (first, last) = (origin.begin.max(begin), origin.end.min(end));
            if first >= last {
                continue;
            }
            out.push_str(&self.text[at..first]);
            out.push_str(&mark(&self.text[first..last], origin.number));
            at = last;
        }
        out.push_str(&self.text[at..end]);
        out
    }

    /// The marked form of `changed`, which has one character for each of the text.
    pub fn transfer(&self, changed: &str) -> Option<String> {
        let from: Vec<usize> = self.text.char_indices().map(|(at, _)| at).chain([self.text.len()]).collect();
        let to: Vec<usize> = changed.char_indices().map(|(at, _)| at).chain([changed.len()]).collect();
        if from.len() != to.len() {
            return None;
        }
        let place = |at: usize| from.binary_search(&at).map(|i| to[i]).unwrap_or(0);
        let origins = self
            .origins
            .iter()
            .map(|o| Origin { begin: place(o.begin), end: place(o.end), number: o.number })
            .collect();
        Some(Marked { text: changed.to_string(), origins }.part(0, changed.len()))
    }
}
