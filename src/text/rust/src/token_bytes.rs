//! The bytes that each token adds to a text.

use tokenizers::decoders::DecoderWrapper;
use tokenizers::Tokenizer;

/// How the vocabulary spells bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Spelling {
    /// One printable character per byte (GPT-2).
    ByteLevel,
    /// U+2581 for a space, `<0x0A>` for bytes (Llama 2).
    Metaspace,
    /// As written.
    Plain,
}

fn decoders(decoder: &DecoderWrapper) -> Vec<&DecoderWrapper> {
    match decoder {
        DecoderWrapper::Sequence(sequence) => sequence.get_decoders().iter().flat_map(decoders).collect(),
        other => vec![other],
    }
}

pub fn spelling(tokenizer: &Tokenizer) -> Spelling {
    let all = tokenizer.get_decoder().map(decoders).unwrap_or_default();
    if all.iter().any(|d| matches!(d, DecoderWrapper::ByteLevel(_))) {
        return Spelling::ByteLevel;
    }
    let metaspace = all.iter().any(|d| {
        matches!(
            d,
            DecoderWrapper::Metaspace(_) | DecoderWrapper::ByteFallback(_) | DecoderWrapper::Replace(_)
        )
    });
    if metaspace {
        Spelling::Metaspace
    } else {
        Spelling::Plain
    }
}

/// True if the decoder is byte-level and nothing else, so that text is the tokens' bytes, joined.
pub fn decodes_by_bytes(tokenizer: &Tokenizer) -> bool {
    let all = tokenizer.get_decoder().map(decoders).unwrap_or_default();
    !all.is_empty() && all.iter().all(|d| matches!(d, DecoderWrapper::ByteLevel(_)))
}

/// True if the decoder looks at a token's neighbours on both sides, so that no prefix is final.
pub fn decodes_backwards(tokenizer: &Tokenizer) -> bool {
    let all = tokenizer.get_decoder().map(decoders).unwrap_or_default();
    all.iter().any(|d| match d {
        DecoderWrapper::CTC(_) => true,
        DecoderWrapper::Strip(strip) => strip.stop > 0,
        _ => false,
    })
}

fn byte_of(c: char) -> Option<u8> {
    let code = c as u32;
    let printable =
        |b: u32| (0x21..=0x7e).contains(&b) || (0xa1..=0xac).contains(&b) || (0xae..=0xff).contains(&b);
    if code < 256 {
        return printable(code).then_some(code as u8);
    }
    // The bytes that do not print are numbered upwards from 256.
    (0..256u32).filter(|&b| !printable(b)).nth((code - 256) as usize).map(|b| b as u8)
}

pub fn fallback_byte(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    if digits.len() != 2 {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

pub fn token_bytes(token: &str, spelling: Spelling) -> Vec<u8> {
    match spelling {
        Spelling::ByteLevel => token
            .chars()
            .map(byte_of)
            .collect::<Option<Vec<u8>>>()
            .unwrap_or_else(|| token.as_bytes().to_vec()),
        Spelling::Metaspace => match fallback_byte(token) {
            Some(byte) => vec![byte],
            None => token.replace('\u{2581}', " ").into_bytes(),
        },
        Spelling::Plain => token.as_bytes().to_vec(),
    }
}
