//! Data flow of one function: what each value is made of, and where it goes.
//!
//! Vertices are what makes values (calls, literals, what builds tuples, lists, maps and binaries, closures), the versions of
//! variables, and the function's return. Edges lead from a value to what takes it. Control constructs are no vertices: a
//! value passes through them. A call is taken to give a value of its own; what it hands on of its arguments is what the
//! summaries of functions are for (`between`).

mod build;
mod report;
mod sources;
mod summary;

pub use report::data_flow;
pub(crate) use report::{parameter_analysis, return_analysis};
pub use summary::{Summaries, Summary};

use crate::ast::NodeIx;
use crate::source::Unit;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VertexKind {
    /// A version of a variable, an index into `Variables::bindings`.
    Variable(u32),
    Call,
    /// A tuple, list, map, struct, binary, or what a comprehension collects.
    Built,
    Literal,
    Closure,
    /// What the function gives.
    Return,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FlowKind {
    /// The variable is the value.
    Binds,
    /// The variable is a part of the value.
    Destructures,
    Argument,
    Part,
    Captured,
    Returns,
}

impl FlowKind {
    pub fn text(self) -> &'static str {
        match self {
            FlowKind::Binds => "binds",
            FlowKind::Destructures => "destructures",
            FlowKind::Argument => "argument",
            FlowKind::Part => "part",
            FlowKind::Captured => "captured",
            FlowKind::Returns => "returns",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Vertex {
    pub node: NodeIx,
    pub kind: VertexKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Flow {
    pub from: u32,
    pub to: u32,
    pub kind: FlowKind,
    /// Of an argument: which one, from 0.
    pub position: u16,
}

#[derive(Debug, Default)]
pub struct DataFlow {
    pub vertices: Vec<Vertex>,
    pub flows: Vec<Flow>,
    /// The arguments: position, and the vertex of a variable that has it or a part of it.
    pub parameters: Vec<(u16, u32)>,
    /// The vertex of what the function gives.
    pub returned: u32,
}

impl DataFlow {
    /// The data flow of a function, a number of `Unit::functions`.
    pub fn of_function(unit: &Unit, function: u32) -> DataFlow {
        build::build(unit, function)
    }

    /// The vertices that a vertex's value reaches, calls passed only where `passes(call, position)` says so.
    pub fn reached(&self, from: &[u32], mut passes: impl FnMut(u32, u16) -> bool) -> Vec<bool> {
        let mut next_of: Vec<Vec<u32>> = vec![Vec::new(); self.vertices.len()];
        for (flow, at) in self.flows.iter().zip(0..) {
            next_of[flow.from as usize].push(at);
        }
        let mut seen = vec![false; self.vertices.len()];
        let mut open: Vec<u32> = from.to_vec();
        for &one in from {
            seen[one as usize] = true;
        }
        while let Some(vertex) = open.pop() {
            for &at in &next_of[vertex as usize] {
                let flow = &self.flows[at as usize];
                let stops = flow.kind == FlowKind::Argument && !passes(flow.to, flow.position);
                if !stops && !std::mem::replace(&mut seen[flow.to as usize], true) {
                    open.push(flow.to);
                }
            }
        }
        seen
    }

    pub fn memory_bytes(&self) -> usize {
        size_of::<DataFlow>()
            + self.vertices.capacity() * size_of::<Vertex>()
            + self.flows.capacity() * size_of::<Flow>()
            + self.parameters.capacity() * size_of::<(u16, u32)>()
    }
}
