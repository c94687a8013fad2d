//! Secrets inside of texts, by their looks, and by names that stand before them.

use std::ops::Range;

pub use super::tokens::is_card_number;
use super::tokens::{self, run};
use super::{Rule, Rules};

/// What takes a secret's place in a text.
pub const MASK: &[u8] = b"[REDACTED]";
/// The name before a `=` or `:` is looked for this far back.
const NAME_BYTES_MAX: usize = 64;

/// A secret in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secret {
    pub range: Range<usize>,
    pub rule: Rule,
}

/// Bits of what could begin, or stand before, a secret.
const WORD: u8 = 1;
const PAIR: u8 = 2;
const DASH: u8 = 4;
const DIGIT: u8 = 8;
const COMMA: u8 = 16;

static SIGNS: [u8; 256] = {
    let mut signs = [0u8; 256];
    let mut byte = 0;
    while byte < 256 {
        let it = byte as u8;
        signs[byte] = match it {
            b'e' | b'b' | b'B' => WORD,
            _ if tokens::begins_vendor(it) => WORD,
            b':' | b'=' => PAIR,
            b'-' => DASH,
            b'0'..=b'9' => DIGIT,
            b',' => COMMA,
            _ => 0,
        };
        byte += 1;
    }
    signs
};

/// The first secret that begins at `from` or later, and before `until`. It may end later.
pub fn next(rules: &Rules, text: &[u8], from: usize, until: usize) -> Option<Secret> {
    let mut at = from;
    let until = until.min(text.len());
    while at < until {
        let sign = SIGNS[usize::from(text[at])];
        if sign != 0
            && let Some(secret) = at_sign(rules, text, at, sign)
            && secret.range.start >= from
        {
            return Some(secret);
        }
        at += 1;
    }
    None
}

#[inline]
fn at_sign(rules: &Rules, text: &[u8], at: usize, sign: u8) -> Option<Secret> {
    let begins_word = || at == 0 || !text[at - 1].is_ascii_alphanumeric();
    let secret = |rule: Rule, from: usize, to: usize| {
        rules.looks_for(rule).then_some(Secret {
            range: from..to,
            rule,
        })
    };
    match sign {
        WORD => {
            // Nothing shorter is a secret.
            if text.len() - at < 9 {
                return None;
            }
            if text[at] == b'e' {
                let end = tokens::jwt(text, at)?;
                return secret(Rule::Jwt, at, end);
            }
            if !begins_word() {
                return None;
            }
            if matches!(text[at], b'b' | b'B') {
                let (from, to) = tokens::bearer(text, at)?;
                return secret(Rule::Bearer, from, to);
            }
            secret(Rule::ApiKey, at, tokens::vendor(text, at)?)
        }
        PAIR => {
            if text[at] == b':' && text[at + 1..].starts_with(b"//") {
                let (from, to) = tokens::url_password(text, at)?;
                return secret(Rule::Url, from, to);
            }
            let (from, to) = pair(rules, text, at)?;
            secret(Rule::Pair, from, to)
        }
        COMMA => {
            let (from, to) = tuple(rules, text, at)?;
            secret(Rule::Pair, from, to)
        }
        DASH => secret(Rule::PrivateKey, at, tokens::private_key(text, at)?),
        _ => {
            let apart = begins_word() && (at == 0 || text[at - 1] != b'.');
            apart
                .then(|| tokens::card(text, at))
                .flatten()
                .and_then(|end| secret(Rule::CardNumber, at, end))
        }
    }
}

/// `name=value`, `name: value`, `"name": "value"`, `:name => "value"`: where the value begins and ends.
fn pair(rules: &Rules, text: &[u8], at: usize) -> Option<(usize, usize)> {
    let name = name_before(text, at)?;
    if !rules.keys.matches(&text[name]) {
        return None;
    }
    let from = run(text, at + 1, |byte| {
        matches!(byte, b' ' | b'\t' | b'>' | b'=' | b':')
    });
    let spaced = text[at] == b':' && from > at + 1;
    value(text, from, spaced)
}

/// `{:name, value}` and `{"name", value}`, as `inspect` writes them.
fn tuple(rules: &Rules, text: &[u8], at: usize) -> Option<(usize, usize)> {
    let name = name_before(text, at)?;
    let start = name.start.checked_sub(2)?;
    let opened = matches!(&text[start..name.start], b"{:" | b"{\"")
        || (start > 0 && &text[start - 1..name.start] == b"{:\"");
    if !opened || !rules.keys.matches(&text[name]) {
        return None;
    }
    value(text, run(text, at + 1, |byte| byte == b' '), true)
}

/// The name that ends before `at`, spaces, quotes and backslashes between.
fn name_before(text: &[u8], at: usize) -> Option<Range<usize>> {
    let least = at.saturating_sub(NAME_BYTES_MAX);
    let window = &text[least..at];
    let end = window
        .iter()
        .rposition(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b'\\'))?
        + 1;
    let is_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | 0x80..);
    let start = window[..end]
        .iter()
        .rposition(|byte| !is_name(byte))
        .map_or(0, |it| it + 1);
    (start < end).then_some(least + start..least + end)
}

/// What is written at `from`: in quotes, in brackets, or up to what ends it.
fn value(text: &[u8], from: usize, spaced: bool) -> Option<(usize, usize)> {
    let escapes = run(text, from, |byte| byte == b'\\') - from;
    let open = *text.get(from + escapes)?;
    let from_sigil = if open == b'~' {
        from + 2
    } else {
        from + escapes
    };
    match text.get(from_sigil).copied() {
        Some(quote @ (b'"' | b'\'')) => {
            let from = from_sigil + 1;
            let to = quoted_end(text, from, quote, escapes);
            (from < to).then_some((from, to))
        }
        Some(b'{' | b'[' | b'(' | b'%' | b'<') => Some((from, brackets_end(text, from))),
        _ => {
            let to = run(text, from, |byte| match byte {
                b'\n' | b'\r' | b',' | b'}' | b']' | b')' | b'"' | b'<' => false,
                b' ' | b'\t' | b'&' | b';' | b'\'' => spaced,
                _ => true,
            });
            (from < to).then_some((from, to))
        }
    }
}

/// The closing quote: with as many backslashes before it as the opening one had, or the end of the text.
fn quoted_end(text: &[u8], from: usize, quote: u8, escapes: usize) -> usize {
    let mut backslashes = 0;
    for (at, byte) in text[from..].iter().enumerate() {
        if *byte == b'\\' {
            backslashes += 1;
            continue;
        }
        let closes = if escapes == 0 {
            backslashes % 2 == 0
        } else {
            backslashes <= escapes
        };
        if *byte == quote && closes {
            return from + at - if escapes == 0 { 0 } else { backslashes };
        }
        backslashes = 0;
    }
    text.len()
}

/// Where the brackets that open at `from` are closed again, those in quotes not counted; else the end of the text.
fn brackets_end(text: &[u8], from: usize) -> usize {
    let mut depth = 0usize;
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text[from..].iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' | b'(' | b'<' => depth += 1,
            b'}' | b']' | b')' | b'>' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return from + at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Appends the first `kept` bytes of a text with all secrets masked, and says which rule found the first one. Without a
/// secret nothing is appended. A secret that begins before `kept` is masked wherever it ends.
pub fn mask(rules: &Rules, text: &[u8], kept: usize, out: &mut Vec<u8>) -> Option<Rule> {
    let kept = kept.min(text.len());
    if rules.patterns.is_empty() {
        return mask_looks(rules, text, kept, out);
    }
    let mut once = Vec::new();
    match mask_patterns(rules, text, kept, &mut once) {
        None => mask_looks(rules, text, kept, out),
        Some(rule) => {
            let length = once.len();
            if mask_looks(rules, &once, length, out).is_none() {
                out.extend_from_slice(&once);
            }
            Some(rule)
        }
    }
}

fn mask_looks(rules: &Rules, text: &[u8], kept: usize, out: &mut Vec<u8>) -> Option<Rule> {
    let first = next(rules, text, 0, kept)?;
    let rule = first.rule;
    let mut copied = 0;
    let mut secret = Some(first);
    while let Some(found) = secret {
        out.extend_from_slice(&text[copied..found.range.start.min(kept).max(copied)]);
        out.extend_from_slice(MASK);
        copied = found.range.end.max(found.range.start + 1);
        secret = next(rules, text, copied, kept);
    }
    out.extend_from_slice(&text[copied.min(kept)..kept]);
    Some(rule)
}

/// Patterns of the configuration see the text as far as it is UTF-8.
fn mask_patterns(rules: &Rules, text: &[u8], kept: usize, out: &mut Vec<u8>) -> Option<Rule> {
    const AHEAD: usize = 4096;
    let window = &text[..text.len().min(kept + AHEAD)];
    let valid = match std::str::from_utf8(window) {
        Ok(valid) => valid,
        Err(error) => std::str::from_utf8(&window[..error.valid_up_to()]).unwrap_or(""),
    };
    let mut ranges: Vec<Range<usize>> = rules
        .patterns
        .iter()
        .flat_map(|pattern| pattern.find_iter(valid).map(|found| found.range()))
        .filter(|range| range.start < kept && !range.is_empty())
        .collect();
    if ranges.is_empty() {
        return None;
    }
    ranges.sort_by_key(|range| range.start);
    let mut copied = 0;
    for range in ranges {
        if range.start >= copied {
            out.extend_from_slice(&text[copied..range.start]);
            out.extend_from_slice(MASK);
        }
        copied = copied.max(range.end);
    }
    out.extend_from_slice(&text[copied.min(kept)..kept]);
    Some(Rule::Pattern)
}

/// Whether a text holds a secret anywhere.
pub fn any(rules: &Rules, text: &[u8]) -> Option<Rule> {
    if let Some(secret) = next(rules, text, 0, text.len()) {
        return Some(secret.rule);
    }
    let found = rules
        .patterns
        .iter()
        .any(|pattern| std::str::from_utf8(text).is_ok_and(|text| pattern.is_match(text)));
    found.then_some(Rule::Pattern)
}

/// The text with its secrets masked, for texts that come from elsewhere.
pub fn masked(rules: &Rules, text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    mask(rules, text, text.len(), &mut out).map(|_| out)
}
