//! JSON Schema: a compiled schema says what is wrong with a value.

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::Value;

use crate::ffi::{guard, invalid, text, Bytes, Outcome};
use crate::schema_check;

pub struct Schema {
    validator: Validator,
}

struct NothingIsFetched;

impl Retrieve for NothingIsFetched {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("'{uri}' is outside the schema, and nothing is fetched").into())
    }
}

fn parse(json: &str, what: &str) -> Outcome<Value> {
    serde_json::from_str(json).or_else(|error| invalid(format!("{what} is not JSON: {error}")))
}

/// Messages quote the value; a long one would drown the sentence.
fn shortened(message: String) -> String {
    match message.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

fn sentence(place: String, error: String) -> String {
    let place = if place.is_empty() { "the value".to_string() } else { place };
    shortened(format!("{place}: {error}"))
}

impl Schema {
    pub fn new(json: &str) -> Outcome<Schema> {
        let schema = parse(json, "the schema")?;
        if !schema.is_object() && !schema.is_boolean() {
            return invalid("expected a schema to be an object, true or false");
        }
        schema_check::check(&schema)?;
        match jsonschema::options().with_retriever(NothingIsFetched).build(&schema) {
            Ok(validator) => Ok(Schema { validator }),
            Err(error) => invalid(format!(
                "the schema is wrong: {}",
                sentence(error.instance_path.to_string(), error.to_string())
            )),
        }
    }

    /// At most `most` sentences.
    pub fn errors(&self, json: &str, most: usize) -> Vec<String> {
        let mut value = match serde_json::from_str::<Value>(json) {
            Ok(value) => value,
            Err(error) => return vec![format!("the text is not JSON: {error}")],
        };
        // The validator's `uniqueItems` takes objects for different whose keys stand in another order.
        value.sort_all_objects();
        self.validator
            .iter_errors(&value)
            .take(most)
            .map(|error| sentence(error.instance_path.to_string(), error.to_string()))
            .collect()
    }
}

#[no_mangle]
pub unsafe extern "C" fn whorl_schema_compile(
    json: *const u8,
    size: usize,
    out: *mut *mut Schema,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        *out = Box::into_raw(Box::new(Schema::new(text(json, size, "the schema")?)?));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_schema_free(schema: *mut Schema) {
    drop(Box::from_raw(schema));
}

/// Sentences, each followed by a NUL byte.
#[no_mangle]
pub unsafe extern "C" fn whorl_schema_errors(
    schema: *const Schema,
    json: *const u8,
    size: usize,
    most: usize,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let mut joined = Vec::new();
        for sentence in (*schema).errors(text(json, size, "the value")?, most) {
            joined.extend(sentence.replace('\0', " ").into_bytes());
            joined.push(0);
        }
        *out = Bytes::new(joined);
        Ok(())
    })
}
