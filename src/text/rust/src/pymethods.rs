//! Python methods that templates use: the engine's compatible ones, and a few more.

use minijinja::value::from_args;
use minijinja::{Error, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

fn list(pieces: &[&str]) -> Value {
    Value::from(pieces.iter().map(|piece| Value::from(*piece)).collect::<Vec<_>>())
}

pub fn method(state: &mut State, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let Some(text) = value.as_str() else { return unknown_method_callback(state, value, name, args) };
    match name {
        "removeprefix" => {
            let (prefix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_prefix(prefix).unwrap_or(text)))
        }
        "removesuffix" => {
            let (suffix,): (&str,) = from_args(args)?;
            Ok(Value::from(text.strip_suffix(suffix).unwrap_or(text)))
        }
        "rsplit" => {
            let (separator, most): (&str, Option<usize>) = from_args(args)?;
            let most = most.unwrap_or(usize::MAX - 1);
            let mut pieces: Vec<&str> = text.rsplitn(most + 1, separator).collect();
            pieces.reverse();
            Ok(list(&pieces))
        }
        "partition" => {
            let (separator,): (&str,) = from_args(args)?;
            let (before, after) = text.split_once(separator).unwrap_or((text, ""));
            let middle = if before.len() == text.len() { "" } else { separator };
            Ok(list(&[before, middle, after]))
        }
        "rpartition" => {
            let (separator,): (&str,) = from_args(args)?;
            match text.rsplit_once(separator) {
                Some((before, after)) => Ok(list(&[before, separator, after])),
                None => Ok(list(&["", "", text])),
            }
        }
        _ => unknown_method_callback(state, value, name, args),
    }
}
