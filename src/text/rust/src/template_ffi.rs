//! C entries of chat templates.

use crate::ffi::{guard, invalid, leak, text, unleak, Bytes, Fault, Outcome};
use crate::provenance;
use crate::pyjson::Json;
use crate::template::{Input, Template};

/// `specials` is a JSON object of strings, `end_of_turn` a JSON list of strings.
#[no_mangle]
pub unsafe extern "C" fn whorl_template_new(
    source: *const u8,
    source_size: usize,
    specials: *const u8,
    specials_size: usize,
    end_of_turn: *const u8,
    end_of_turn_size: usize,
    fuel: u64,
    max_output_bytes: usize,
    out: *mut *const Template,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let source = text(source, source_size, "the template")?;
        let specials: std::collections::BTreeMap<String, String> =
            serde_json::from_str(text(specials, specials_size, "the special tokens")?).map_err(json_fault)?;
        let ends: Vec<String> =
            serde_json::from_str(text(end_of_turn, end_of_turn_size, "the end-of-turn tokens")?)
                .map_err(json_fault)?;
        let ends = ends.into_iter().filter(|token| !token.is_empty()).collect();
        let template = Template::new(source, specials.into_iter().collect(), ends, fuel, max_output_bytes)?;
        *out = Box::into_raw(Box::new(template));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_template_free(template: *mut Template) {
    drop(Box::from_raw(template));
}

#[no_mangle]
pub unsafe extern "C" fn whorl_template_refuse_undefined(template: *mut Template) {
    (*template).refuse_undefined();
}

#[no_mangle]
pub unsafe extern "C" fn whorl_template_uses_clock(template: *const Template) -> bool {
    (*template).uses_clock()
}

/// What to render. Empty `tools` or `extra` mean none.
#[repr(C)]
pub struct FfiInput {
    messages: *const u8,
    messages_size: usize,
    tools: *const u8,
    tools_size: usize,
    extra: *const u8,
    extra_size: usize,
    now: i64,
    add_generation_prompt: bool,
}

/// One assistant turn.
#[repr(C)]
pub struct FfiSpan {
    begin: usize,
    end: usize,
    message: usize,
    terminated: bool,
}

/// A rendered chat; freed by `whorl_chat_free`.
#[repr(C)]
pub struct FfiChat {
    text: Bytes,
    spans: *mut FfiSpan,
    span_count: usize,
    untrusted: *mut [usize; 2],
    untrusted_count: usize,
    content: *mut [usize; 2],
    content_count: usize,
    by_prefix: bool,
}

#[no_mangle]
pub unsafe extern "C" fn whorl_chat_free(chat: FfiChat) {
    crate::ffi::whorl_bytes_free(chat.text);
    unleak(chat.spans, chat.span_count);
    unleak(chat.untrusted, chat.untrusted_count);
    unleak(chat.content, chat.content_count);
}

fn json_fault(error: serde_json::Error) -> Fault {
    Fault::Invalid(format!("not valid JSON: {error}"))
}

unsafe fn optional(data: *const u8, size: usize, what: &str) -> Outcome<Option<Json>> {
    let source = text(data, size, what)?;
    if source.trim().is_empty() {
        return Ok(None);
    }
    match Json::parse(source) {
        Ok(Json::Null) => Ok(None),
        Ok(json) => Ok(Some(json)),
        Err(error) => invalid(format!("{what}: not valid JSON: {error}")),
    }
}

unsafe fn input(template: &Template, ffi: &FfiInput) -> Outcome<Input> {
    let mut messages = match optional(ffi.messages, ffi.messages_size, "messages")? {
        Some(Json::Array(messages)) => messages,
        _ => return invalid("expected messages to be a JSON list"),
    };
    for (k, message) in messages.iter().enumerate() {
        if message.get("role").and_then(Json::as_str).is_none() {
            return invalid(format!("expected message {k} to be an object with a string 'role'"));
        }
    }
    template.settle_arguments(&mut messages);
    let tools = optional(ffi.tools, ffi.tools_size, "tools")?;
    if tools.as_ref().is_some_and(|tools| !matches!(tools, Json::Array(_))) {
        return invalid("expected tools to be a JSON list");
    }
    let extra = match optional(ffi.extra, ffi.extra_size, "extra variables")? {
        Some(Json::Object(pairs)) => pairs,
        None => Vec::new(),
        _ => return invalid("expected the extra variables to be a JSON object"),
    };
    Ok(Input { messages, tools, extra, now: ffi.now })
}

#[no_mangle]
pub unsafe extern "C" fn whorl_template_render_text(
    template: *const Template,
    ffi: *const FfiInput,
    out: *mut Bytes,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let input = input(&*template, &*ffi)?;
        let text = (*template).plain_text(&input, input.messages.len(), (*ffi).add_generation_prompt)?;
        *out = Bytes::new(text.into_bytes());
        Ok(())
    })
}

fn pairs(ranges: Vec<(usize, usize)>) -> (*mut [usize; 2], usize) {
    leak(ranges.into_iter().map(|(begin, end)| [begin, end]).collect())
}

#[no_mangle]
pub unsafe extern "C" fn whorl_template_render(
    template: *const Template,
    ffi: *const FfiInput,
    out: *mut FfiChat,
    error: *mut Bytes,
) -> i32 {
    guard(error, || {
        let input = input(&*template, &*ffi)?;
        let chat = provenance::render(&*template, &input, (*ffi).add_generation_prompt)?;
        let spans = chat.assistant.iter().map(|s| FfiSpan {
            begin: s.begin,
            end: s.end,
            message: s.message,
            terminated: s.terminated,
        });
        let (spans, span_count) = leak(spans.collect());
        let (untrusted, untrusted_count) = pairs(chat.untrusted);
        let (content, content_count) = pairs(chat.assistant_content);
        *out = FfiChat {
            text: Bytes::new(chat.text.into_bytes()),
            spans,
            span_count,
            untrusted,
            untrusted_count,
            content,
            content_count,
            by_prefix: chat.method == "prefix",
        };
        Ok(())
    })
}
