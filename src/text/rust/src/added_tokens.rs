//! Added tokens, and finding them in a text of which some parts are not to be believed.
//!
//! The reference matches added tokens leftmost-longest, first those that match the raw text, then those
//! that match the normalized text. This does the same, except that a control token which touches an
//! untrusted range is not a match.

use std::collections::HashMap;

use daachorse::{DoubleArrayAhoCorasick, DoubleArrayAhoCorasickBuilder, MatchKind};
use tokenizers::normalizer::Range;
use tokenizers::{AddedToken, NormalizedString, Normalizer, PreTokenizedString, Result, Token, Tokenizer};

use crate::ffi::Outcome;
use crate::tokenizer::crate_fault;

type Automaton = Option<DoubleArrayAhoCorasick<u32>>;

pub struct AddedTokens {
    tokens: HashMap<u32, AddedToken>,
    raw: Automaton,
    normalized: Automaton,
}

/// A control token steers the model: every special token, and every added token written as a marker.
/// Others, such as runs of spaces, are ordinary vocabulary.
pub fn is_control(token: &AddedToken) -> bool {
    let text = token.content.trim();
    let marker = |open, close| text.len() > 2 && text.starts_with(open) && text.ends_with(close);
    token.special || marker('<', '>') || marker('[', ']')
}

fn automaton(patterns: Vec<(String, u32)>) -> Result<Automaton> {
    if patterns.is_empty() {
        return Ok(None);
    }
    DoubleArrayAhoCorasickBuilder::new()
        .match_kind(MatchKind::LeftmostLongest)
        .build_with_values(patterns)
        .map(Some)
        .map_err(|error| error.to_string().into())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl AddedTokens {
    pub fn new(tokenizer: &Tokenizer) -> Outcome<AddedTokens> {
        let tokens: HashMap<u32, AddedToken> = tokenizer.get_added_tokens_decoder().into_iter().collect();
        let (mut raw, mut normalized) = (Vec::new(), Vec::new());
        for (&id, token) in &tokens {
            if token.content.is_empty() {
                continue;
            }
            if !token.normalized {
                raw.push((token.content.clone(), id));
                continue;
            }
            let mut text = NormalizedString::from(token.content.as_str());
            if let Some(normalizer) = tokenizer.get_normalizer() {
                normalizer.normalize(&mut text).map_err(crate_fault)?;
            }
            normalized.push((text.get().to_string(), id));
        }
        normalized.retain(|(text, _)| !text.is_empty());
        raw.sort();
        normalized.sort();
        normalized.dedup_by(|a, b| a.0 == b.0);
        Ok(AddedTokens {
            tokens,
            raw: automaton(raw).map_err(crate_fault)?,
            normalized: automaton(normalized).map_err(crate_fault)?,
        })
    }

    pub fn get(&self, id: u32) -> Option<&AddedToken> {
        self.tokens.get(&id)
    }

    /// Sorted by id.
    pub fn list(&self) -> Vec<(u32, &AddedToken)> {
        let mut all: Vec<_> = self.tokens.iter().map(|(&id, token)| (id, token)).collect();
        all.sort_by_key(|item| item.0);
        all
    }

    /// The text cut at its added tokens and normalized, as the reference does it.
    pub fn extract(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        untrusted: &[(usize, usize)],
    ) -> Result<PreTokenizedString> {
        let mut pieces = PreTokenizedString::from(text);
        pieces.split(|_, piece| self.cut(piece, &self.raw, untrusted))?;
        pieces.split(|_, mut piece| {
            if let Some(normalizer) = tokenizer.get_normalizer() {
                normalizer.normalize(&mut piece)?;
            }
            self.cut(piece, &self.normalized, untrusted)
        })?;
        Ok(pieces)
    }

    fn cut(
        &self,
        piece: NormalizedString,
        automaton: &Automaton,
        untrusted: &[(usize, usize)],
    ) -> Result<Vec<(NormalizedString, Option<Vec<Token>>)>> {
        let text = piece.get();
        let mut cuts: Vec<(Option<u32>, usize, usize)> = Vec::new();
        let mut done = 0;
        let mut from = 0;
        while let Some(found) = automaton.as_ref().and_then(|a| a.leftmost_find_iter(&text[from..]).next()) {
            let (first, last) = (from + found.start(), from + found.end());
            let token = &self.tokens[&found.value()];
            if is_control(token) && touches(&piece, first, last, untrusted) {
                // Something shorter, or further right, may still match inside.
                from = next_char(text, first);
                continue;
            }
            from = last;
            let (begin, end) = match extent(token, text, first, last, done) {
                Some(range) => range,
                None => continue,
            };
            if done < begin {
                cuts.push((None, done, begin));
            }
            cuts.push((Some(found.value()), begin, end));
            done = end;
        }
        if done < text.len() || text.is_empty() {
            cuts.push((None, done, text.len()));
        }
        cuts.into_iter().map(|(id, begin, end)| slice(&piece, id, begin, end)).collect()
    }
}

fn next_char(text: &str, at: usize) -> usize {
    at + text[at..].chars().next().map_or(1, char::len_utf8)
}

// Where the match begins and ends with the white space it swallows; nothing if it must be a whole word.
fn extent(token: &AddedToken, text: &str, first: usize, last: usize, done: usize) -> Option<(usize, usize)> {
    if token.single_word
        && (text[..first].chars().next_back().is_some_and(is_word)
            || text[last..].chars().next().is_some_and(is_word))
    {
        return None;
    }
    let begin = if token.lstrip { text[..first].trim_end().len().max(done) } else { first };
    let rest = &text[last..];
    let end = if token.rstrip { last + rest.len() - rest.trim_start().len() } else { last };
    Some((begin, end))
}

fn touches(piece: &NormalizedString, first: usize, last: usize, untrusted: &[(usize, usize)]) -> bool {
    let shift = piece.offsets_original().0;
    let Some(range) = piece.convert_offsets(Range::Normalized(first..last)) else { return true };
    let (begin, end) = (shift + range.start, shift + range.end);
    // Sorted and disjoint: the first range that ends after `begin` decides.
    let at = untrusted.partition_point(|&(_, stop)| stop <= begin);
    untrusted.get(at).is_some_and(|&(start, _)| start < end)
}

fn slice(
    piece: &NormalizedString,
    id: Option<u32>,
    begin: usize,
    end: usize,
) -> Result<(NormalizedString, Option<Vec<Token>>)> {
    let part = piece.slice(Range::Normalized(begin..end)).ok_or("an added token cuts a character")?;
    let tokens = id.map(|id| vec![Token::new(id, part.get().to_string(), (0, part.get().len()))]);
    Ok((part, tokens))
}
