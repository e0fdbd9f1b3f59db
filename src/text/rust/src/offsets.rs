//! Exact byte ranges of tokens.
//!
//! The reference gives every piece of a split character the whole character, and some files trim the
//! space off a token's range. Where a token's own bytes stand in the text right where the previous token
//! ended, that is its range; elsewhere the reference's answer stays.

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
        let bytes = bytes_of(id);
        let fits = |start: usize| {
            let stop = start + bytes.len();
            let touches = start <= end && begin <= stop;
            !bytes.is_empty() && touches && text.get(start..stop) == Some(bytes)
        };
        let range = match (fits(at), fits(begin)) {
            (true, _) => (at, at + bytes.len()),
            (_, true) => (begin, begin + bytes.len()),
            _ => (begin, end),
        };
        at = range.1.max(at);
        out.push(range);
    }
    out
}
