//! What is asked of gates: changes to settings, where they hold, and what is remembered of them for code that comes later.

use crate::capture::clock::Ticks;
use crate::capture::config::{CaptureConfig, Mode};
use crate::capture::gate::{Order, Pace, Priority, Rate, Sampling, Settings};
use crate::capture::points::{FunctionKey, PointInfo, PointKind, Selection};
use crate::error::{Error, Result};
use crate::limits;

/// Changes to how much of values is recorded; `None` leaves a bound as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CaptureChange {
    pub mode: Option<Mode>,
    pub depth: Option<u16>,
    pub width: Option<u32>,
    pub bytes: Option<u32>,
    pub time_ns: Option<u32>,
}

/// Changes to settings; `None` leaves a setting as it is, `Some(None)` takes a limit away.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Change {
    pub capture: Option<Option<CaptureChange>>,
    pub sampling: Option<Sampling>,
    pub rate: Option<Option<(Rate, Pace)>>,
    /// So many more, from now on.
    pub hits: Option<Option<u64>>,
    pub expires_at: Option<Option<Ticks>>,
    pub priority: Option<Priority>,
    pub enabled: Option<bool>,
}

impl CaptureChange {
    fn apply(&self, mut to: CaptureConfig) -> CaptureConfig {
        to.mode = self.mode.unwrap_or(to.mode);
        to.depth = self.depth.unwrap_or(to.depth);
        to.width = self.width.unwrap_or(to.width);
        to.bytes = self.bytes.unwrap_or(to.bytes);
        to.time_ns = self.time_ns.unwrap_or(to.time_ns);
        to
    }
}

impl Change {
    /// The settings after the change, of a gate that `hits` have passed.
    pub fn apply(&self, mut to: Settings, hits: u64) -> Settings {
        match self.capture {
            None => {}
            Some(None) => to.capture = None,
            Some(Some(change)) => {
                to.capture = Some(change.apply(to.capture.unwrap_or_default()));
            }
        }
        to.sampling = self.sampling.unwrap_or(to.sampling);
        to.rate = self.rate.unwrap_or(to.rate);
        if let Some(limit) = self.hits {
            to.hits_until = limit.map(|limit| hits.saturating_add(limit));
        }
        to.expires_at = self.expires_at.unwrap_or(to.expires_at);
        to.priority = self.priority.unwrap_or(to.priority);
        to.enabled = self.enabled.unwrap_or(to.enabled);
        to
    }

    /// Only what concerns values.
    fn of_values(&self) -> Option<Change> {
        self.capture.map(|capture| Change {
            capture: Some(capture),
            ..Change::default()
        })
    }

    /// Without what `later` sets anyway; `None` when nothing is left.
    fn minus(mut self, later: &Change) -> Option<Change> {
        fn drop_if<T, U>(own: &mut Option<T>, later: &Option<U>) {
            if later.is_some() {
                *own = None;
            }
        }
        // Bounds of values add up: a later one may set only some of them.
        if matches!(later.capture, Some(None)) {
            self.capture = None;
        }
        drop_if(&mut self.sampling, &later.sampling);
        drop_if(&mut self.rate, &later.rate);
        drop_if(&mut self.hits, &later.hits);
        drop_if(&mut self.expires_at, &later.expires_at);
        drop_if(&mut self.priority, &later.priority);
        drop_if(&mut self.enabled, &later.enabled);
        if let (Some(Some(own)), Some(Some(other))) = (&mut self.capture, &later.capture) {
            drop_if(&mut own.mode, &other.mode);
            drop_if(&mut own.depth, &other.depth);
            drop_if(&mut own.width, &other.width);
            drop_if(&mut own.bytes, &other.bytes);
            drop_if(&mut own.time_ns, &other.time_ns);
            if *own == CaptureChange::default() {
                self.capture = None;
            }
        }
        (self != Change::default()).then_some(self)
    }
}

/// What shares a gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Per {
    Point,
    Function,
    /// Everything that is selected.
    Selection,
}

/// Which points of a selection are meant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Scope {
    /// Limits hold for what begins activations, bounds of values for all that records values.
    #[default]
    Calls,
    /// Limits and bounds hold for points of these kinds.
    Kinds(Vec<&'static str>),
}

/// Points that one gate is for, within what shares it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Group {
    Calls,
    Values,
    Kind(&'static str),
}

impl Scope {
    /// The group of a point and what it takes of a change; `None` where the point is not meant.
    pub(super) fn group(&self, info: &PointInfo, change: &Change) -> Option<(Group, Change)> {
        // A mark of coverage reports once and a jump carries nothing: there is nothing to limit. A `try` has to be known
        // whatever is recorded within it.
        if matches!(
            info.kind,
            PointKind::Tail(_) | PointKind::Try | PointKind::Branch
        ) {
            return None;
        }
        match self {
            Scope::Calls if info.kind == PointKind::Clause => Some((Group::Calls, *change)),
            Scope::Calls => change.of_values().map(|change| (Group::Values, change)),
            Scope::Kinds(kinds) => {
                let kind = kind_name(&info.kind);
                kinds
                    .contains(&kind)
                    .then_some((Group::Kind(kind), *change))
            }
        }
    }
}

/// What a kind of point is called where gates are asked for.
pub fn kind_name(kind: &PointKind) -> &'static str {
    match kind {
        PointKind::Clause => "clause",
        PointKind::Tail(_) => "tail",
        PointKind::Try => "try",
        PointKind::Branch => "branch",
        PointKind::Binding { .. } => "binding",
        PointKind::Expression => "expression",
        PointKind::Choice => "choice",
        PointKind::Send(_) => "send",
        PointKind::Receive => "receive",
        PointKind::Raise => "raise",
        PointKind::Custom => "custom",
        PointKind::Foreign => "foreign",
    }
}

/// A change that also holds for code that is registered later.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub selection: Selection,
    pub scope: Scope,
    pub per: Per,
    pub change: Change,
    /// Names the shared gates of `Per::Selection`.
    pub id: u64,
}

/// Rules in the order in which they were given.
#[derive(Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    /// Remembers a rule; `LimitExceeded` past `GATE_RULES_MAX`.
    pub(super) fn add(&mut self, rule: Rule) -> Result<()> {
        let same = |own: &Rule| {
            own.selection == rule.selection && own.scope == rule.scope && own.per == rule.per
        };
        self.0 = std::mem::take(&mut self.0)
            .into_iter()
            .filter_map(|own| match same(&own) {
                true => own
                    .change
                    .minus(&rule.change)
                    .map(|change| Rule { change, ..own }),
                false => Some(own),
            })
            .collect();
        if self.0.len() >= limits::GATE_RULES_MAX {
            return Err(Error::LimitExceeded {
                what: "remembered gate settings",
                limit: limits::GATE_RULES_MAX as u64,
            });
        }
        self.0.push(rule);
        Ok(())
    }

    /// The name of the shared gates of the same order, given before.
    pub(super) fn id_of(&self, order: &Order) -> Option<u64> {
        let same = |rule: &&Rule| {
            rule.selection == order.selection && rule.scope == order.scope && rule.per == order.per
        };
        self.0.iter().find(same).map(|rule| rule.id)
    }

    /// Forgets the rules for the selection, and those for parts of it.
    pub(super) fn forget(&mut self, selection: &Selection) {
        self.0.retain(|rule| !within(&rule.selection, selection));
    }

    pub(super) fn for_function(&self, function: FunctionKey) -> impl Iterator<Item = &Rule> {
        self.0.iter().filter(move |rule| match &rule.selection {
            Selection::All => true,
            Selection::Module(module) => *module == function.module,
            Selection::Function(own) => *own == function,
            Selection::Points(_) => false,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn within(part: &Selection, whole: &Selection) -> bool {
    match (part, whole) {
        (_, Selection::All) => true,
        (Selection::Module(own), Selection::Module(module)) => own == module,
        (Selection::Function(own), Selection::Module(module)) => own.module == *module,
        (Selection::Function(own), Selection::Function(function)) => own == function,
        _ => false,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::atoms::intern;

    #[test]
    fn what_is_set_again_is_remembered_once() {
        let mut rules = Rules::default();
        let rule = |change: Change| Rule {
            selection: Selection::Module(intern("Rules.Test")),
            scope: Scope::Calls,
            per: Per::Function,
            change,
            id: 0,
        };
        let sampled = Change {
            sampling: Some(Sampling::of(0.5)),
            priority: Some(Priority::Low),
            ..Change::default()
        };
        let depth = |depth: u16| Change {
            capture: Some(Some(CaptureChange {
                depth: Some(depth),
                ..CaptureChange::default()
            })),
            ..Change::default()
        };
        (0..50).for_each(|_| rules.add(rule(sampled)).unwrap());
        (0..50).for_each(|n| rules.add(rule(depth(n))).unwrap());
        assert_eq!(rules.0.len(), 2);
        let later = Change {
            priority: Some(Priority::High),
            ..Change::default()
        };
        rules.add(rule(later)).unwrap();
        let function = FunctionKey {
            module: intern("Rules.Test"),
            name: intern("f"),
            arity: 1,
        };
        let settings = rules
            .for_function(function)
            .fold(Settings::default(), |it, rule| rule.change.apply(it, 0));
        assert_eq!(settings.sampling, Sampling::of(0.5));
        assert_eq!(settings.priority, Priority::High);
        assert_eq!(settings.capture.unwrap().depth, 49);
        rules.forget(&Selection::Function(function));
        assert_eq!(rules.0.len(), 3);
        rules.forget(&Selection::All);
        assert!(rules.is_empty());
    }
}
