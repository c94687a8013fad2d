//! A process as a call starts it.

use crate::atoms::Atom;

use super::shape::{Shape, Site};

/// What is started.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ProcessKind {
    GenServer,
    GenStatem,
    GenStage,
    Agent,
    Task,
    Supervisor,
    DynamicSupervisor,
    ConsumerSupervisor,
    PartitionSupervisor,
    TaskSupervisor,
    Registry,
    Spawned,
}

impl ProcessKind {
    pub fn text(self) -> &'static str {
        match self {
            ProcessKind::GenServer => "genserver",
            ProcessKind::GenStatem => "gen_statem",
            ProcessKind::GenStage => "gen_stage",
            ProcessKind::Agent => "agent",
            ProcessKind::Task => "task",
            ProcessKind::Supervisor => "supervisor",
            ProcessKind::DynamicSupervisor => "dynamic_supervisor",
            ProcessKind::ConsumerSupervisor => "consumer_supervisor",
            ProcessKind::PartitionSupervisor => "partition_supervisor",
            ProcessKind::TaskSupervisor => "task_supervisor",
            ProcessKind::Registry => "registry",
            ProcessKind::Spawned => "process",
        }
    }

    pub fn is_supervisor(self) -> bool {
        matches!(
            self,
            ProcessKind::Supervisor
                | ProcessKind::DynamicSupervisor
                | ProcessKind::ConsumerSupervisor
                | ProcessKind::PartitionSupervisor
                | ProcessKind::TaskSupervisor
                | ProcessKind::Registry
        )
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct Started {
    pub kind: ProcessKind,
    /// The module with the callbacks.
    pub module: Option<Atom>,
    /// What `init/1` gets; of a supervisor without a module its options.
    pub argument: Shape,
    /// Of a supervisor without a module: the list of its children.
    pub children: Option<Shape>,
    /// What it is registered as: an atom, `{:via, module, name}`, `{:global, name}`.
    pub name: Option<Shape>,
    /// Where it is written, if it is written in the project.
    pub site: Option<Site>,
    pub(super) depth: u32,
}

impl Started {
    pub fn new(kind: ProcessKind, module: Option<Atom>, argument: Shape) -> Started {
        Started {
            kind,
            module,
            argument,
            children: None,
            name: None,
            site: None,
            depth: 0,
        }
    }

    pub(super) fn children_depth(&self) -> u32 {
        Shape::depth_of(self.children.as_ref()).max(Shape::depth_of(self.name.as_ref()))
    }
}
