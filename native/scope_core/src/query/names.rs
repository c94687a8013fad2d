//! Unknown names, and the valid one that was probably meant.

use crate::error::Error;

/// Jaro's similarity from which a name is taken for a slip of another (Jaro 1989; Elixir's own hints use it, too).
const NEAR: f64 = 0.7;
const BYTES_MAX: usize = 200;

pub fn unknown<'n>(what: &'static str, name: &str, valid: impl Iterator<Item = &'n str>) -> Error {
    let short: String = name.chars().take(BYTES_MAX).collect();
    let nearest = valid
        .map(|valid| (strsim::jaro(&short, valid), valid))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    Error::Unknown {
        what,
        name: short,
        nearest: nearest.map(|(_, valid)| valid.to_string()),
    }
}
