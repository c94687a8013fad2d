//! What is worth a second look: smells within a file, and clones between files.
//!
//! Each rule is a file of its own. A finding points at nodes; what it is, why it matters and what to do instead
//! belong to its kind ([`Smell`]).

mod atoms_made;
mod blocking;
mod clones;
mod code;
mod coupling;
mod enums;
mod kind;
mod locals;
mod n_plus_one;
mod processes;
mod rescues;
mod size;
mod unreachable;
mod unused;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::ast::NodeIx;
use crate::source::Unit;

pub use clones::{CloneClass, Fingerprints, clones};
pub use kind::{Smell, Thresholds};
pub use unused::quoted_calls;

/// One finding.
#[derive(Clone, Debug)]
pub struct Finding {
    pub smell: Smell,
    /// What it is about.
    pub node: NodeIx,
    /// What else to look at.
    pub related: Vec<NodeIx>,
    /// What was counted, where something was.
    pub measured: Option<f64>,
    /// What is there, in words.
    pub what: String,
    /// 0 to 1: how sure the source alone can be.
    pub confidence: f64,
}

impl Finding {
    fn new(smell: Smell, node: NodeIx, what: String) -> Self {
        Finding {
            smell,
            node,
            related: Vec::new(),
            measured: None,
            what,
            confidence: 1.0,
        }
    }

    fn measured(self, measured: f64) -> Self {
        Finding {
            measured: Some(measured),
            ..self
        }
    }

    fn related(self, related: Vec<NodeIx>) -> Self {
        Finding { related, ..self }
    }

    fn confidence(self, confidence: f64) -> Self {
        Finding { confidence, ..self }
    }
}

/// All findings within a file, in the order of the source.
pub fn findings(unit: &Unit, thresholds: &Thresholds) -> Vec<Finding> {
    let mut found = without_layout(unit, thresholds);
    size::find(unit, thresholds, &mut found);
    found.sort_by_key(|one| (one.node, one.smell));
    found
}

/// Those that no line break makes or mends: what may be kept while only layout changes.
fn without_layout(unit: &Unit, thresholds: &Thresholds) -> Vec<Finding> {
    let mut found = Vec::new();
    coupling::find(unit, thresholds, &mut found);
    unused::find(unit, &mut found);
    unreachable::find(unit, &mut found);
    enums::find(unit, thresholds, &mut found);
    n_plus_one::find(unit, &mut found);
    processes::find(unit, &mut found);
    rescues::find(unit, &mut found);
    atoms_made::find(unit, &mut found);
    blocking::find(unit, &mut found);
    found
}

impl Unit {
    /// The findings within this file with the default thresholds, in the order of the source. What does not depend on
    /// layout is found once.
    pub fn findings(&self) -> Vec<Finding> {
        let thresholds = Thresholds::default();
        let kept = self
            .derived()
            .findings
            .get_or_init(|| Arc::new(without_layout(self, &thresholds)));
        let mut found = kept.to_vec();
        size::find(self, &thresholds, &mut found);
        found.sort_by_key(|one| (one.node, one.smell));
        found
    }

    /// What clones are found by, made when first asked for.
    pub fn fingerprints(&self) -> &Arc<Fingerprints> {
        self.derived()
            .fingerprints
            .get_or_init(|| Arc::new(Fingerprints::new(self)))
    }
}

/// Bytes of some findings.
pub(crate) fn memory_bytes(findings: &[Finding]) -> usize {
    let each = |one: &Finding| one.what.capacity() + one.related.capacity() * size_of::<NodeIx>();
    size_of_val(findings) + findings.iter().map(each).sum::<usize>()
}
