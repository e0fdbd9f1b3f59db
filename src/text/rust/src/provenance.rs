//! Which bytes of a rendered chat the assistant has to write, and which are other people's words.
//!
//! The chat is rendered twice: plainly, which is the truth, and with every string of the conversation
//! marked (see `marks`). The marked rendering without its marks must equal the truth byte for byte;
//! otherwise its marks prove nothing and the growing-prefix method is tried. What neither can prove is
//! refused.

use minijinja::Value;

use crate::ffi::{invalid, Fault, Outcome};
use crate::marks::{has_marks, mark, Marked, Origin, MAX_STRINGS};
use crate::prefix;
use crate::pyjson::Json;
use crate::spans::{assistant_spans, Turns};
use crate::template::{describe, Input, Template};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub begin: usize,
    pub end: usize,
    pub message: usize,
    pub terminated: bool,
}

pub struct Chat {
    pub text: String,
    pub assistant: Vec<Span>,
    pub untrusted: Vec<(usize, usize)>,
    pub assistant_content: Vec<(usize, usize)>,
    pub method: &'static str,
}

pub fn role(message: &Json) -> &str {
    message.get("role").and_then(Json::as_str).unwrap_or_default()
}

/// Gives every string a number and remembers whose it is: a message's, or (None) the tools'.
#[derive(Default)]
struct Marker {
    owners: Vec<Option<usize>>,
    clash: bool,
}

// Templates compare these with words of their own.
const NEVER_MARKED: [&str; 2] = ["role", "type"];

impl Marker {
    fn string(&mut self, text: &str, owner: Option<usize>) -> String {
        self.clash |= has_marks(text) || self.owners.len() >= MAX_STRINGS;
        if self.clash {
            return text.to_string();
        }
        self.owners.push(owner);
        mark(text, self.owners.len() as u32 - 1)
    }

    // A key that a template could look up is left alone; one that could hold a token is somebody's words.
    fn key(&mut self, key: &str, owner: Option<usize>) -> String {
        let name = key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'));
        if name {
            key.to_string()
        } else {
            self.string(key, owner)
        }
    }

    fn value(&mut self, json: &Json, owner: Option<usize>) -> Value {
        match json {
            Json::String(text) => Value::from(self.string(text, owner)),
            Json::Array(items) => {
                Value::from(items.iter().map(|item| self.value(item, owner)).collect::<Vec<_>>())
            }
            Json::Object(pairs) => {
                let mut out = Vec::with_capacity(pairs.len());
                for (key, item) in pairs {
                    let plain = NEVER_MARKED.contains(&key.as_str()) && matches!(item, Json::String(_));
                    let value = if plain { item.to_value() } else { self.value(item, owner) };
                    out.push((Value::from(self.key(key, owner)), value));
                }
                Value::from_pairs(out)
            }
            other => other.to_value(),
        }
    }
}

/// A marked rendering that equals the truth.
pub struct Proof {
    pub marked: Marked,
    owners: Vec<Option<usize>>,
}

impl Proof {
    /// Whose the bytes of an origin are.
    pub fn owner(&self, origin: &Origin) -> Option<usize> {
        self.owners[origin.number as usize]
    }

    /// The last origin's owner, and the text behind it.
    pub fn tail(&self) -> Option<(Option<usize>, &str)> {
        let last = self.marked.origins.last()?;
        Some((self.owner(last), &self.marked.text[last.end..]))
    }
}

/// The rendering of the first `count` messages with its origins, or why they cannot be had.
pub fn prove(template: &Template, input: &Input, count: usize, generate: bool) -> Result<Proof, String> {
    let truth = match template.plain_text(input, count, generate) {
        Ok(truth) => truth,
        Err(Fault::Invalid(message) | Fault::Failed(message)) => return Err(message),
    };
    match prove_with(template, input, count, generate, &truth, true) {
        // Tools come from the program, not from the conversation: better unmarked tools than no proof.
        Err(_) if input.tools.is_some() => prove_with(template, input, count, generate, &truth, false),
        other => other,
    }
}

fn prove_with(
    template: &Template,
    input: &Input,
    count: usize,
    generate: bool,
    truth: &str,
    mark_tools: bool,
) -> Result<Proof, String> {
    let mut marker = Marker::default();
    let messages: Vec<Value> = input.messages[..count]
        .iter()
        .enumerate()
        .map(|(k, message)| marker.value(message, Some(k)))
        .collect();
    let tools = match &input.tools {
        Some(tools) if mark_tools => marker.value(tools, None),
        Some(tools) => tools.to_value(),
        None => Value::from(()),
    };
    if marker.clash || has_marks(truth) {
        return Err("the conversation uses the characters that mark origins, or has too many strings".into());
    }
    let rendered = template
        .render(Value::from(messages), tools, input, generate, true)
        .map_err(|error| describe(&error, usize::MAX))?;
    let marked = Marked::parse(&rendered).ok_or("the template cuts a string where its origin is lost")?;
    if marked.text != truth {
        return Err(
            "the template looks at the words themselves, so that marking them changes its output".into()
        );
    }
    Ok(Proof { marked, owners: marker.owners })
}

pub fn render(template: &Template, input: &Input, generate: bool) -> Outcome<Chat> {
    // What the template itself refuses is not a question of origins.
    template.plain_text(input, input.messages.len(), generate)?;
    let reason = match by_provenance(template, input, generate) {
        Ok(chat) => return Ok(chat),
        Err(reason) => reason,
    };
    match prefix::spans(template, input, generate) {
        Ok(chat) => Ok(chat),
        Err(Fault::Invalid(other)) => invalid(format!(
            "cannot tell which part of this chat is the assistant's: {reason}; and by growing prefixes: {other}"
        )),
        Err(fault) => Err(fault),
    }
}

fn by_provenance(template: &Template, input: &Input, generate: bool) -> Result<Chat, String> {
    let proof = prove(template, input, input.messages.len(), generate)?;
    let (mut turns, mut untrusted, mut content) = (Turns::new(input.messages.len()), Vec::new(), Vec::new());
    for origin in &proof.marked.origins {
        let owner = proof.owner(origin);
        let range = (origin.begin, origin.end);
        turns.add(owner, range);
        let own = owner.is_some_and(|k| role(&input.messages[k]) == "assistant");
        join(if own { &mut content } else { &mut untrusted }, range);
    }
    let text = proof.marked.text;
    let assistant = assistant_spans(template, input, &text, &turns)?;
    Ok(Chat { text, assistant, untrusted, assistant_content: content, method: "provenance" })
}

/// Appends a range, joining it with the last one if they meet.
pub fn join(ranges: &mut Vec<(usize, usize)>, range: (usize, usize)) {
    match ranges.last_mut() {
        _ if range.0 == range.1 => {}
        Some(last) if last.1 == range.0 => last.1 = range.1,
        _ => ranges.push(range),
    }
}
