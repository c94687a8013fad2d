//! A secret in a text is masked, whatever stands around it and wherever the text is cut; and the names of a configuration, of
//! whatever letters, match themselves.
#![no_main]

use libfuzzer_sys::fuzz_target;
use scope_core::capture::redact::{Rules, secrets};

/// A secret as it is written, and the part of it that nobody may see.
const SECRETS: &[(&str, &str)] = &[
    (
        "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiJDQU5B.c2lnbmF0dXJl",
        "eyJjYW5hcnkiOiJDQU5B",
    ),
    ("Bearer CANARY0123456789CANARY", "CANARY0123456789CANARY"),
    ("ghp_CANARY0123456789CANARYabcdef", "CANARY0123456789CANARY"),
    ("sk_live_CANARY0123456789CANARY", "CANARY0123456789CANARY"),
    ("AKIACANARY0123456789", "CANARY0123456789"),
    ("4242 4242 4242 4242", "4242 4242 4242"),
    ("password=CANARY0123456789CANARY", "CANARY0123456789CANARY"),
    (
        "\"api_key\": \"CANARY0123456789CANARY\"",
        "CANARY0123456789CANARY",
    ),
    (
        "{:secret, \"CANARY0123456789CANARY\"}",
        "CANARY0123456789CANARY",
    ),
    (
        "https://user:CANARY0123456789@example.com/",
        "CANARY0123456789",
    ),
    (
        "-----BEGIN PRIVATE KEY-----\nCANARY0123456789\n-----END PRIVATE KEY-----",
        "CANARY0123456789",
    ),
];

fuzz_target!(|bytes: &[u8]| {
    let [which, cut, at, bytes @ ..] = bytes else {
        return;
    };
    let rules = Rules::default();
    let (secret, part) = SECRETS[usize::from(*which) % SECRETS.len()];
    let (before, after) = bytes.split_at(usize::from(*at).min(bytes.len()));
    // What stands right beside a secret is no part of it.
    let text = [before, b"\n", secret.as_bytes(), b"\n", after].concat();
    let kept = match cut {
        0..=127 => text.len(),
        cut => before.len() + usize::from(cut - 127),
    };
    let mut masked = Vec::new();
    let found = secrets::mask(&rules, &text, kept, &mut masked);
    let kept = kept.min(text.len());
    let shown = if found.is_some() {
        &masked[..]
    } else {
        &text[..kept]
    };
    // What was there anyway, in what the input brought, is no leak.
    let brought = contains(before, part.as_bytes()) || contains(after, part.as_bytes());
    assert!(
        brought || !contains(shown, part.as_bytes()),
        "{}",
        String::from_utf8_lossy(&text)
    );
    assert!(masked.len() <= text.len() + (text.len() / 2 + 1) * secrets::MASK.len());

    if let Ok(name) = std::str::from_utf8(after)
        && let Ok(rules) = Rules::new(&[], &[name.to_owned()], &[], &[])
    {
        assert!(
            name.len() > 64 || rules.keys.matches(name.as_bytes()),
            "{name:?}"
        );
    }
});

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
