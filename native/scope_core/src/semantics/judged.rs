//! A judgement: what, how sure, why, and where it was read.

use crate::ast::NodeIx;

#[derive(Clone, Debug)]
pub struct Judged<T> {
    pub value: T,
    /// 0.0 to 1.0.
    pub confidence: f64,
    pub why: String,
    pub nodes: Vec<NodeIx>,
}

impl<T> Judged<T> {
    pub fn new(value: T, confidence: f64, why: impl Into<String>, nodes: Vec<NodeIx>) -> Self {
        Judged {
            value,
            confidence,
            why: why.into(),
            nodes,
        }
    }
}
