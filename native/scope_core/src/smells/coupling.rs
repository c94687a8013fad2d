//! God modules and feature envy: what reaches into other modules of the project.
//!
//! "Of the project" is a module whose name begins as the module's own (`MyApp` and `MyAppWeb` are one): libraries are
//! there to be called.

use std::collections::{HashMap, HashSet};

use crate::ast::NodeIx;
use crate::atoms::Atom;
use crate::source::calls::{CallSite, Form, ModuleRef};
use crate::source::{FunctionDef, Unit};

use super::Finding;
use super::code::root_of;
use super::kind::{Smell, Thresholds};
use super::locals::Locals;

pub(super) fn find(unit: &Unit, thresholds: &Thresholds, found: &mut Vec<Finding>) {
    for module in 0..unit.modules().len() as u32 {
        if unit.modules()[module as usize].dynamic {
            continue;
        }
        god_module(unit, module, thresholds, found);
        for function in unit.modules()[module as usize].functions.clone() {
            feature_envy(unit, module, function, thresholds, found);
        }
    }
}

/// Another module of the project that a call goes to.
fn foreign(unit: &Unit, module: u32, site: &CallSite<'_>) -> Option<Atom> {
    let own = unit.modules()[module as usize].name;
    let is_call = matches!(
        site.form,
        Form::Plain | Form::Piped | Form::Capture | Form::Apply
    );
    match site.callee.module {
        ModuleRef::Known(other) if is_call && !site.quoted && other != own => {
            let root = root_of(own.text());
            (root.is_some() && root == root_of(other.text())).then_some(other)
        }
        _ => None,
    }
}

/// The namespace around a module is its interface: `MyApp.Cart` to `MyApp.Cart.Item`. So is `Kernel`, to all.
fn is_above(own: Atom, other: Atom) -> bool {
    let inner = own.text().strip_prefix(other.text());
    inner.is_some_and(|rest| rest.starts_with('.')) || other.text() == "Elixir.Kernel"
}

fn god_module(unit: &Unit, number: u32, thresholds: &Thresholds, found: &mut Vec<Finding>) {
    let module = &unit.modules()[number as usize];
    let complexity = module.metrics.cyclomatic_complexity;
    if complexity < thresholds.god_module_complexity {
        return;
    }
    let sites = unit.call_sites_in(module.node);
    let others: HashSet<Atom> = sites
        .filter(|site| site.module == Some(number))
        .filter_map(|site| foreign(unit, number, &site))
        .collect();
    if others.len() as u32 <= thresholds.god_module_foreign {
        return;
    }
    let Some(cohesion) = cohesion(unit, number) else {
        return;
    };
    if cohesion * 100.0 >= f64::from(thresholds.god_module_cohesion_percent) {
        return;
    }
    let what = format!(
        "complexity {complexity}, {} other modules of the project called, {:.0} % of the pairs of public functions related",
        others.len(),
        cohesion * 100.0
    );
    let finding = Finding::new(Smell::GodModule, module.node, what);
    found.push(finding.measured(f64::from(complexity)).confidence(0.7));
}

/// Tight class cohesion (Bieman and Kang 1995), for modules: the share of pairs of public functions one of which calls
/// the other, or which call the same function of the module. None when there is no pair.
fn cohesion(unit: &Unit, module: u32) -> Option<f64> {
    let edges = Locals::new(unit, module).edges(unit);
    // One bit for each function, and one for the state of a process that they share.
    let words = edges.len() / 64 + 1;
    let state = edges.len() as u32;
    let functions = unit.functions_of_module(module);
    let reached = functions.iter().zip(&edges).enumerate();
    let public: Vec<Vec<u64>> = reached
        .filter(|(_, (function, _))| function.kind.is_public())
        .map(|(own, (function, called))| {
            let mut bits = vec![0u64; words];
            let shares = shares_state(unit, function).then_some(&state);
            for &one in called.iter().chain([&(own as u32)]).chain(shares) {
                bits[one as usize / 64] |= 1 << (one % 64);
            }
            bits
        })
        .collect();
    let (mut pairs, mut related) = (0u64, 0u64);
    for (at, one) in public.iter().enumerate() {
        for other in &public[at + 1..] {
            pairs += 1;
            related += u64::from(one.iter().zip(other).any(|(a, b)| a & b != 0));
        }
    }
    (pairs > 0).then(|| related as f64 / pairs as f64)
}

/// A callback of a process, or a function that asks one: what they share is its state.
fn shares_state(unit: &Unit, function: &FunctionDef) -> bool {
    let name = function.name.text();
    let callback = name.starts_with("handle_")
        || matches!(
            name,
            "init" | "terminate" | "mount" | "update" | "render" | "start_link"
        );
    let asks = |site: CallSite<'_>| match site.callee.module {
        ModuleRef::Known(module) => matches!(
            module.text(),
            "Elixir.GenServer" | "Elixir.Agent" | "gen_server" | "gen_statem"
        ),
        _ => false,
    };
    let mut clauses = function.clauses.clone();
    callback
        || clauses.any(|clause| {
            let node = unit.clauses()[clause as usize].node;
            unit.call_sites_in(node).any(asks)
        })
}

fn feature_envy(
    unit: &Unit,
    module: u32,
    function: u32,
    thresholds: &Thresholds,
    found: &mut Vec<Finding>,
) {
    let locals = || {
        let own = unit.modules()[module as usize].name;
        move |site: &CallSite<'_>| match site.callee.module {
            ModuleRef::Known(other) => other == own,
            ModuleRef::Local => !site.dynamic_name,
            _ => false,
        }
    };
    let is_own = locals();
    let own_name = unit.modules()[module as usize].name;
    let (mut own, mut total) = (0u32, 0u32);
    let mut others: HashMap<Atom, Vec<(Atom, u32, NodeIx)>, ahash::RandomState> =
        HashMap::default();
    for clause in unit.clauses_of_function(function) {
        for site in unit.call_sites_in(clause.node).filter(|site| !site.quoted) {
            if is_own(&site) {
                own += 1;
                continue;
            }
            let other = foreign(unit, module, &site);
            if let Some(other) = other.filter(|other| !is_above(own_name, *other)) {
                others.entry(other).or_default().push((
                    site.callee.name,
                    site.callee.arity,
                    site.node,
                ));
                total += 1;
            }
        }
    }
    const PROVIDERS_MAX: usize = 5;
    let Some((envied, nodes)) = others.iter().max_by_key(|(_, nodes)| nodes.len()) else {
        return;
    };
    let calls = nodes.len() as u32;
    let distinct: HashSet<(Atom, u32)> = nodes
        .iter()
        .map(|&(name, arity, _)| (name, arity))
        .collect();
    let few = others.len() <= PROVIDERS_MAX && own * 2 < total;
    if distinct.len() as u32 > thresholds.feature_envy_calls && calls * 2 > total && few {
        let first = unit.functions()[function as usize].clauses.start;
        let node = unit.clauses()[first as usize].node;
        let name = crate::source::module_text(*envied);
        let what = format!(
            "calls {} functions of {name} in {calls} places, and its own module {own} times",
            distinct.len()
        );
        let finding = Finding::new(Smell::FeatureEnvy, node, what);
        let finding = finding.measured(distinct.len() as f64).confidence(0.6);
        found.push(finding.related(nodes.iter().map(|&(_, _, node)| node).collect()));
    }
}
