//! A captured value as text for people, close to what `inspect/1` gives, within a number of bytes.

use super::format::{By, Kind, Size};
use super::portable::atom;
use super::tokens::Token;
use super::walk::{Close, Open, Step, walk};
use crate::capture::redact::rule_name;
use crate::error::{Error, Result};

/// How pids and ports of the running VM are called.
pub trait Names {
    /// `#PID<0.1.2>`.
    fn pid(&self, word: u64) -> String;
    /// `#Port<0.1>`.
    fn port(&self, word: u64) -> String;
}

/// Without a VM: their words.
impl Names for () {
    fn pid(&self, word: u64) -> String {
        format!("#PID<word {word}>")
    }

    fn port(&self, word: u64) -> String {
        format!("#Port<word {word}>")
    }
}

/// The text of a value, at most about `bytes_max` bytes; what is left out shows as `...`. Bytes that are no value say so.
pub fn show(bytes: &[u8], names: &dyn Names, bytes_max: usize) -> String {
    inspect(bytes, names, bytes_max).unwrap_or_else(|error| format!("#Unreadable<{error}>"))
}

/// The same, with an error for bytes that are no value.
pub fn inspect(bytes: &[u8], names: &dyn Names, bytes_max: usize) -> Result<String> {
    let mut text = Text {
        out: String::new(),
        open: Vec::new(),
        names,
        bytes_max,
        full: false,
    };
    match walk(bytes, |step| text.step(step)) {
        // The walk was stopped where the text was long enough.
        Err(Error::LimitExceeded { .. }) if text.full => {
            text.out.push_str("...");
            Ok(text.out)
        }
        Err(error) => Err(error),
        Ok(()) => Ok(text.out),
    }
}

struct Container {
    open: Open,
    /// Values inside so far.
    count: u64,
    /// The key before was an atom: `key: value`.
    after_atom: bool,
}

struct Text<'n> {
    out: String,
    open: Vec<Container>,
    names: &'n dyn Names,
    bytes_max: usize,
    full: bool,
}

impl Text<'_> {
    fn step(&mut self, step: Step<'_>) -> Result<()> {
        match step {
            Step::Leaf(token) => {
                let is_key = self.before(matches!(token, Token::Atom(_) | Token::AtomText(_)));
                self.leaf(token, is_key)?;
            }
            Step::Open(open) => {
                self.before(false);
                self.out.push_str(match open {
                    Open::List => "[",
                    Open::Tuple(_) => "{",
                    Open::Map(_) => "%{",
                    Open::Struct(_) => "%",
                });
                self.open.push(Container {
                    open,
                    count: 0,
                    after_atom: false,
                });
            }
            Step::Tail => {
                self.out.push_str(" | ");
                if let Some(container) = self.open.last_mut() {
                    container.count = 0;
                }
            }
            Step::Close(open, close) => self.close(open, close),
        }
        if self.out.len() > self.bytes_max {
            let mut end = self.bytes_max;
            while !self.out.is_char_boundary(end) {
                end -= 1;
            }
            self.out.truncate(end);
            self.full = true;
            return Err(Error::LimitExceeded {
                what: "text of a value",
                limit: self.bytes_max as u64,
            });
        }
        Ok(())
    }

    /// What stands between the value before and this one; whether this one is an atom that is a key.
    fn before(&mut self, is_atom: bool) -> bool {
        let Some(container) = self.open.last_mut() else {
            return false;
        };
        let at = container.count;
        container.count += 1;
        let separator = match container.open {
            Open::List | Open::Tuple(_) => ["", ", "][usize::from(at > 0)],
            Open::Map(_) if at % 2 == 1 => [" => ", " "][usize::from(container.after_atom)],
            Open::Map(_) => ["", ", "][usize::from(at > 0)],
            Open::Struct(_) => match at {
                0 => "",
                1 => "{",
                _ if at % 2 == 0 => [" => ", " "][usize::from(container.after_atom)],
                _ => ", ",
            },
        };
        self.out.push_str(separator);
        let is_key = match container.open {
            Open::Map(_) => at % 2 == 0,
            Open::Struct(_) => at % 2 == 1,
            _ => false,
        };
        container.after_atom = is_key && is_atom;
        container.after_atom
    }

    fn leaf(&mut self, token: Token<'_>, is_key: bool) -> Result<()> {
        match token {
            Token::EmptyList => self.out.push_str("[]"),
            Token::Int(int) => self.out.push_str(&int.to_string()),
            Token::Float(float) => self.out.push_str(&float_text(float)),
            Token::Atom(number) => self.atom(atom(number)?.text(), is_key),
            Token::AtomText(text) => self.atom(text, is_key),
            Token::Binary(bytes) => self.binary(bytes),
            Token::External(Kind::Integer, bytes) => self.out.push_str(&big_text(bytes)),
            Token::External(Kind::Reference, bytes) => self.out.push_str(&reference_text(bytes)),
            Token::External(kind, _) => self.out.push_str(&format!("#{}<...>", kind.name())),
            Token::Pid(word) => self.out.push_str(&self.names.pid(word)),
            Token::Port(word) => self.out.push_str(&self.names.port(word)),
            Token::Opaque(_, text) => self.out.push_str(text),
            Token::BinaryCut(_, size, kept) => {
                self.binary(kept);
                self.out.push_str(&format!(" <> ...({size} bytes)"));
            }
            Token::Masked(_, _, kept) => self.binary(kept),
            Token::Redacted(rule, kind) => {
                let text = format!("#Redacted<{} by {}>", kind.name(), rule_name(rule));
                self.out.push_str(&text);
            }
            Token::Gone(by, kind, size) => self.gone(by, kind, size),
            Token::List | Token::End | Token::Tail | Token::Cut(..) => {}
            Token::Tuple(_) | Token::Map(_) | Token::Struct(_) => {}
        }
        Ok(())
    }

    fn gone(&mut self, by: By, kind: Kind, size: Size) {
        let text = match (by, size_text(size)) {
            (By::Shape, None) => format!("#{}", kind.name()),
            (By::Shape, Some(size)) => format!("#{}({size})", kind.name()),
            (_, None) => format!("...{}", kind.name()),
            (_, Some(size)) => format!("...{}({size})", kind.name()),
        };
        self.out.push_str(&text);
    }

    fn close(&mut self, open: Open, close: Close) {
        let Some(container) = self.open.pop() else {
            return;
        };
        if matches!(open, Open::Struct(_)) && container.count == 1 {
            self.out.push('{');
        }
        if let Close::Cut(_, size) = close {
            let inside = match open {
                Open::Struct(_) => container.count > 1,
                _ => container.count > 0,
            };
            let of = size_text(size).map_or(String::new(), |size| format!(" of {size}"));
            let comma = if inside { ", " } else { "" };
            self.out.push_str(&format!("{comma}...{of}"));
        }
        self.out.push(if open == Open::List { ']' } else { '}' });
    }

    fn atom(&mut self, text: &str, is_key: bool) {
        let at_module = matches!(
            self.open.last(),
            Some(Container {
                open: Open::Struct(_),
                count: 1,
                ..
            })
        );
        if is_key {
            match is_plain_atom(text) {
                true => self.out.push_str(text),
                false => self.quoted(text.as_bytes()),
            }
            self.out.push(':');
        } else if let Some(alias) = text.strip_prefix("Elixir.").filter(|it| is_alias(it)) {
            self.out.push_str(alias);
        } else if matches!(text, "nil" | "true" | "false") && !at_module {
            self.out.push_str(text);
        } else {
            self.out.push(':');
            match is_plain_atom(text) {
                true => self.out.push_str(text),
                false => self.quoted(text.as_bytes()),
            }
        }
    }

    fn binary(&mut self, bytes: &[u8]) {
        let is_text = std::str::from_utf8(bytes).is_ok_and(|text| {
            text.chars()
                .all(|c| !c.is_control() || "\n\r\t\x1b".contains(c))
        });
        if is_text {
            return self.quoted(bytes);
        }
        self.out.push_str("<<");
        for (at, byte) in bytes.iter().enumerate() {
            if self.out.len() > self.bytes_max {
                break;
            }
            if at > 0 {
                self.out.push_str(", ");
            }
            self.out.push_str(&byte.to_string());
        }
        self.out.push_str(">>");
    }

    fn quoted(&mut self, bytes: &[u8]) {
        self.out.push('"');
        for c in String::from_utf8_lossy(bytes).chars() {
            if self.out.len() > self.bytes_max {
                break;
            }
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\x1b' => self.out.push_str("\\e"),
                c => self.out.push(c),
            }
        }
        self.out.push('"');
    }
}

pub(super) fn size_text(size: Size) -> Option<String> {
    match size {
        Size::Unknown => None,
        Size::Exactly(size) => Some(size.to_string()),
        Size::AtLeast(size) => Some(format!("at least {size}")),
    }
}

fn is_plain_atom(text: &str) -> bool {
    let text = text.strip_suffix(['?', '!']).unwrap_or(text);
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c == '_' || c.is_lowercase())
        && chars.all(|c| c == '_' || c == '@' || c.is_alphanumeric())
}

fn is_alias(text: &str) -> bool {
    text.split('.').all(|part| {
        part.starts_with(|c: char| c.is_ascii_uppercase())
            && part.chars().all(|c| c == '_' || c.is_ascii_alphanumeric())
    })
}

fn float_text(float: f64) -> String {
    let text = format!("{float:?}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => text,
    }
}

/// A big integer of external term format: sign and magnitude, lowest byte first.
fn big_text(bytes: &[u8]) -> String {
    let (negative, magnitude) = match bytes {
        [131, 110, _, sign, magnitude @ ..] => (*sign != 0, magnitude),
        [131, 111, _, _, _, _, sign, magnitude @ ..] => (*sign != 0, magnitude),
        _ => return "#integer<...>".to_owned(),
    };
    // In decimal this takes the square of the length.
    if magnitude.len() > 256 {
        return format!("#integer<of {} bytes>", magnitude.len());
    }
    let mut digits = vec![0u32];
    for byte in magnitude.iter().rev() {
        let mut carry = u64::from(*byte);
        for digit in &mut digits {
            let value = u64::from(*digit) << 8 | carry;
            *digit = (value % 1_000_000_000) as u32;
            carry = value / 1_000_000_000;
        }
        if carry > 0 {
            digits.push(carry as u32);
        }
    }
    let mut text = String::from(if negative { "-" } else { "" });
    for (at, digit) in digits.iter().rev().enumerate() {
        text.push_str(&match at {
            0 => digit.to_string(),
            _ => format!("{digit:09}"),
        });
    }
    text
}

/// `#Reference<0.1.2.3>`, as the VM that made it writes its own.
pub(super) fn reference_text(bytes: &[u8]) -> String {
    reference_numbers(bytes)
        .map(|numbers| {
            let parts: Vec<String> = numbers.iter().rev().map(u32::to_string).collect();
            format!("#Reference<0.{}>", parts.join("."))
        })
        .unwrap_or_else(|| "#Reference<...>".to_owned())
}

/// NEWER_REFERENCE_EXT (90): count, node, creation (4 bytes), numbers. NEW_REFERENCE_EXT (114): creation of one byte.
fn reference_numbers(bytes: &[u8]) -> Option<Vec<u32>> {
    let (&[131, tag], rest) = bytes.split_first_chunk::<2>()? else {
        return None;
    };
    let (count, rest) = rest.split_first_chunk::<2>()?;
    let (atom, rest) = rest.split_first()?;
    let (length, rest) = match atom {
        119 | 115 => rest
            .split_first()
            .map(|(n, rest)| (usize::from(*n), rest))?,
        118 | 100 => rest
            .split_first_chunk::<2>()
            .map(|(n, rest)| (usize::from(u16::from_be_bytes(*n)), rest))?,
        _ => return None,
    };
    let creation = match tag {
        90 => 4,
        114 => 1,
        _ => return None,
    };
    let rest = rest.get(length + creation..)?;
    let numbers: Vec<u32> = rest
        .chunks_exact(4)
        .take(usize::from(u16::from_be_bytes(*count)))
        .map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
        .collect();
    Some(numbers)
}
