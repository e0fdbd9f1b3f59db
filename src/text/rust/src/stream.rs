//! Tokens in, text out, one at a time; joined, the same as decoding them all at once.

use std::sync::Arc;

use crate::ffi::Outcome;
use crate::token_bytes::fallback_byte;
use crate::tokenizer::{Decoding, TextTokenizer};

pub struct Stream {
    tokenizer: Arc<TextTokenizer>,
    skip_special: bool,
    /// Bytes that do not end in a whole character (byte-level decoders).
    bytes: Vec<u8>,
    /// Tokens that were written already but tell the decoder where it stands, and the new ones after them.
    window: Vec<u32>,
    written: usize,
}

impl Stream {
    pub fn new(tokenizer: Arc<TextTokenizer>, skip_special: bool) -> Stream {
        Stream { tokenizer, skip_special, bytes: Vec::new(), window: Vec::new(), written: 0 }
    }

    pub fn push(&mut self, id: u32) -> Outcome<String> {
        let Some(token) = self.tokenizer.token(id) else { return Ok(String::new()) };
        if self.skip_special && self.tokenizer.is_special(id) {
            return Ok(String::new());
        }
        if self.tokenizer.decoding == Decoding::Bytes {
            self.bytes.extend_from_slice(self.tokenizer.id_bytes(id));
            return Ok(take_whole_characters(&mut self.bytes));
        }
        // A run of byte tokens is read as a whole: whether it is text shows only at its end.
        let held = fallback_byte(token).is_some() || self.tokenizer.decoding == Decoding::Whole;
        self.window.push(id);
        if held {
            return Ok(String::new());
        }
        self.flush_window()
    }

    pub fn finish(&mut self) -> Outcome<String> {
        let mut out = String::from_utf8_lossy(&std::mem::take(&mut self.bytes)).into_owned();
        out += &self.flush_window()?;
        self.window.clear();
        self.written = 0;
        Ok(out)
    }

    fn flush_window(&mut self) -> Outcome<String> {
        if self.written == self.window.len() {
            return Ok(String::new());
        }
        let before = self.tokenizer.decode(&self.window[..self.written], self.skip_special)?;
        let all = self.tokenizer.decode(&self.window, self.skip_special)?;
        let new = all.get(before.len()..).unwrap_or_default().to_string();
        // The last token is context enough, unless it shows nothing by itself.
        let last = self.window[self.window.len() - 1];
        if !self.tokenizer.decode(&[last], self.skip_special)?.is_empty() {
            self.window = vec![last];
        }
        self.written = self.window.len();
        Ok(new)
    }
}

// Everything up to an unfinished character at the end; bytes that can never be text become U+FFFD.
fn take_whole_characters(bytes: &mut Vec<u8>) -> String {
    let mut from = 0;
    let keep = loop {
        match std::str::from_utf8(&bytes[from..]) {
            Ok(_) => break bytes.len(),
            Err(error) => match error.error_len() {
                Some(bad) => from += error.valid_up_to() + bad,
                None => break from + error.valid_up_to(),
            },
        }
    };
    let text = String::from_utf8_lossy(&bytes[..keep]).into_owned();
    bytes.drain(..keep);
    text
}
