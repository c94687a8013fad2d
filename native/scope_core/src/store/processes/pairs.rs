//! Who sends to whom, function by function.

use crate::capture::points::FunctionKey;
use crate::otp::{Site, Taker};
use crate::source::Unit;

use super::Processes;

impl Processes {
    /// The function that sends, the one that takes the message, and whether it certainly does.
    pub fn pairs(&self) -> Vec<(FunctionKey, FunctionKey, bool)> {
        let mut found = Vec::new();
        for sent in &self.flow.sent {
            let unit = self.unit(sent.unit);
            let node = unit.otp_facts().sends[sent.send as usize].node;
            let Some(sender) = around(unit, node) else {
                continue;
            };
            for edge in &sent.to {
                let (at, number) = self.flow.handlers[edge.handler as usize];
                let taking = self.unit(at);
                let handler = &taking.otp_facts().handlers[number as usize];
                let taker = match handler.taker {
                    Taker::Clause(clause) => {
                        Some(key(taking, taking.clauses()[clause as usize].function))
                    }
                    Taker::Receive(_) => around(taking, handler.node),
                };
                if let Some(taker) = taker {
                    found.push((sender, taker, edge.certain));
                }
            }
        }
        found.sort_unstable_by_key(|(from, to, certain)| (*from, *to, !certain));
        found.dedup_by_key(|(from, to, _)| (*from, *to));
        found
    }

    /// Functions that send what a known server takes in no clause.
    pub fn unhandled(&self) -> Vec<FunctionKey> {
        let lost = self.flow.sent.iter().filter(|sent| sent.unhandled);
        let sites = lost.map(|sent| Site {
            unit: sent.unit,
            node: self.unit(sent.unit).otp_facts().sends[sent.send as usize].node,
        });
        sites
            .filter_map(|site| around(self.unit(site.unit), site.node))
            .collect()
    }
}

fn around(unit: &Unit, node: crate::ast::NodeIx) -> Option<FunctionKey> {
    let clause = unit.clause_of(node)?;
    Some(key(unit, unit.clauses()[clause as usize].function))
}

fn key(unit: &Unit, function: u32) -> FunctionKey {
    let written = &unit.functions()[function as usize];
    FunctionKey {
        module: unit.modules()[written.module as usize].name,
        name: written.name,
        arity: written.arity,
    }
}
