//! Captured values: what a probe saw, as bytes.
//!
//! A probe writes a value's bytes with the VM's words for atoms ([`format`]). When they leave the ring, [`transcode`] puts
//! the core's numbers in their place; from then on they are compared ([`same`]), shown ([`show`]), saved ([`portable`]) and
//! read ([`walk`], [`tokens`]) here, whoever made them: bytes that are no value are an error, never a panic.

pub mod format;
mod portable;
mod same;
mod short;
mod show;
mod tokens;
mod transcode;
mod walk;

pub use format::{By, Kind, Size};
pub use portable::{from_portable, portable};
pub use same::{canonical, hash, same};
pub use short::Short;
pub use show::{Names, inspect, show};
pub use tokens::{Token, Tokens};
pub use transcode::{AtomWords, transcode};
pub use walk::{Close, Open, Step, check, walk};

#[cfg(all(test, not(loom)))]
mod tests;
