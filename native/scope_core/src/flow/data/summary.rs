//! What a function does with its arguments and with what its calls give: small, and all that functions need to know of each
//! other.

use crate::ast::NodeIx;
use crate::source::Unit;

use super::{DataFlow, FlowKind, VertexKind};

/// Steps of the walks that follow the calls of one function; a function that needs more has its first calls followed.
const STEPS_MAX: usize = 5_000_000;

/// Of one function. Values that pass through a call are not followed here: whether they do is for the call's own
/// summary to say.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Arguments that are given back, or are a part of what is.
    pub returned: Box<[u16]>,
    /// `(argument, call, which of the call's)`: an argument that a call gets, or a part of it does.
    pub passed: Box<[(u16, NodeIx, u16)]>,
    /// Calls whose value is given back, or is a part of what is.
    pub returned_calls: Box<[NodeIx]>,
    /// `(call, other call, which argument)`: a call's value that another gets.
    pub chained: Box<[(NodeIx, NodeIx, u16)]>,
}

/// Of every function of a file.
#[derive(Debug, Default)]
pub struct Summaries {
    of: Box<[Summary]>,
}

impl Summaries {
    pub(crate) fn of_unit(unit: &Unit) -> Summaries {
        let functions = 0..unit.functions().len() as u32;
        Summaries {
            of: functions
                .map(|one| summary(&DataFlow::of_function(unit, one)))
                .collect(),
        }
    }

    /// Of a function, a number of `Unit::functions`.
    pub fn of(&self, function: u32) -> &Summary {
        &self.of[function as usize]
    }

    pub fn memory_bytes(&self) -> usize {
        let lists = |one: &Summary| {
            size_of_val(&*one.returned)
                + size_of_val(&*one.passed)
                + size_of_val(&*one.returned_calls)
                + size_of_val(&*one.chained)
        };
        size_of::<Summaries>()
            + self.of.len() * size_of::<Summary>()
            + self.of.iter().map(lists).sum::<usize>()
    }
}

fn summary(flow: &DataFlow) -> Summary {
    let is_call = |vertex: u32| flow.vertices[vertex as usize].kind == VertexKind::Call;
    let node = |vertex: u32| flow.vertices[vertex as usize].node;
    let taken = |seen: &[bool]| {
        let calls = flow.flows.iter().filter(|one| {
            one.kind == FlowKind::Argument && seen[one.from as usize] && is_call(one.to)
        });
        calls
            .map(|one| (node(one.to), one.position))
            .collect::<Vec<_>>()
    };
    let mut positions: Vec<u16> = flow.parameters.iter().map(|&(at, _)| at).collect();
    positions.sort_unstable();
    positions.dedup();
    let (mut returned, mut passed) = (Vec::new(), Vec::new());
    for position in positions {
        let own = flow.parameters.iter().filter(|&&(at, _)| at == position);
        let own: Vec<u32> = own.map(|&(_, vertex)| vertex).collect();
        let seen = flow.reached(&own, |_, _| false);
        returned.extend(seen[flow.returned as usize].then_some(position));
        passed.extend(
            taken(&seen)
                .into_iter()
                .map(|(call, at)| (position, call, at)),
        );
    }
    let calls = (0..flow.vertices.len() as u32).filter(|&one| is_call(one));
    let (mut returned_calls, mut chained) = (Vec::new(), Vec::new());
    for call in calls.take(STEPS_MAX / (flow.flows.len() + flow.vertices.len())) {
        let seen = flow.reached(&[call], |_, _| false);
        returned_calls.extend(seen[flow.returned as usize].then(|| node(call)));
        let others = taken(&seen)
            .into_iter()
            .filter(|&(other, _)| other != node(call));
        chained.extend(others.map(|(other, at)| (node(call), other, at)));
    }
    Summary {
        returned: returned.into(),
        passed: passed.into(),
        returned_calls: returned_calls.into(),
        chained: chained.into(),
    }
}
