//! The text that a list may be: charlists and iodata. A secret in pieces is a secret.

use rustler::sys::ErlNifTerm;

use super::term::Heap;

/// How much of a list is looked at.
#[derive(Clone, Copy)]
pub(super) struct Bounds {
    /// Elements that are kept.
    pub elements: u64,
    pub bytes: usize,
}

/// Looked at beyond what is kept: a secret may begin in what is kept and end later.
const AHEAD: usize = 512;
/// How deep lists in lists are followed.
const NESTING_MAX: usize = 16;

/// What was put together.
pub(super) struct Searched {
    /// Elements that are in the text whole; `u64::MAX` when all that are kept are.
    pub elements: u64,
    /// Whether all that is inside of them is, too.
    pub inside: bool,
    /// Terms that were looked at.
    pub steps: usize,
}

/// Puts together what the list says, zeros for what is no text.
pub(super) fn put_together(
    heap: Heap,
    list: ErlNifTerm,
    bounds: Bounds,
    text: &mut Vec<u8>,
) -> Searched {
    text.clear();
    let limit = bounds.bytes + AHEAD;
    let mut outer = [list; NESTING_MAX];
    let mut depth = 0;
    let mut rest = list;
    let (mut seen, mut whole, mut steps, mut inside) = (0u64, 0u64, 0usize, true);
    while text.len() < limit && steps < 2 * limit {
        steps += 1;
        let Some((head, tail)) = heap.uncons(rest) else {
            // The tail of an improper list may be a text.
            append(heap, rest, text, limit);
            if depth == 0 {
                return Searched {
                    elements: u64::MAX,
                    inside,
                    steps,
                };
            }
            depth -= 1;
            rest = outer[depth];
            if depth == 0 {
                whole = seen;
            }
            continue;
        };
        if depth == 0 {
            if seen >= bounds.elements.saturating_add(AHEAD as u64 / 2) {
                return Searched {
                    elements: u64::MAX,
                    inside,
                    steps,
                };
            }
            seen += 1;
        }
        if heap.is_list(head) && !heap.is_empty_list(head) {
            if depth < NESTING_MAX {
                outer[depth] = tail;
                depth += 1;
                rest = head;
                continue;
            }
            inside = false;
        }
        append(heap, head, text, limit);
        rest = tail;
        if depth == 0 && text.len() <= bounds.bytes {
            whole = seen;
        }
    }
    // One element is always kept: by itself it is searched again.
    Searched {
        elements: whole.max(1),
        inside: false,
        steps,
    }
}

fn append(heap: Heap, term: ErlNifTerm, text: &mut Vec<u8>, limit: usize) {
    if let Some(int) = heap.small(term) {
        match u32::try_from(int).ok().and_then(char::from_u32) {
            Some(c) if c.is_ascii() => text.push(c as u8),
            Some(c) => text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => text.push(0),
        }
    } else if let Some(bytes) = heap.binary(term) {
        let room = limit.saturating_sub(text.len());
        text.extend_from_slice(&bytes[..bytes.len().min(room)]);
    } else if !heap.is_empty_list(term) {
        text.push(0);
    }
}
