//! Constrained output over one tokenizer's vocabulary.

use std::sync::Arc;

use llguidance::api::{GrammarInit, ParserLimits, TopLevelGrammar};
use llguidance::toktrie::{ApproximateTokEnv, TokEnv};
use llguidance::toktrie::{InferenceCapabilities, TokRxInfo, TokTrie};
use llguidance::{Logger, Matcher, ParserFactory};

use crate::ffi::{invalid, Fault, Outcome};
use crate::tokenizer::TextTokenizer;

/// The vocabulary in the form grammars search it, shared by all grammars of a tokenizer.
pub struct Vocabulary {
    factory: ParserFactory,
    pub size: usize,
    pub eos: Vec<u32>,
}

pub struct Limits {
    pub source_bytes: usize,
    pub initial_fuel: u64,
    pub step_fuel: u64,
    pub items: usize,
}

fn anyhow_fault(error: anyhow::Error) -> Fault {
    Fault::Invalid(first_lines(&format!("{error:#}")))
}

// The crate's messages may carry the whole grammar and a trace.
fn first_lines(message: &str) -> String {
    let cut = message.split("\n<").next().unwrap_or(message);
    cut.chars().take(600).collect::<String>().trim().to_string()
}

impl Vocabulary {
    pub fn new(tokenizer: &TextTokenizer, eos: &[u32]) -> Outcome<Vocabulary> {
        if eos.is_empty() {
            return invalid("expected at least one end-of-sequence id");
        }
        if let Some(id) = eos.iter().find(|&&id| id as usize >= tokenizer.size) {
            return invalid(format!("end-of-sequence id {id} is not in the vocabulary"));
        }
        let words: Vec<Vec<u8>> = (0..tokenizer.size as u32).map(|id| word(tokenizer, id)).collect();
        let info = TokRxInfo::new(tokenizer.size as u32, eos[0]);
        let trie = TokTrie::from(&info, &words).with_eos_tokens(eos);
        let env: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&env).map_err(anyhow_fault)?;
        factory.quiet();
        Ok(Vocabulary { factory, size: tokenizer.size, eos: eos.to_vec() })
    }

    pub fn compile(&self, kind: &str, source: &str, limits: &Limits) -> Outcome<Matcher> {
        if source.len() > limits.source_bytes {
            return invalid(format!("expected at most {} bytes, got {}", limits.source_bytes, source.len()));
        }
        let grammar = TopLevelGrammar::from_tagged_str(kind, source).map_err(anyhow_fault)?;
        let parser = self
            .factory
            .create_parser_from_init_ext(
                GrammarInit::Serialized(grammar),
                Logger::new(0, 0),
                InferenceCapabilities::default(),
                parser_limits(limits),
            )
            .map_err(anyhow_fault)?;
        let matcher = Matcher::new(Ok(parser));
        match matcher.get_error() {
            Some(error) => invalid(first_lines(&error)),
            None => Ok(matcher),
        }
    }
}

fn parser_limits(limits: &Limits) -> ParserLimits {
    ParserLimits {
        initial_lexer_fuel: limits.initial_fuel,
        step_lexer_fuel: limits.step_fuel,
        step_max_items: limits.items,
        max_lexer_states: 50_000,
        verbose_errors: false,
        ..ParserLimits::default()
    }
}

// Special tokens must never match as text: the trie knows them by a byte that no text holds.
fn word(tokenizer: &TextTokenizer, id: u32) -> Vec<u8> {
    let bytes = tokenizer.id_bytes(id);
    if !tokenizer.is_special(id) {
        return bytes.to_vec();
    }
    let mut marked = vec![TokTrie::SPECIAL_TOKEN_MARKER];
    marked.extend_from_slice(bytes);
    marked
}

/// One sequence.
#[derive(Clone)]
pub struct Sequence {
    matcher: Matcher,
    eos: Arc<[u32]>,
    size: usize,
    ended: bool,
}

impl Sequence {
    pub fn new(matcher: Matcher, vocabulary: &Vocabulary) -> Sequence {
        Sequence { matcher, eos: vocabulary.eos.clone().into(), size: vocabulary.size, ended: false }
    }

    pub fn deep_clone(&self) -> Sequence {
        Sequence { matcher: self.matcher.deep_clone(), ..self.clone() }
    }

    pub fn fill_mask(&mut self, mask: &mut [u32]) -> Outcome<()> {
        if mask.len() * 32 < self.size {
            return invalid(format!("expected a mask of {} bits, got {}", self.size, mask.len() * 32));
        }
        mask.fill(0);
        if self.ended {
            return Ok(self.eos.iter().for_each(|&id| set(mask, id)));
        }
        let allowed = self.matcher.compute_mask_or_eos().map_err(step_fault)?;
        allowed.iter_set_entries(|id| {
            if id < self.size {
                set(mask, id as u32);
            }
        });
        let accepting = self.matcher.is_accepting().map_err(step_fault)? || self.matcher.is_stopped();
        for &id in self.eos.iter() {
            mask[id as usize / 32] &= !(1 << (id % 32));
            if accepting {
                set(mask, id);
            }
        }
        Ok(())
    }

    pub fn accept(&mut self, id: u32) -> Outcome<bool> {
        if id as usize >= self.size {
            return Ok(false);
        }
        if self.eos.contains(&id) {
            let allowed =
                self.ended || self.matcher.is_stopped() || self.matcher.is_accepting().map_err(step_fault)?;
            self.ended |= allowed;
            return Ok(allowed);
        }
        if self.ended || self.matcher.is_stopped() {
            return Ok(false);
        }
        Ok(self.matcher.try_consume_tokens(&[id]).map_err(step_fault)? == 1)
    }

    pub fn is_accepting(&mut self) -> Outcome<bool> {
        if self.is_stopped() {
            return Ok(true);
        }
        self.matcher.is_accepting().map_err(step_fault)
    }

    pub fn is_stopped(&self) -> bool {
        self.ended || self.matcher.is_stopped()
    }
}

fn set(mask: &mut [u32], id: u32) {
    mask[id as usize / 32] |= 1 << (id % 32);
}

fn step_fault(error: anyhow::Error) -> Fault {
    Fault::Failed(first_lines(&format!("{error:#}")))
}
