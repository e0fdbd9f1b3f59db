//! Byte-level BPE from texts.

use tokenizers::models::bpe::{BpeTrainer, BPE};
use tokenizers::models::TrainerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::{AddedToken, Tokenizer};

use crate::ffi::{invalid, Outcome};
use crate::tokenizer::{crate_fault, TextTokenizer};

pub struct Recipe {
    pub vocab_size: usize,
    pub min_frequency: u64,
    pub split_digits: bool,
    pub special_tokens: Vec<String>,
}

fn check(recipe: &Recipe) -> Outcome<()> {
    let least = 256 + recipe.special_tokens.len();
    if recipe.vocab_size < least {
        return invalid(format!(
            "expected vocab_size to be at least {least} (256 bytes and {} special tokens), got {}",
            recipe.special_tokens.len(),
            recipe.vocab_size
        ));
    }
    let mut seen = std::collections::HashSet::new();
    for token in &recipe.special_tokens {
        if token.is_empty() || !seen.insert(token) {
            return invalid(format!("expected special tokens to be distinct and not empty, got '{token}'"));
        }
    }
    Ok(())
}

pub fn train_bpe(texts: impl Iterator<Item = String> + Send, recipe: &Recipe) -> Outcome<TextTokenizer> {
    check(recipe)?;
    // One thread: the host program's threads are its own business.
    tokenizers::parallelism::set_parallelism(false);
    let special: Vec<AddedToken> =
        recipe.special_tokens.iter().map(|token| AddedToken::from(token.clone(), true)).collect();
    let mut trainer: TrainerWrapper = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(recipe.vocab_size)
        .min_frequency(recipe.min_frequency)
        .special_tokens(special)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build()
        .into();
    let mut tokenizer = Tokenizer::new(BPE::default());
    let bytes = ByteLevel::new(false, false, true);
    let pre_tokenizer: PreTokenizerWrapper = if recipe.split_digits {
        Sequence::new(vec![Digits::new(true).into(), bytes.into()]).into()
    } else {
        bytes.into()
    };
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer));
    tokenizer.with_decoder(Some(bytes));
    tokenizer.with_post_processor(Some(bytes));
    tokenizer.train(&mut trainer, texts).map_err(crate_fault)?;
    TextTokenizer::new(tokenizer)
}
