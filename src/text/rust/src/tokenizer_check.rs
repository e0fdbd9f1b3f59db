//! What a sound tokenizer.json must satisfy beyond what the reference checks when it reads one.

use serde_json::Value;
use tokenizers::Tokenizer;

use crate::ffi::{invalid, Fault, Outcome};
use crate::token_bytes::fallback_byte;

const MAX_FILE_BYTES: usize = 512 << 20;
const MAX_DEPTH: usize = 32;
const MAX_PATTERN_BYTES: usize = 8192;
/// How many times longer than its text a normalized text may become.
const MAX_GROWTH: usize = 4096;

/// Checks on the JSON alone, before anything is built from it.
pub fn before(json: &str) -> Outcome<()> {
    if json.len() > MAX_FILE_BYTES {
        return invalid(format!("expected at most {MAX_FILE_BYTES} bytes, got {}", json.len()));
    }
    let value = parse(json)?;
    if !value.is_object() {
        return invalid("expected a JSON object");
    }
    if !value["model"].is_object() {
        return invalid("expected field 'model' to be an object");
    }
    for part in ["normalizer", "pre_tokenizer", "decoder", "post_processor"] {
        check_depth(&value[part], part, 0)?;
        check_patterns(&value[part], part)?;
    }
    let growth = growth(&value["normalizer"]);
    if growth > MAX_GROWTH {
        return invalid(format!("the normalizer can make a text {growth} times longer; refused"));
    }
    check_distinct_ids(&value["model"]["vocab"])
}

fn parse(json: &str) -> Outcome<Value> {
    serde_json::from_str(json).map_err(|error| Fault::Invalid(format!("not valid JSON: {error}")))
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(map) => map.values().collect(),
        _ => Vec::new(),
    }
}

fn check_depth(value: &Value, part: &str, depth: usize) -> Outcome<()> {
    if depth > MAX_DEPTH {
        return invalid(format!("'{part}' is nested deeper than {MAX_DEPTH} levels"));
    }
    children(value).into_iter().try_for_each(|child| check_depth(child, part, depth + 1))
}

fn check_patterns(value: &Value, part: &str) -> Outcome<()> {
    if let Some(pattern) = value.get("Regex").and_then(Value::as_str) {
        if pattern.len() > MAX_PATTERN_BYTES {
            return invalid(format!(
                "expected a pattern in '{part}' of at most {MAX_PATTERN_BYTES} bytes, got {}",
                pattern.len()
            ));
        }
    }
    children(value).into_iter().try_for_each(|child| check_patterns(child, part))
}

fn growth(value: &Value) -> usize {
    let own = ["content", "prepend"]
        .iter()
        .filter_map(|key| value.get(key).and_then(Value::as_str))
        .map(|text| text.len().max(1))
        .fold(1usize, usize::saturating_mul);
    children(value).into_iter().map(growth).fold(own, usize::saturating_mul)
}

fn check_distinct_ids(vocab: &Value) -> Outcome<()> {
    let Some(map) = vocab.as_object() else { return Ok(()) };
    let mut seen = std::collections::HashMap::new();
    for (token, id) in map {
        let Some(id) = id.as_u64().filter(|&id| id < i32::MAX as u64) else {
            return invalid(format!("expected token '{token}' to have an id from 0 to 2147483646, got {id}"));
        };
        if let Some(other) = seen.insert(id, token) {
            return invalid(format!("tokens '{other}' and '{token}' have the same id {id}"));
        }
    }
    Ok(())
}

/// Checks that need the tokenizer.
pub fn after(json: &str, tokenizer: &Tokenizer) -> Outcome<()> {
    let value = parse(json)?;
    check_added(&value["added_tokens"], tokenizer)?;
    let vocabulary = tokenizer.get_vocab(true);
    let size = vocabulary.len();
    let mut present = vec![false; size];
    for (token, &id) in &vocabulary {
        match present.get_mut(id as usize) {
            Some(seen) if !*seen => *seen = true,
            Some(_) => return invalid(format!("token '{token}' shares its id {id} with another token")),
            None => {
                return invalid(format!(
                    "the ids have a gap: token '{token}' has id {id} but there are only {size} tokens"
                ))
            }
        }
        if token.len() == 6
            && token.starts_with("<0x")
            && token.ends_with('>')
            && fallback_byte(token).is_none()
        {
            return invalid(format!("expected byte token '{token}' to name a byte, 00 to FF"));
        }
    }
    check_template_ids(&value["post_processor"], size)
}

// The reference gives an added token the next free id and only warns when the file says another.
fn check_added(added: &Value, tokenizer: &Tokenizer) -> Outcome<()> {
    for entry in added.as_array().map(Vec::as_slice).unwrap_or_default() {
        let content = entry["content"].as_str().unwrap_or_default();
        if content.is_empty() {
            return invalid("expected an added token's 'content' not to be empty");
        }
        let (got, said) = (tokenizer.token_to_id(content), entry["id"].as_u64());
        if got.map(u64::from) != said {
            return invalid(format!(
                "added token '{content}' is said to have id {} but would get {}",
                entry["id"],
                got.map_or("none".to_string(), |id| id.to_string())
            ));
        }
    }
    Ok(())
}

fn check_template_ids(value: &Value, size: usize) -> Outcome<()> {
    if let Some(ids) = value.get("ids").and_then(Value::as_array) {
        for id in ids {
            if id.as_u64().is_none_or(|id| id as usize >= size) {
                return invalid(format!("the post_processor names id {id}, which no token has"));
            }
        }
    }
    children(value).into_iter().try_for_each(|child| check_template_ids(child, size))
}
