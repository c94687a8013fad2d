//! What can go wrong in the core, as one enum. The NIF crate maps it, variant by variant, at one place.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A limit of `limits.rs` (or of the configuration) would be passed.
    LimitExceeded { what: &'static str, limit: u64 },
    /// Nothing is stored under that key.
    NotFound { what: &'static str },
    /// It was there, in an older version.
    Gone {
        what: &'static str,
        /// The file it stood in.
        file: String,
        /// The version that had it last: the digest of its text.
        build: String,
        /// When the version without it came: nanoseconds since 1970.
        at_ns: u64,
        /// The id of what was around it and is still there.
        around: Option<String>,
    },
    /// The value changed since it was read (compare-and-swap).
    Conflict { what: &'static str },
    /// Someone else holds the only seat (the consumer's token, for one).
    Busy { what: &'static str },
    /// A term, id or argument that cannot mean what it should.
    Invalid { what: &'static str, detail: String },
    /// A saved repository that cannot be read.
    Corrupt { detail: String },
    /// A query names a field, source or operator that does not exist.
    Unknown {
        what: &'static str,
        name: String,
        nearest: Option<String>,
    },
    /// A file that cannot be written (any more).
    Write { detail: String },
    /// The deadline passed.
    Timeout { what: &'static str, limit_ms: u64 },
    /// Nobody waits for the answer any more.
    Cancelled { what: &'static str },
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::LimitExceeded { what, limit } => {
                write!(f, "{what} would pass the limit of {limit}")
            }
            Error::NotFound { what } => write!(f, "no such {what}"),
            Error::Gone {
                what, file, around, ..
            } => {
                write!(f, "no such {what} any more: it was removed from {file}")?;
                match around {
                    Some(around) => write!(f, "; what was around it is {around} now"),
                    None => Ok(()),
                }
            }
            Error::Conflict { what } => write!(f, "{what} changed meanwhile"),
            Error::Busy { what } => write!(f, "{what} is busy"),
            Error::Invalid { what, detail } => write!(f, "invalid {what}: {detail}"),
            Error::Corrupt { detail } => write!(f, "corrupt data: {detail}"),
            Error::Unknown {
                what,
                name,
                nearest,
            } => {
                write!(f, "unknown {what} {name}")?;
                match nearest {
                    Some(nearest) => write!(f, ", did you mean {nearest}?"),
                    None => Ok(()),
                }
            }
            Error::Write { detail } => write!(f, "writing failed: {detail}"),
            Error::Cancelled { what } => write!(f, "{what} was given up: its caller is gone"),
            Error::Timeout { what, limit_ms } => write!(f, "{what} took longer than {limit_ms} ms"),
        }
    }
}

impl std::error::Error for Error {}
