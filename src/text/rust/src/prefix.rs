//! Assistant turns by growing prefixes, for templates through which origins cannot be followed.
//!
//! Turn k is what render(messages[..k+1]) adds to render(messages[..k], add_generation_prompt), provided
//! that each of them is how the whole text begins. Quadratic in turns, and refused where it does not hold.

use crate::ffi::{invalid, Outcome};
use crate::provenance::{join, role, Chat, Span};
use crate::pyjson::Json;
use crate::spans::prefix_length;
use crate::template::{Input, Template};

pub fn spans(template: &Template, input: &Input, generate: bool) -> Outcome<Chat> {
    let text = template.plain_text(input, input.messages.len(), generate)?;
    let text = text.as_str();
    let (mut assistant, mut untrusted, mut content) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = 0;
    for (k, message) in input.messages.iter().enumerate() {
        let own = role(message) == "assistant";
        let Some(end) = prefix_length(template, input, text, k + 1, false).filter(|&end| end >= at) else {
            return invalid(format!("the text of message {k} changes with the messages after it"));
        };
        if own {
            let begin = match prefix_length(template, input, text, k, true) {
                Some(begin) if begin <= end => begin,
                _ => return invalid(format!("the header of message {k} is not what starts a generation")),
            };
            let span = turn(template, text, begin, end, k)?;
            join(&mut content, (span.begin, span.end));
            assistant.push(span);
        } else {
            words(message, text, at, end, &mut untrusted, k)?;
        }
        at = end;
    }
    Ok(Chat { text: text.to_string(), assistant, untrusted, assistant_content: content, method: "prefix" })
}

// The last end-of-turn token must close the turn: after it, white space only.
fn turn(template: &Template, text: &str, begin: usize, end: usize, message: usize) -> Outcome<Span> {
    let own = &text[begin..end];
    let last = template
        .end_of_turn
        .iter()
        .filter_map(|token| own.rfind(token.as_str()).map(|at| at + token.len()))
        .max();
    match last {
        Some(stop) if own[stop..].trim().is_empty() => {
            Ok(Span { begin, end: begin + stop, message, terminated: true })
        }
        Some(_) => invalid(format!("message {message} goes on after an end-of-turn token")),
        None => Ok(Span { begin, end: begin + own.trim_end().len(), message, terminated: false }),
    }
}

// The strings of a message, looked up in the part of the text that the message added.
fn words(
    message: &Json,
    text: &str,
    from: usize,
    to: usize,
    out: &mut Vec<(usize, usize)>,
    k: usize,
) -> Outcome<()> {
    let content = match message.get("content") {
        Some(Json::String(content)) => content.trim(),
        Some(Json::Null) | None => return Ok(()),
        _ => return invalid(format!("the content of message {k} is not a plain string")),
    };
    let mut found = text[from..to].match_indices(content);
    match (content.is_empty(), found.next(), found.next()) {
        (true, _, _) => Ok(()),
        (_, Some((at, _)), None) => {
            join(out, (from + at, from + at + content.len()));
            Ok(())
        }
        _ => invalid(format!("the words of message {k} do not stand in the text exactly once")),
    }
}
