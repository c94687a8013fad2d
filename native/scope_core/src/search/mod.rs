//! Structural search: code found by code.
//!
//! A [`Pattern`] is code with places left open. What it may match at is looked up in the postings of each file; there
//! a machine with explicit stacks compares, looking through aliases, imports and pipes. Work is bounded by a deadline
//! and a limit of matches, whatever the pattern.

mod anchor;
mod budget;
mod call;
mod check;
mod guard;
mod item;
mod machine;
mod names;
mod one;
mod pattern;
mod place;
mod plan;
mod postings;
mod run;
mod told;

pub use guard::{Class, Guard, Literal, Test, regex};
pub use pattern::{Pattern, Slot, Step, Through};
pub use place::{place, start};
pub use postings::Postings;
pub use run::{Captured, Found, Match, Wanted, prepare, search};

#[cfg(test)]
#[path = "search_test.rs"]
mod tests;
