//! Exact byte ranges of tokens.
//!
//! The reference gives every piece of a split character the whole character, gives the space that it puts
//! in front of a text the first character, and some files trim the space off a token's range. Where a
//! token's own bytes stand in the text right where the previous token ended, that is its range; elsewhere
//! the reference's answer stays, as far as it does not run backwards.

pub fn refine<'a>(
    text: &[u8],
    ids: &[u32],
    offsets: &[(usize, usize)],
    special: &[u32],
    bytes_of: impl Fn(u32) -> &'a [u8],
) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut out = Vec::with_capacity(ids.len());
    for (i, &id) in ids.iter().enumerate() {
        let (begin, end) = offsets[i];
        // Added by the post-processor: stands for no bytes.
        if special[i] != 0 && begin == end {
            out.push((at, at));
            continue;
        }
        let range = place(text, bytes_of(id), at, (begin, end));
        at = range.1;
        out.push(range);
    }
    out
}

fn place(text: &[u8], bytes: &[u8], at: usize, (begin, end): (usize, usize)) -> (usize, usize) {
    let stands = |part: &[u8], start: usize| {
        let stop = start + part.len();
        let touches = start <= end && begin <= stop;
        (start >= at && touches && text.get(start..stop) == Some(part)).then_some((start, stop))
    };
    let put_in_front = || {
        let rest = bytes.strip_prefix(b" ")?;
        stands(rest, at)
    };
    let found = if bytes.is_empty() { None } else { stands(bytes, at).or_else(|| stands(bytes, begin)) };
    found.or_else(put_in_front).unwrap_or((begin.max(at), end.max(at)))
}
