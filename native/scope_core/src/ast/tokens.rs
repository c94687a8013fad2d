//! The stream of tokens that a walk over a term makes.

use crate::atoms::Atom;
use crate::error::Result;

/// Takes a term apart, in preorder. Every `open_` is followed by the elements and one `close`.
///
/// An error ends the walk; the receiver is of no further use then.
pub trait Tokens {
    fn open_list(&mut self) -> Result<()>;
    fn open_tuple(&mut self) -> Result<()>;
    /// A pair whose first element is an atom: only the second one follows.
    fn open_pair(&mut self, key: Atom) -> Result<()>;
    /// Key, value, key, value, ...
    fn open_map(&mut self) -> Result<()>;
    fn close(&mut self) -> Result<()>;
    /// Closes a list whose last element was its tail.
    fn close_improper(&mut self) -> Result<()>;

    fn atom(&mut self, atom: Atom) -> Result<()>;
    fn int(&mut self, int: i64) -> Result<()>;
    fn float(&mut self, float: f64) -> Result<()>;
    fn binary(&mut self, bytes: &[u8]) -> Result<()>;
    /// External term format of anything else.
    fn opaque(&mut self, bytes: &[u8]) -> Result<()>;
}
