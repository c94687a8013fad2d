//! What a secret looks like: each function is given a text and where a secret could begin, and gives where it ends.

/// `eyJ...`: three parts of base64, the first two of them JSON.
pub(super) fn jwt(text: &[u8], at: usize) -> Option<usize> {
    if !text[at..].starts_with(b"eyJ") {
        return None;
    }
    let header = run(text, at, is_base64url);
    if header < at + 12 || text.get(header) != Some(&b'.') {
        return None;
    }
    let payload = run(text, header + 1, is_base64url);
    if payload < header + 5 {
        return None;
    }
    match text.get(payload) {
        Some(b'.') => Some(run(text, payload + 1, is_base64url)),
        _ => Some(payload),
    }
}

/// After `Bearer `: where the token begins and ends.
pub(super) fn bearer(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let word = text.get(at..at + 6)?;
    if !word.eq_ignore_ascii_case(b"bearer") {
        return None;
    }
    let from = run(text, at + 6, |byte| matches!(byte, b' ' | b'\t' | b'+'));
    if from == at + 6 {
        return None;
    }
    let to = run(text, from, |byte| {
        is_base64url(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
    });
    // "the bearer of this": a token has a digit, or is long.
    let token = &text[from..to];
    let is_token = token.len() >= 20 || (token.len() >= 6 && token.iter().any(u8::is_ascii_digit));
    is_token.then_some((from, to))
}

type Form = (&'static [u8], usize, fn(u8) -> bool);

/// Prefix, how many characters follow at least, of which kind.
const FORMS: &[Form] = &[
    (b"AKIA", 16, is_upper_or_digit),
    (b"ASIA", 16, is_upper_or_digit),
    (b"ABIA", 16, is_upper_or_digit),
    (b"ACCA", 16, is_upper_or_digit),
    (b"AIza", 30, is_base64url),
    (b"ghp_", 20, is_base64url),
    (b"gho_", 20, is_base64url),
    (b"ghu_", 20, is_base64url),
    (b"ghs_", 20, is_base64url),
    (b"ghr_", 20, is_base64url),
    (b"github_pat_", 20, is_base64url),
    (b"glpat-", 16, is_base64url),
    (b"sk_live_", 10, is_base64url),
    (b"sk_test_", 10, is_base64url),
    (b"rk_live_", 10, is_base64url),
    (b"rk_test_", 10, is_base64url),
    (b"sk-", 20, is_base64url),
    (b"shpat_", 20, is_base64url),
    (b"whsec_", 16, is_base64url),
    (b"xoxb-", 10, is_base64url),
    (b"xoxa-", 10, is_base64url),
    (b"xoxp-", 10, is_base64url),
    (b"xoxr-", 10, is_base64url),
    (b"xoxs-", 10, is_base64url),
    (b"SG.", 16, is_base64url),
    (b"npm_", 30, is_base64url),
    (b"hvs.", 20, is_base64url),
    (b"dop_v1_", 20, is_base64url),
];

/// A key or token with a prefix of its own.
pub(super) fn vendor(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    FORMS.iter().find_map(|(prefix, least, is_one)| {
        let from = at + prefix.len();
        let to = rest.starts_with(prefix).then(|| run(text, from, *is_one))?;
        // The second part of a SendGrid key.
        let to = match text.get(to) {
            Some(b'.') if *prefix == b"SG." => run(text, to + 1, *is_one),
            _ => to,
        };
        (to - from >= *least).then_some(to)
    })
}

/// Which bytes a prefix of `vendor` begins with.
pub(super) const fn begins_vendor(byte: u8) -> bool {
    matches!(
        byte,
        b'A' | b'g' | b's' | b'r' | b'w' | b'x' | b'S' | b'n' | b'h' | b'd'
    )
}

/// A PEM block with a private key, to its end or that of the text.
pub(super) fn private_key(text: &[u8], at: usize) -> Option<usize> {
    const END: &[u8] = b"-----END ";
    let rest = text[at..].strip_prefix(b"-----BEGIN ".as_slice())?;
    let line = &rest[..rest.len().min(64)];
    let named = find(line, b"PRIVATE KEY")?;
    let body = at + 11 + named;
    Some(match find(&text[body..], END) {
        Some(end) => {
            let line = run(text, body + end + END.len(), |byte| {
                byte.is_ascii_alphanumeric() || byte == b' '
            });
            run(text, line, |byte| byte == b'-')
        }
        None => text.len(),
    })
}

/// A card number: its issuer's digits and length, the check digit right, groups apart by single spaces or dashes.
pub(super) fn card(text: &[u8], at: usize) -> Option<usize> {
    let mut digits = [0u8; 20];
    let mut count = 0;
    let mut end = at;
    while let Some(byte) = text.get(end) {
        if byte.is_ascii_digit() {
            *digits.get_mut(count)? = byte - b'0';
            count += 1;
        } else if !matches!(byte, b' ' | b'-')
            || count == 0
            || !text.get(end + 1).is_some_and(u8::is_ascii_digit)
        {
            break;
        }
        end += 1;
    }
    if text.get(end).is_some_and(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    is_card(&digits[..count]).then_some(end)
}

/// The same for an integer.
pub fn is_card_number(number: u64) -> bool {
    // Thirteen digits, the first of them a 4.
    if number < 4_000_000_000_000 {
        return false;
    }
    let mut digits = [0u8; 20];
    let mut rest = number;
    let mut at = digits.len();
    while rest > 0 {
        at -= 1;
        digits[at] = (rest % 10) as u8;
        rest /= 10;
    }
    is_card(&digits[at..])
}

fn is_card(digits: &[u8]) -> bool {
    if digits.len() < 13 || digits.len() > 19 {
        return false;
    }
    let first = |count: usize| {
        digits[..count]
            .iter()
            .fold(0u32, |sum, digit| sum * 10 + u32::from(*digit))
    };
    let (two, three, four) = (first(2), first(3), first(4));
    let issued = match digits.len() {
        13 | 19 => digits[0] == 4 || (digits.len() == 19 && two == 62),
        14 => matches!(two, 36 | 38) || (300..=305).contains(&three),
        15 => matches!(two, 34 | 37),
        16 => {
            digits[0] == 4
                || (51..=55).contains(&two)
                || (2221..=2720).contains(&four)
                || matches!(two, 62 | 65)
                || four == 6011
                || (644..=649).contains(&three)
                || (3528..=3589).contains(&four)
        }
        _ => two == 62,
    };
    issued && luhn(digits)
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = u32::from(*digit) << (at & 1);
            if digit > 9 { digit - 9 } else { digit }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The password in `scheme://user:password@host`, when `at` is at the colon before the slashes.
pub(super) fn url_password(text: &[u8], at: usize) -> Option<(usize, usize)> {
    text[at..].strip_prefix(b"://".as_slice())?;
    let from = at + 3;
    let end = run(text, from, |byte| {
        !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'<' | b'>')
            && !byte.is_ascii_whitespace()
    })
    .min(from + 512);
    let part = &text[from..end];
    let host = part.iter().rposition(|byte| *byte == b'@')?;
    let colon = part[..host].iter().position(|byte| *byte == b':')?;
    (colon + 1 < host).then_some((from + colon + 1, from + host))
}

/// Where the run of such bytes that begins at `from` ends.
#[inline]
pub(super) fn run(text: &[u8], from: usize, is_one: impl Fn(u8) -> bool) -> usize {
    let rest = &text[from.min(text.len())..];
    from + rest
        .iter()
        .position(|byte| !is_one(*byte))
        .unwrap_or(rest.len())
}

pub(super) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

pub(super) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_upper_or_digit(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}
