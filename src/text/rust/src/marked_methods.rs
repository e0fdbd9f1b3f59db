//! Python's string methods on strings that carry marks.
//!
//! Every method gives the text it would give without marks; what comes from the string keeps its mark. A
//! method that cannot say which bytes come from where is an error that names it.

use minijinja::value::{from_args, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use crate::marks::{has_marks, strip, Marked};
use crate::pymethods::method as plain_method;

/// What the refusal of a marked rendering begins with.
pub const UNMAPPABLE: &str = "cannot map origins through ";

pub fn unmappable(what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{UNMAPPABLE}{what}"))
}

pub fn marked(value: &Value, what: &str) -> Result<Option<Marked>, Error> {
    match value.as_str().filter(|text| has_marks(text)) {
        None => Ok(None),
        Some(text) => Marked::parse(text).map(Some).ok_or_else(|| unmappable(what)),
    }
}

pub fn plain(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if has_marks(text) => Value::from(strip(text)),
        _ => value.clone(),
    }
}

/// The method callback of the marked environment.
pub fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    if value.kind() != ValueKind::String || name == "join" || name == "format" {
        return plain_method(state, value, name, args);
    }
    let what = format!("str.{name}()");
    let Some(text) = marked(value, &what)? else {
        if name == "replace" && args.iter().any(|a| a.as_str().is_some_and(has_marks)) {
            let text = Marked { text: value.as_str().unwrap_or_default().to_string(), origins: Vec::new() };
            return replace(&text, args);
        }
        return plain_method(state, value, name, args);
    };
    if name == "replace" {
        return replace(&text, args);
    }
    let args: Vec<Value> = args.iter().map(plain).collect();
    let result = plain_method(state, &Value::from(text.text.as_str()), name, &args)?;
    remark(&text, name, &args, result).ok_or_else(|| unmappable(&what))
}

fn remark(text: &Marked, name: &str, args: &[Value], result: Value) -> Option<Value> {
    match (name, result.kind()) {
        ("lstrip", ValueKind::String) => {
            let kept = result.as_str()?.len();
            Some(Value::from(text.part(text.text.len() - kept, text.text.len())))
        }
        ("rstrip", ValueKind::String) => Some(Value::from(text.part(0, result.as_str()?.len()))),
        ("strip", ValueKind::String) => stripped(text, result.as_str()?),
        ("upper" | "lower" | "title" | "capitalize" | "swapcase", ValueKind::String) => {
            text.transfer(result.as_str()?).map(Value::from)
        }
        ("rsplit", _) => pieces_from_right(text, args, &result),
        ("removeprefix", ValueKind::String) => {
            Some(Value::from(text.part(text.text.len() - result.as_str()?.len(), text.text.len())))
        }
        ("removesuffix", ValueKind::String) => Some(Value::from(text.part(0, result.as_str()?.len()))),
        ("split" | "splitlines" | "partition" | "rpartition", _) => pieces(text, args, &result),
        // A number or a truth value has no bytes in the output.
        (_, ValueKind::Bool | ValueKind::Number) => Some(result),
        _ => None,
    }
}

/// The marked form of the text without its outer characters. Any place where the rest stands is as good as
/// any other only if all its bytes have one origin, so it is taken where stripping leaves it: as far left
/// as the removed characters allow.
pub fn stripped(text: &Marked, kept: &str) -> Option<Value> {
    if kept.is_empty() {
        return Some(Value::from(""));
    }
    let at = text.text.find(kept)?;
    Some(Value::from(text.part(at, at + kept.len())))
}

/// The pieces of a split, found again one after the other. With a separator each piece stands right behind
/// it; without one, behind white space or a line end.
pub fn pieces(text: &Marked, args: &[Value], result: &Value) -> Option<Value> {
    let separator = args.first().and_then(Value::as_str).map_or(0, str::len);
    let whole: usize = result.try_iter().ok()?.filter_map(|p| p.as_str().map(str::len)).sum();
    // A partition gives its separator as a piece of its own.
    let gap = if whole == text.text.len() { 0 } else { separator };
    let mut at = 0;
    let mut out = Vec::new();
    for (i, piece) in result.try_iter().ok()?.enumerate() {
        let piece = piece.as_str()?.to_string();
        let from = if i == 0 { at } else { at + gap };
        let begin = from + text.text.get(from..)?.find(&piece)?;
        at = begin + piece.len();
        out.push(Value::from(text.part(begin, at)));
    }
    Some(Value::from(out))
}

fn pieces_from_right(text: &Marked, args: &[Value], result: &Value) -> Option<Value> {
    let separator = args.first().and_then(Value::as_str).map_or(0, str::len);
    let found: Vec<String> = result.try_iter().ok()?.map(|p| p.to_string()).collect();
    let mut end = text.text.len();
    let mut out = Vec::new();
    for (i, piece) in found.iter().rev().enumerate() {
        let limit = if i == 0 { end } else { end.checked_sub(separator)? };
        let begin = text.text.get(..limit)?.rfind(piece.as_str())?;
        out.push(Value::from(text.part(begin, begin + piece.len())));
        end = begin;
    }
    out.reverse();
    Some(Value::from(out))
}

/// `replace(old, new, count)`: what is put in keeps its own marks.
pub fn replace(text: &Marked, args: &[Value]) -> Result<Value, Error> {
    let (old, new, count): (String, String, Option<i64>) = from_args(args)?;
    let old = strip(&old);
    let most = count.filter(|&n| n >= 0).map_or(usize::MAX, |n| n as usize);
    if old.is_empty() {
        return Err(unmappable("replace() of an empty string"));
    }
    let mut out = String::new();
    let mut at = 0;
    for (begin, found) in text.text.match_indices(&old).take(most) {
        out.push_str(&text.part(at, begin));
        out.push_str(&new);
        at = begin + found.len();
    }
    out.push_str(&text.part(at, text.text.len()));
    Ok(Value::from(out))
}
