//! One chat template: compiled twice, for plain strings and for marked ones.

use std::io;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::ffi::{invalid, Fault, Outcome};
use crate::pyjson::Json;
use crate::template_env::{environment, NOW};

const NAME: &str = "chat_template";
const MAX_SOURCE_BYTES: usize = 1 << 20;

pub struct Template {
    plain: Environment<'static>,
    marked: Environment<'static>,
    pub source: String,
    pub specials: Vec<(String, String)>,
    pub end_of_turn: Vec<String>,
    max_output: usize,
}

/// What a template is rendered with.
pub struct Input {
    pub messages: Vec<Json>,
    pub tools: Option<Json>,
    pub extra: Vec<(String, Json)>,
    pub now: i64,
}

struct Capped {
    out: Vec<u8>,
    left: usize,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.left {
            return Err(io::Error::other("too long"));
        }
        self.left -= bytes.len();
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `{% generation %}` … `{% endgeneration %}` says what the assistant wrote. The renderer finds that out by
/// itself; the tags become a plain block with the same white space around.
fn without_generation_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        out.push_str(before);
        let Some(end) = tag.find("%}") else {
            rest = tag;
            continue;
        };
        let inner = &tag[..end];
        match inner.trim_matches(|c: char| c.is_whitespace() || c == '-' || c == '+') {
            "generation" => out.push_str(&inner.replace("generation", "if true")),
            "endgeneration" => out.push_str(&inner.replace("endgeneration", "endif")),
            _ => {
                rest = tag;
                continue;
            }
        }
        rest = &tag[end..];
    }
    out + rest
}

pub fn describe(error: &Error, max_output: usize) -> String {
    let line = error.line().map_or(String::new(), |line| format!("line {line}: "));
    let what = match error.kind() {
        ErrorKind::OutOfFuel => "ran out of fuel: an endless loop, or far more work than a chat needs".into(),
        ErrorKind::WriteFailure => format!("wrote more than {max_output} bytes"),
        kind => match error.detail() {
            Some(detail) => format!("{kind}: {detail}"),
            None => kind.to_string(),
        },
    };
    format!("{line}{what}")
}

impl Template {
    pub fn new(
        source: &str,
        specials: Vec<(String, String)>,
        end_of_turn: Vec<String>,
        fuel: u64,
        max_output: usize,
    ) -> Outcome<Template> {
        if source.len() > MAX_SOURCE_BYTES {
            return invalid(format!("expected at most {MAX_SOURCE_BYTES} bytes, got {}", source.len()));
        }
        let prepared = without_generation_tags(source);
        let compile = |marked: bool| -> Result<Environment<'static>, Error> {
            let mut env = environment(fuel, marked)?;
            env.add_template_owned(NAME, prepared.clone())?;
            Ok(env)
        };
        let fault = |error: Error| Fault::Invalid(describe(&error, max_output));
        Ok(Template {
            plain: compile(false).map_err(fault)?,
            marked: compile(true).map_err(fault)?,
            source: source.to_string(),
            specials,
            end_of_turn,
            max_output,
        })
    }

    pub fn uses_clock(&self) -> bool {
        self.source.contains("strftime_now")
    }

    /// From now on a variable that is not there is an error when it is printed, not an empty text.
    pub fn refuse_undefined(&mut self) {
        for env in [&mut self.plain, &mut self.marked] {
            env.set_undefined_behavior(UndefinedBehavior::SemiStrict);
        }
    }

    // Whether tool-call arguments are meant to be objects or the JSON text of one: text if the template
    // prints `arguments` as it stands and nowhere treats it as an object.
    fn wants_argument_objects(&self) -> bool {
        let (mut printed, mut used) = (false, false);
        for (at, word) in self.source.match_indices("arguments") {
            let rest = self.source[at + word.len()..]
                .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ')' | '\'' | '"' | ']'));
            let filter = rest.strip_prefix('|').map_or("", str::trim_start);
            used |= rest.starts_with(".items")
                || ["tojson", "items", "dictsort"].iter().any(|name| filter.starts_with(name));
            printed |= ["}}", "-}}", "+", "~"].iter().any(|end| rest.starts_with(end));
        }
        used || !printed
    }

    /// Tool-call arguments arrive as an object or as its JSON text; the template gets what it wants.
    pub fn settle_arguments(&self, messages: &mut [Json]) {
        let objects = self.wants_argument_objects();
        for message in messages {
            let Json::Object(pairs) = message else { continue };
            for (key, value) in pairs {
                if key == "tool_calls" {
                    settle_calls(value, objects);
                }
            }
        }
    }

    /// Renders `messages` (all that the template may see of the conversation).
    pub fn render(
        &self,
        messages: Value,
        tools: Value,
        input: &Input,
        generate: bool,
        marked: bool,
    ) -> Result<String, Error> {
        let env = if marked { &self.marked } else { &self.plain };
        let mut context: Vec<(String, Value)> = vec![
            ("documents".into(), Value::from(())),
            ("add_generation_prompt".into(), Value::from(generate)),
            (NOW.into(), Value::from(input.now)),
            ("tools".into(), tools),
        ];
        context.extend(self.specials.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))));
        context.extend(input.extra.iter().map(|(k, v)| (k.clone(), v.to_value())));
        context.push(("messages".into(), messages));
        let left = self.max_output;
        let run = move || -> Result<String, Error> {
            let mut sink = Capped { out: Vec::new(), left };
            env.get_template(NAME)?.render_captured_to(Value::from_pairs(context), &mut sink)?;
            let failed = |_| Error::new(ErrorKind::InvalidOperation, "the output is not UTF-8");
            String::from_utf8(sink.out).map_err(failed)
        };
        if self.can_nest() {
            on_deep_stack(run)
        } else {
            run()
        }
    }

    // Values that hold values that hold values are printed and freed by recursion. A template can pile them
    // up only through a namespace, or by being very long.
    fn can_nest(&self) -> bool {
        self.source.contains("namespace") || self.source.len() > 32 << 10
    }

    pub fn plain_text(&self, input: &Input, count: usize, generate: bool) -> Outcome<String> {
        let messages: Vec<Value> = input.messages[..count].iter().map(Json::to_value).collect();
        let tools = input.tools.as_ref().map_or(Value::from(()), Json::to_value);
        self.render(Value::from(messages), tools, input, generate, false)
            .map_err(|error| Fault::Invalid(describe(&error, self.max_output)))
    }
}

/// Enough for the deepest value that a render's fuel can pay for. Only what is used is ever committed.
const DEEP_STACK: usize = 1 << 30;

fn on_deep_stack(run: impl FnOnce() -> Result<String, Error> + Send) -> Result<String, Error> {
    let failed = |what: &str| Error::new(ErrorKind::InvalidOperation, what.to_string());
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(DEEP_STACK)
            .spawn_scoped(scope, run)
            .map_err(|error| failed(&format!("no thread for a template that uses namespaces: {error}")))?
            .join()
            .unwrap_or_else(|_| Err(failed("internal error while rendering")))
    })
}

fn settle_calls(calls: &mut Json, objects: bool) {
    let Json::Array(calls) = calls else { return };
    for call in calls {
        let Json::Object(pairs) = call else { continue };
        for (key, value) in pairs {
            match (key.as_str(), value) {
                ("arguments", value) => settle(value, objects),
                ("function", Json::Object(inner)) => {
                    for (key, value) in inner {
                        if key == "arguments" {
                            settle(value, objects);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

fn settle(arguments: &mut Json, objects: bool) {
    match arguments {
        Json::String(text) if objects => {
            if let Ok(parsed @ Json::Object(_)) = Json::parse(text) {
                *arguments = parsed;
            }
        }
        Json::Object(_) if !objects => {
            if let Ok(text) = crate::pyjson::dumps(&arguments.to_value()) {
                *arguments = Json::String(text);
            }
        }
        _ => {}
    }
}
