//! One tokenizer: the reference implementation plus what it does not answer by itself.

use tokenizers::{Encoding, OffsetType, PreTokenizedString, Tokenizer};
use tokenizers::{Model, PreTokenizer};

use crate::added_tokens::{is_control, AddedTokens};
use crate::ffi::{invalid, Fault, Outcome};
use crate::offsets;
use crate::token_bytes::{decodes_backwards, decodes_by_bytes, spelling, token_bytes, Spelling};
use crate::tokenizer_check;

/// How a stream of tokens turns into text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Decoding {
    Bytes,
    Window,
    Whole,
}

pub struct TextTokenizer {
    pub inner: Tokenizer,
    pub added: AddedTokens,
    pub size: usize,
    pub decoding: Decoding,
    tokens: Vec<Option<String>>,
    bytes: Vec<Vec<u8>>,
}

/// Ids and, per id, the bytes of the text it stands for.
pub struct Encoded {
    pub ids: Vec<u32>,
    pub ranges: Vec<(usize, usize)>,
}

pub fn crate_fault(error: tokenizers::Error) -> Fault {
    Fault::Invalid(error.to_string())
}

impl TextTokenizer {
    pub fn from_json(json: &str) -> Outcome<TextTokenizer> {
        tokenizer_check::before(json)?;
        let mut inner: Tokenizer = json.parse().map_err(crate_fault)?;
        // A file may carry the truncation and padding of its training; text is never cut here.
        inner.with_truncation(None).map_err(crate_fault)?;
        inner.with_padding(None);
        tokenizer_check::after(json, &inner)?;
        TextTokenizer::new(inner)
    }

    pub fn new(inner: Tokenizer) -> Outcome<TextTokenizer> {
        let vocabulary = inner.get_vocab(true);
        let size = vocabulary.values().map(|&id| id as usize + 1).max().unwrap_or(0);
        let mut tokens: Vec<Option<String>> = vec![None; size];
        for (token, id) in vocabulary {
            tokens[id as usize] = Some(token);
        }
        let how = spelling(&inner);
        let added = AddedTokens::new(&inner)?;
        let bytes = (0..size).map(|id| bytes_of(id as u32, &tokens, &added, how)).collect();
        let decoding = match () {
            _ if decodes_by_bytes(&inner) => Decoding::Bytes,
            _ if decodes_backwards(&inner) => Decoding::Whole,
            _ => Decoding::Window,
        };
        Ok(TextTokenizer { inner, added, size, decoding, tokens, bytes })
    }

    pub fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(id as usize)?.as_deref()
    }

    pub fn id_bytes(&self, id: u32) -> &[u8] {
        self.bytes.get(id as usize).map_or(&[], |bytes| bytes)
    }

    pub fn is_special(&self, id: u32) -> bool {
        self.added.get(id).is_some_and(|token| token.special)
    }

    pub fn ids(&self, text: &str, add_special_tokens: bool) -> Outcome<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, add_special_tokens).map_err(crate_fault)?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Outcome<Encoded> {
        let encoding = self.inner.encode(text, add_special_tokens).map_err(crate_fault)?;
        Ok(self.finish(text, &encoding))
    }

    /// Control tokens count only outside `untrusted`.
    pub fn encode_segments(
        &self,
        text: &str,
        untrusted: &[(usize, usize)],
        add_special_tokens: bool,
    ) -> Outcome<Encoded> {
        let pieces = self.added.extract(&self.inner, text, untrusted).map_err(crate_fault)?;
        let encoding = self.tokenize(pieces, add_special_tokens).map_err(crate_fault)?;
        let encoded = self.finish(text, &encoding);
        self.check_untrusted(&encoded, untrusted)?;
        Ok(encoded)
    }

    // A model may hold a control token among its ordinary words and spell it whole; then there is no safe
    // spelling.
    fn check_untrusted(&self, encoded: &Encoded, untrusted: &[(usize, usize)]) -> Outcome<()> {
        for (&id, &(begin, end)) in encoded.ids.iter().zip(&encoded.ranges) {
            let at = untrusted.partition_point(|&(_, stop)| stop <= begin);
            let inside = untrusted.get(at).is_some_and(|&(start, _)| start < end);
            if inside && self.added.get(id).is_some_and(is_control) {
                return invalid(format!(
                    "this tokenizer can spell '{}' only as a control token, and it stands in untrusted text",
                    self.token(id).unwrap_or_default()
                ));
            }
        }
        Ok(())
    }

    fn tokenize(
        &self,
        mut pieces: PreTokenizedString,
        add_special_tokens: bool,
    ) -> tokenizers::Result<Encoding> {
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces)?;
        }
        let model = self.inner.get_model();
        pieces.tokenize(|piece| model.tokenize(piece.get()))?;
        let encoding = pieces.into_encoding(None, 0, OffsetType::Byte)?;
        self.inner.post_process(encoding, None, add_special_tokens)
    }

    fn finish(&self, text: &str, encoding: &Encoding) -> Encoded {
        let ranges = offsets::refine(
            text.as_bytes(),
            encoding.get_ids(),
            encoding.get_offsets(),
            encoding.get_special_tokens_mask(),
            |id| self.id_bytes(id),
        );
        Encoded { ids: encoding.get_ids().to_vec(), ranges }
    }

    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Outcome<String> {
        self.inner.decode(ids, skip_special_tokens).map_err(crate_fault)
    }
}

fn bytes_of(id: u32, tokens: &[Option<String>], added: &AddedTokens, how: Spelling) -> Vec<u8> {
    match (added.get(id), &tokens[id as usize]) {
        (Some(token), _) => token.content.as_bytes().to_vec(),
        (None, Some(token)) => token_bytes(token, how),
        (None, None) => Vec::new(),
    }
}
