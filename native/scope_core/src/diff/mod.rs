//! What became of the code of one version in the next.
//!
//! Definitions are paired first (same name; then renamed or moved, by likeness), then the trees of each pair, after
//! Falleri, Morandat, Blanc, Martinez, Monperrus, "Fine-grained and accurate source code differencing" (ASE 2014):
//! identical subtrees by their Merkle hash, then containers by what they share (Dice's coefficient), then recovery
//! among the children of what was matched. A node that is not matched with good reason is gone: a wrong answer is
//! worse than none.

mod answer;
mod bags;
mod changes;
mod children;
mod definitions;
mod matching;
mod tree;

pub use answer::{forwarded, module_values, survival};
pub use changes::{Change, ChangeType, FunctionChange, ModuleChange, module_changes};
pub use matching::{Matching, NONE, match_units};

#[cfg(test)]
mod tests;
