//! Refuses schemas whose references could hang or overflow a validator, or reach outside the schema.

use serde_json::Value;
use std::collections::HashMap;

use crate::ffi::{invalid, Outcome};

/// Keywords that hold schemas for parts of a value …
const PARTS_ONE: [&str; 9] = [
    "additionalProperties",
    "additionalItems",
    "items",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
    "prefixItems",
];
const PARTS_MAP: [&str; 4] = ["properties", "patternProperties", "$defs", "definitions"];
/// … and those that hold schemas for the same value once more.
const SAME_ONE: [&str; 7] = ["not", "if", "then", "else", "allOf", "anyOf", "oneOf"];
const SAME_MAP: [&str; 2] = ["dependentSchemas", "dependencies"];

/// In how many steps schemas may hand a value to each other before one looks at a part of it.
const LONGEST_CHAIN: usize = 64;

/// One schema or several in a list.
fn each<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value) -> Outcome<()>) -> Outcome<()> {
    match value {
        Value::Array(items) => items.iter().try_for_each(visit),
        other => visit(other),
    }
}

fn each_in_map<'a>(value: &'a Value, visit: &mut impl FnMut(&'a Value) -> Outcome<()>) -> Outcome<()> {
    match value {
        Value::Object(map) => map.values().try_for_each(visit),
        _ => Ok(()),
    }
}

struct Checker<'a> {
    root: &'a Value,
    /// By address: how long a chain starts at a schema; None while it is being found out.
    chains: HashMap<*const Value, Option<usize>>,
    waiting: Vec<&'a Value>,
}

impl<'a> Checker<'a> {
    fn target(&self, reference: &str) -> Outcome<&'a Value> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return invalid(format!(
                "'$ref' may point into the schema only ('#/…'), got '{reference}'; nothing is fetched"
            ));
        };
        let decoded = percent_decode(fragment);
        if decoded.is_empty() || decoded.starts_with('/') {
            return match self.root.pointer(&decoded) {
                Some(found) => Ok(found),
                None => invalid(format!("'$ref' points to '{reference}', which is not in the schema")),
            };
        }
        match anchored(self.root, &decoded) {
            Some(found) => Ok(found),
            None => invalid(format!("'$ref' points to the anchor '{reference}', which is not in the schema")),
        }
    }

    /// The longest chain of schemas for the same value that starts here.
    fn chain(&mut self, schema: &'a Value) -> Outcome<usize> {
        let Value::Object(map) = schema else { return Ok(0) };
        let key: *const Value = schema;
        match self.chains.get(&key) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => {
                return invalid("the schema refers to itself without looking at a part of the value: no end")
            }
            None => self.chains.insert(key, None),
        };
        for refused in ["$dynamicRef", "$recursiveRef"] {
            if map.get(refused).is_some_and(Value::is_string) {
                return invalid(format!("'{refused}' is not supported; use '$ref'"));
            }
        }
        if map.get("$id").is_some_and(Value::is_string) && !std::ptr::eq(schema, self.root) {
            return invalid("'$id' inside a schema is not supported; name parts under '$defs' instead");
        }
        let mut longest = 0;
        let mut same: Vec<&'a Value> = Vec::new();
        if let Some(Value::String(reference)) = map.get("$ref") {
            same.push(self.target(reference)?);
        }
        for keyword in SAME_ONE {
            if let Some(found) = map.get(keyword) {
                each(found, &mut |part| {
                    same.push(part);
                    Ok(())
                })?;
            }
        }
        for keyword in SAME_MAP {
            if let Some(found) = map.get(keyword) {
                each_in_map(found, &mut |part| {
                    same.push(part);
                    Ok(())
                })?;
            }
        }
        for next in same {
            longest = longest.max(self.chain(next)? + 1);
        }
        if longest > LONGEST_CHAIN {
            return invalid(format!("more than {LONGEST_CHAIN} schemas apply to one value in a row"));
        }
        self.chains.insert(key, Some(longest));
        let waiting = &mut self.waiting;
        let mut later = |part: &'a Value| {
            waiting.push(part);
            Ok(())
        };
        for keyword in PARTS_ONE {
            if let Some(found) = map.get(keyword) {
                each(found, &mut later)?;
            }
        }
        for keyword in PARTS_MAP {
            if let Some(found) = map.get(keyword) {
                each_in_map(found, &mut later)?;
            }
        }
        Ok(longest)
    }
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut i = 0;
    while i < bytes.len() {
        let code = text.get(i + 1..i + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[i], code) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 3;
            }
            (byte, _) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn anchored<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    match schema {
        Value::Object(map) => {
            if map.get("$anchor").and_then(Value::as_str) == Some(name) {
                return Some(schema);
            }
            map.values().find_map(|part| anchored(part, name))
        }
        Value::Array(items) => items.iter().find_map(|part| anchored(part, name)),
        _ => None,
    }
}

pub fn check(root: &Value) -> Outcome<()> {
    let mut checker = Checker { root, chains: HashMap::new(), waiting: vec![root] };
    while let Some(schema) = checker.waiting.pop() {
        if !checker.chains.contains_key(&(schema as *const Value)) {
            checker.chain(schema)?;
        }
    }
    Ok(())
}
