//! ABC and Halstead: computed for a file when first asked for, and kept with it. Maintainability, which lines of code are
//! part of, is computed from these when it is asked for: layout changes it, and nothing else here.

use std::sync::Arc;

use crate::source::Unit;

use super::abc::{Abc, abc};
use super::credo_abc::CredoAbc;
use super::halstead::{Halstead, Tokens};

/// Of a clause, a function or a module.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Size {
    pub abc: Abc,
    /// The square of Credo's ABC size: of the clause, or of the worst one.
    credo_abc_square: u64,
    pub halstead: Halstead,
}

impl Size {
    /// Credo's ABC size; the greatest one of the clauses.
    pub fn credo_abc(&self) -> f64 {
        (self.credo_abc_square as f64).sqrt()
    }
}

/// Of everything in a file, by the numbers that the unit gives them.
#[derive(Clone, PartialEq, Debug)]
pub struct Sizes {
    pub clauses: Box<[Size]>,
    pub functions: Box<[Size]>,
    pub modules: Box<[Size]>,
}

impl Sizes {
    pub(crate) fn memory_bytes(&self) -> usize {
        let count = self.clauses.len() + self.functions.len() + self.modules.len();
        size_of::<Sizes>() + count * size_of::<Size>()
    }
}

impl Unit {
    /// ABC and Halstead.
    pub fn sizes(&self) -> &Arc<Sizes> {
        self.derived().sizes.get_or_init(|| Arc::new(sizes(self)))
    }

    /// The maintainability index of a clause, 0 to 100.
    pub fn clause_maintainability(&self, clause: u32) -> f64 {
        let metrics = &self.clauses[clause as usize].metrics;
        maintainability_index(
            self.sizes().clauses[clause as usize].halstead.volume(),
            f64::from(metrics.cyclomatic_complexity),
            f64::from(metrics.lines_of_code),
        )
    }

    /// The maintainability index of a function, 0 to 100.
    pub fn function_maintainability(&self, function: u32) -> f64 {
        let [volume, cyclomatic, lines] = self.maintained(function);
        maintainability_index(volume, cyclomatic, lines)
    }

    /// The maintainability index of a module's average function; None for a module without functions.
    pub fn module_maintainability(&self, module: u32) -> Option<f64> {
        let functions = self.modules[module as usize].functions.clone();
        let count = functions.len() as f64;
        let mut sums = [0.0; 3];
        for function in functions {
            for (sum, figure) in sums.iter_mut().zip(self.maintained(function)) {
                *sum += figure;
            }
        }
        let [volume, cyclomatic, lines] = sums.map(|sum| sum / count);
        (count > 0.0).then(|| maintainability_index(volume, cyclomatic, lines))
    }

    /// V, G and lines of code of a function.
    fn maintained(&self, function: u32) -> [f64; 3] {
        let metrics = &self.functions[function as usize].metrics;
        [
            self.sizes().functions[function as usize].halstead.volume(),
            f64::from(metrics.cyclomatic_complexity),
            f64::from(metrics.lines_of_code),
        ]
    }
}

/// Oman and Hagemeister, "Metrics for assessing a software system's maintainability", ICSM 1992, scaled to 0–100 as
/// Visual Studio does: max(0, (171 − 5.2 ln V − 0.23 G − 16.2 ln LOC) · 100/171).
///
/// A volume or a count of lines below one says nothing more than one does.
pub fn maintainability_index(volume: f64, cyclomatic: f64, lines: f64) -> f64 {
    let raw = 171.0 - 5.2 * volume.max(1.0).ln() - 0.23 * cyclomatic - 16.2 * lines.max(1.0).ln();
    (raw * 100.0 / 171.0).clamp(0.0, 100.0)
}

fn sizes(unit: &Unit) -> Sizes {
    let credo = CredoAbc::new(&unit.ast);
    let mut clauses = vec![Size::default(); unit.clauses.len()];
    let mut functions = vec![Size::default(); unit.functions.len()];
    let mut modules = vec![Size::default(); unit.modules.len()];
    for (number, module) in unit.modules.iter().enumerate() {
        let mut of_module = Tokens::default();
        for function in module.functions.clone() {
            let definition = &unit.functions[function as usize];
            let mut of_function = Tokens::default();
            let mut total = Size::default();
            for clause in definition.clauses.clone() {
                let definition = &unit.clauses[clause as usize];
                let mut tokens = Tokens::default();
                tokens.read(&unit.ast, definition.node);
                let own = Size {
                    abc: abc(&unit.ast, definition.node),
                    credo_abc_square: credo.square(&unit.ast, definition.node),
                    halstead: tokens.count(),
                };
                total.abc += own.abc;
                total.credo_abc_square = total.credo_abc_square.max(own.credo_abc_square);
                of_function.append(&mut tokens);
                clauses[clause as usize] = own;
            }
            total.halstead = of_function.count();
            let size = &mut modules[number];
            size.abc += total.abc;
            size.credo_abc_square = size.credo_abc_square.max(total.credo_abc_square);
            of_module.append(&mut of_function);
            functions[function as usize] = total;
        }
        modules[number].halstead = of_module.count();
    }
    Sizes {
        clauses: clauses.into(),
        functions: functions.into(),
        modules: modules.into(),
    }
}
