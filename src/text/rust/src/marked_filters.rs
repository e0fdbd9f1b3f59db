//! The filters that look inside strings, for strings that carry marks.

use minijinja::value::{Rest, ValueKind};
use minijinja::{Environment, Error, State, Value};

use crate::marked_methods::{marked, pieces, plain, replace, stripped, unmappable};
use crate::marks::Marked;

/// Name under which the engine's own filter stays reachable.
fn builtin(name: &str) -> String {
    format!("whorl_plain_{name}")
}

fn call(state: &mut State, name: &str, value: Value, args: &[Value]) -> Result<Value, Error> {
    let mut all = vec![value];
    all.extend(args.iter().map(plain));
    state.apply_filter(&builtin(name), &all)
}

type Remark = fn(&Marked, &[Value], Value) -> Option<Value>;

// The filter on the text without marks, then its result marked again.
fn wrap(env: &mut Environment<'static>, name: &'static str, remark: Remark) {
    env.add_filter(name, move |state: &mut State, value: Value, args: Rest<Value>| {
        let Some(text) = marked(&value, name)? else { return call(state, name, value, &args) };
        let result = call(state, name, Value::from(text.text.as_str()), &args)?;
        remark(&text, &args, result).ok_or_else(|| unmappable(&format!("filter '{name}'")))
    });
}

fn number(_: &Marked, _: &[Value], result: Value) -> Option<Value> {
    matches!(result.kind(), ValueKind::Number | ValueKind::Bool).then_some(result)
}

fn never(_: &Marked, _: &[Value], _: Value) -> Option<Value> {
    None
}

fn same_length(text: &Marked, _: &[Value], result: Value) -> Option<Value> {
    text.transfer(result.as_str()?).map(Value::from)
}

fn trimmed(text: &Marked, _: &[Value], result: Value) -> Option<Value> {
    stripped(text, result.as_str()?)
}

fn split(text: &Marked, args: &[Value], result: Value) -> Option<Value> {
    pieces(text, args, &result)
}

/// Puts the mark-aware filters over the engine's own, which must be there already.
pub fn install(env: &mut Environment<'static>, names: &[&'static str]) {
    for &name in names {
        match name {
            "replace" => env.add_filter(name, |state: &mut State, value: Value, args: Rest<Value>| {
                let any = marked(&value, "replace")?;
                match any {
                    Some(text) => replace(&text, &args),
                    None => call(state, "replace", value, &args),
                }
            }),
            "indent" => env.add_filter(name, |state: &mut State, value: Value, args: Rest<Value>| {
                // White space is put in at line ends only, outside or inside of marks alike.
                let mut all = vec![value];
                all.extend(args.iter().cloned());
                state.apply_filter(&builtin("indent"), &all)
            }),
            "upper" | "lower" | "title" | "capitalize" => wrap(env, name, same_length),
            "trim" => wrap(env, name, trimmed),
            "split" | "lines" => wrap(env, name, split),
            "length" | "count" | "int" | "float" | "bool" | "wordcount" => wrap(env, name, number),
            _ => wrap(env, name, never),
        }
    }
}

/// The filters that `install` covers. Those not named see through marks by themselves (join, default,
/// string, tojson …).
pub const COVERED: [&str; 17] = [
    "trim",
    "upper",
    "lower",
    "title",
    "capitalize",
    "split",
    "lines",
    "length",
    "count",
    "int",
    "float",
    "bool",
    "replace",
    "indent",
    "first",
    "last",
    "reverse",
];

/// Registers the engine's own filters once more under the names `call` uses.
pub fn keep_builtins(env: &mut Environment<'static>) {
    use minijinja::filters as f;
    env.add_filter(builtin("trim"), f::trim);
    env.add_filter(builtin("upper"), f::upper);
    env.add_filter(builtin("lower"), f::lower);
    env.add_filter(builtin("title"), f::title);
    env.add_filter(builtin("capitalize"), f::capitalize);
    env.add_filter(builtin("split"), f::split);
    env.add_filter(builtin("lines"), f::lines);
    env.add_filter(builtin("length"), f::length);
    env.add_filter(builtin("count"), f::length);
    env.add_filter(builtin("int"), f::int);
    env.add_filter(builtin("float"), f::float);
    env.add_filter(builtin("bool"), f::bool);
    env.add_filter(builtin("replace"), f::replace);
    env.add_filter(builtin("indent"), f::indent);
    env.add_filter(builtin("first"), f::first);
    env.add_filter(builtin("last"), f::last);
    env.add_filter(builtin("reverse"), f::reverse);
}
