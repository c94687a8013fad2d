//! The figures that every import needs. What takes a closer look is in `sizes`.

/// Of one clause.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ClauseMetrics {
    /// McCabe's, of this clause as if it were the only one.
    pub cyclomatic_complexity: u32,
    /// Credo's cyclomatic complexity.
    pub credo_cyclomatic: u32,
    /// SonarSource's, without what belongs to the function: several clauses, recursion.
    pub cognitive_complexity: u32,
    /// The deepest nesting of control structures.
    pub nesting_depth: u32,
    /// Lines of code.
    pub lines_of_code: u32,
}

/// Of one function, over all its clauses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FunctionMetrics {
    /// McCabe's.
    pub cyclomatic_complexity: u32,
    /// Credo's: that of the worst clause.
    pub credo_cyclomatic: u32,
    /// SonarSource's.
    pub cognitive_complexity: u32,
    /// The deepest nesting of control structures.
    pub nesting_depth: u32,
    /// The sum over the clauses.
    pub lines_of_code: u32,
}

/// Of one module, over its own functions; modules nested in it count for themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ModuleMetrics {
    /// Sum.
    pub cyclomatic_complexity: u32,
    /// Maximum.
    pub credo_cyclomatic: u32,
    /// Sum.
    pub cognitive_complexity: u32,
    /// Maximum.
    pub nesting_depth: u32,
    /// Lines of code from `defmodule` to its `end`, all that stands in it included.
    pub lines_of_code: u32,
}
