//! From the origins of single bytes to whole assistant turns.
//!
//! A turn begins where generation would begin: behind the header that `add_generation_prompt` writes, so
//! that the wrapper of a tool call is the model's to write too. It ends with the first end-of-turn token
//! behind its last byte.

use crate::provenance::{prove, role, Span};
use crate::template::{Input, Template};

/// The bytes of each message in the text.
pub struct Turns {
    extent: Vec<Option<(usize, usize)>>,
    all: Vec<(Option<usize>, (usize, usize))>,
}

impl Turns {
    pub fn new(messages: usize) -> Turns {
        Turns { extent: vec![None; messages], all: Vec::new() }
    }

    /// Ranges come in text order.
    pub fn add(&mut self, owner: Option<usize>, range: (usize, usize)) {
        self.all.push((owner, range));
        if let Some(extent) = owner.and_then(|k| self.extent.get_mut(k)) {
            *extent = Some(extent.map_or(range, |(begin, _)| (begin, range.1)));
        }
    }

    // Where the nearest foreign bytes before `first` end and after `last` begin.
    fn neighbours(&self, first: usize, last: usize, size: usize) -> (usize, usize) {
        let before = self.all.partition_point(|(_, r)| r.1 <= first);
        let after = self.all.partition_point(|(_, r)| r.0 < last);
        (
            before.checked_sub(1).map_or(0, |i| self.all[i].1 .1),
            self.all.get(after).map_or(size, |(_, r)| r.0),
        )
    }

    fn interrupted(&self, k: usize, first: usize, last: usize) -> bool {
        self.all.iter().any(|(owner, r)| *owner != Some(k) && r.0 < last && first < r.1)
    }
}

/// The position behind the first end-of-turn token in `text[from..to]`, and where that token begins.
pub fn end_of_turn(template: &Template, text: &str, from: usize, to: usize) -> Option<(usize, usize)> {
    template
        .end_of_turn
        .iter()
        .filter_map(|token| {
            text[from..to].find(token.as_str()).map(|at| (from + at, from + at + token.len()))
        })
        .min_by_key(|&(begin, end)| (begin, std::cmp::Reverse(end)))
}

/// The rendering of the first `k` messages, if it is how the whole text begins.
pub fn prefix_length(
    template: &Template,
    input: &Input,
    text: &str,
    k: usize,
    generate: bool,
) -> Option<usize> {
    let prefix = template.plain_text(input, k, generate).ok()?;
    text.starts_with(&prefix).then_some(prefix.len())
}

struct Finder<'a> {
    template: &'a Template,
    input: &'a Input,
    text: &'a str,
    turns: &'a Turns,
    header: String,
}

pub fn assistant_spans(
    template: &Template,
    input: &Input,
    text: &str,
    turns: &Turns,
) -> Result<Vec<Span>, String> {
    let finder = Finder { template, input, text, turns, header: header(template, input) };
    let mut spans = Vec::new();
    for (k, message) in input.messages.iter().enumerate() {
        if role(message) == "assistant" {
            spans.extend(finder.span(k)?);
        }
    }
    if spans.windows(2).any(|pair| pair[0].end > pair[1].begin) {
        return Err("the turns of the assistant are not in the order of the messages".into());
    }
    Ok(spans)
}

// What add_generation_prompt appends, learned in front of the first assistant turn.
fn header(template: &Template, input: &Input) -> String {
    let first = input.messages.iter().position(|m| role(m) == "assistant").unwrap_or(input.messages.len());
    let with = template.plain_text(input, first, true).unwrap_or_default();
    let without = template.plain_text(input, first, false).unwrap_or_default();
    with.strip_prefix(&without).unwrap_or_default().to_string()
}

impl Finder<'_> {
    fn span(&self, k: usize) -> Result<Option<Span>, String> {
        let Some((first, last)) = self.turns.extent[k] else { return Ok(self.wordless(k)) };
        if self.turns.interrupted(k, first, last) {
            return Err(format!("the template mixes other words into message {k}"));
        }
        let (before, after) = self.turns.neighbours(first, last, self.text.len());
        let begin = before + self.header_in(k, &self.text[before..first]).unwrap_or(first - before);
        let next_shows = k + 1 == self.input.messages.len() || self.turns.extent[k + 1].is_some();
        let end = if next_shows {
            end_of_turn(self.template, self.text, last, after).map(|found| found.1)
        } else {
            self.own_end(k, last)?
        };
        Ok(Some(Span { begin, end: end.unwrap_or(last), message: k, terminated: end.is_some() }))
    }

    // How much of the literal text in front of a turn a generation would find there already.
    fn header_in(&self, k: usize, gap: &str) -> Option<usize> {
        let mut found = gap.match_indices(self.header.as_str());
        if let (false, Some((at, _)), None) = (self.header.is_empty(), found.next(), found.next()) {
            return Some(at + self.header.len());
        }
        let proof = prove(self.template, self.input, k, true).ok()?;
        let (_, tail) = proof.tail()?;
        gap.starts_with(tail).then_some(tail.len())
    }

    // Where turn k ends if the next message shows no words: as it does when turn k is the last one. The
    // end-of-turn token of that message must not be taken for this one's.
    fn own_end(&self, k: usize, last: usize) -> Result<Option<usize>, String> {
        let proof = prove(self.template, self.input, k + 1, false)?;
        let tail = match proof.tail() {
            Some((owner, tail)) if owner == Some(k) => tail,
            _ => {
                return Err(format!(
                    "the end of message {k} is not certain: message {} shows no words",
                    k + 1
                ))
            }
        };
        match end_of_turn(self.template, tail, 0, tail.len()) {
            None => Ok(None),
            Some((_, end)) if self.text[last..].starts_with(&tail[..end]) => Ok(Some(last + end)),
            Some(_) => Err(format!("the end of message {k} changes with message {}", k + 1)),
        }
    }

    // A turn without words still has to be ended by the assistant, if the template shows it at all.
    fn wordless(&self, k: usize) -> Option<Span> {
        let (_, before) = self.turns.extent[k.checked_sub(1)?]?;
        let (_, after) = self.turns.neighbours(before, before, self.text.len());
        let proof = prove(self.template, self.input, k, true).ok()?;
        let (owner, tail) = proof.tail()?;
        if owner != Some(k - 1) || !self.text[before..after].starts_with(tail) {
            return None;
        }
        let begin = before + tail.len();
        let (_, end) = end_of_turn(self.template, self.text, begin, after)?;
        Some(Span { begin, end, message: k, terminated: true })
    }
}
