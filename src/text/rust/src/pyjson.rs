//! JSON as Python's `json` module reads and writes it, for chat templates.
//!
//! Key order and the spelling of numbers survive: what a template prints of the data is what the data says.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Kwargs, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, Value};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::marks::is_mark;

/// JSON with numbers as text.
pub enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

struct Pairs<'a>(Vec<(String, &'a RawValue)>);

impl<'de> serde::Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairVisitor;
        impl<'de> Visitor<'de> for PairVisitor {
            type Value = Pairs<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairVisitor)
    }
}

impl Json {
    pub fn parse(text: &str) -> Result<Json, serde_json::Error> {
        let raw: &RawValue = serde_json::from_str(text)?;
        Json::from_raw(raw)
    }

    // The outermost parse has bounded the depth already.
    fn from_raw(raw: &RawValue) -> Result<Json, serde_json::Error> {
        let text = raw.get();
        Ok(match text.as_bytes()[0] {
            b'n' => Json::Null,
            b't' => Json::Bool(true),
            b'f' => Json::Bool(false),
            b'"' => Json::String(serde_json::from_str(text)?),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                Json::Array(items.into_iter().map(Json::from_raw).collect::<Result<_, _>>()?)
            }
            b'{' => Json::Object(Json::object(serde_json::from_str(text)?)?),
            _ => Json::Number(text.to_string()),
        })
    }

    // A repeated key keeps its first place and its last value, as in Python.
    fn object(pairs: Pairs) -> Result<Vec<(String, Json)>, serde_json::Error> {
        let mut out: Vec<(String, Json)> = Vec::with_capacity(pairs.0.len());
        let mut places = std::collections::HashMap::new();
        for (key, raw) in pairs.0 {
            let value = Json::from_raw(raw)?;
            match places.get(&key) {
                Some(&at) => {
                    let slot: &mut (String, Json) = &mut out[at];
                    slot.1 = value;
                }
                None => {
                    places.insert(key.clone(), out.len());
                    out.push((key, value));
                }
            }
        }
        Ok(out)
    }

    pub fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(pairs) => pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn to_value(&self) -> Value {
        match self {
            Json::Null => Value::from(()),
            Json::Bool(flag) => Value::from(*flag),
            Json::Number(text) => number(text),
            Json::String(text) => Value::from(text.as_str()),
            Json::Array(items) => Value::from(items.iter().map(Json::to_value).collect::<Vec<_>>()),
            Json::Object(pairs) => {
                Value::from_pairs(pairs.iter().map(|(k, v)| (Value::from(k.as_str()), v.to_value())))
            }
        }
    }
}

/// A number whose spelling the engine's own numbers would not give back, such as 1e5 or 2.50.
#[derive(Debug)]
struct Spelled(String);

impl Object for Spelled {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn number(text: &str) -> Value {
    if let Ok(int) = text.parse::<i128>() {
        if int.to_string() == text {
            return Value::from(int);
        }
    } else if let Ok(float) = text.parse::<f64>() {
        let value = Value::from(float);
        if value.to_string() == text {
            return value;
        }
    }
    Value::from_object(Spelled(text.to_string()))
}

/// `json.dumps` with the arguments that templates use.
pub struct Dumps {
    indent: Option<usize>,
    item_separator: String,
    key_separator: String,
    sort_keys: bool,
    ensure_ascii: bool,
    out: String,
}

const MAX_DEPTH: usize = 200;

/// The `tojson` filter as Hugging Face defines it.
pub fn tojson(value: &Value, kwargs: Kwargs) -> Result<Value, Error> {
    let mut dumps = Dumps::new(&kwargs)?;
    kwargs.assert_all_used()?;
    dumps.write(value, 0)?;
    Ok(Value::from(dumps.out))
}

/// `json.dumps` with default arguments.
pub fn dumps(value: &Value) -> Result<String, Error> {
    let mut dumps = Dumps::new(&Kwargs::from_iter(Vec::<(&str, Value)>::new()))?;
    dumps.write(value, 0)?;
    Ok(dumps.out)
}

impl Dumps {
    fn new(kwargs: &Kwargs) -> Result<Dumps, Error> {
        let indent: Option<usize> = kwargs.get("indent")?;
        let separators: Option<Vec<String>> = kwargs.get("separators")?;
        let item = if indent.is_some() { "," } else { ", " };
        let (item_separator, key_separator) = match separators.as_deref() {
            None => (item.to_string(), ": ".to_string()),
            Some([item, key]) => (item.clone(), key.clone()),
            Some(_) => return Err(Error::new(ErrorKind::InvalidOperation, "separators must be a pair")),
        };
        Ok(Dumps {
            indent,
            item_separator,
            key_separator,
            sort_keys: kwargs.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
            ensure_ascii: kwargs.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
            out: String::new(),
        })
    }

    fn write(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::InvalidOperation, "tojson: nested too deep"));
        }
        match value.kind() {
            ValueKind::None => self.out.push_str("null"),
            ValueKind::Bool => self.out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => self.out.push_str(&value.to_string()),
            ValueKind::String => self.string(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable => self.list(value, depth)?,
            ValueKind::Map => self.map(value, depth)?,
            _ if value.downcast_object_ref::<Spelled>().is_some() => self.out.push_str(&value.to_string()),
            kind => {
                let message = format!("tojson: a value of type {kind} is not JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        }
        Ok(())
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        self.out.push('[');
        let mut first = true;
        for item in value.try_iter()? {
            self.separate(&mut first, depth + 1);
            self.write(&item, depth + 1)?;
        }
        self.close(first, depth, ']');
        Ok(())
    }

    fn map(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        let mut keys: Vec<Value> = value.try_iter()?.collect();
        if self.sort_keys {
            keys.sort();
        }
        self.out.push('{');
        let mut first = true;
        for key in keys {
            self.separate(&mut first, depth + 1);
            match key.kind() {
                ValueKind::String => self.string(key.as_str().unwrap_or_default()),
                ValueKind::None => self.out.push_str("\"null\""),
                ValueKind::Bool => self.out.push_str(if key.is_true() { "\"true\"" } else { "\"false\"" }),
                _ => self.string(&key.to_string()),
            }
            let separator = self.key_separator.clone();
            self.out.push_str(&separator);
            self.write(&value.get_item(&key)?, depth + 1)?;
        }
        self.close(first, depth, '}');
        Ok(())
    }

    fn separate(&mut self, first: &mut bool, depth: usize) {
        if !std::mem::replace(first, false) {
            let separator = self.item_separator.clone();
            self.out.push_str(&separator);
        }
        self.new_line(depth);
    }

    fn close(&mut self, empty: bool, depth: usize, bracket: char) {
        if !empty {
            self.new_line(depth);
        }
        self.out.push(bracket);
    }

    fn new_line(&mut self, depth: usize) {
        if let Some(indent) = self.indent {
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                c if (c as u32) < 0x20 => self.escape(c),
                c if self.ensure_ascii && (c as u32) > 0x7e && !is_mark(c) => self.escape(c),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }

    fn escape(&mut self, c: char) {
        for unit in c.encode_utf16(&mut [0; 2]) {
            self.out.push_str(&format!("\\u{unit:04x}"));
        }
    }
}
