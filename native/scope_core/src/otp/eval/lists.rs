//! Lists: what `++`, `Enum` and `List` make of their elements.

use crate::ast::NodeIx;
use crate::otp::shape::{Elem, Presence, Shape, Type};

use super::calls::Argument;
use super::{Eval, Frame};

/// Elements of one list.
const ELEMENTS_MAX: usize = 256;
const UNROLLED_MAX: usize = 32;

/// The elements of a list; what is not known to be a list has any number of unknown ones.
pub(super) fn elements(shape: &Shape) -> Vec<Elem> {
    match shape {
        Shape::List(parts) => parts.items.to_vec(),
        Shape::OneOf(parts) => {
            let mut all: Option<Vec<Elem>> = None;
            for one in parts.items.iter().filter(|one| !one.is_nil()) {
                let elems = elements(one);
                all = Some(match all {
                    Some(all) => merged(&all, &elems),
                    None => elems,
                });
            }
            all.unwrap_or_default()
        }
        shape if shape.is_nil() => Vec::new(),
        _ => vec![Elem::many(Shape::Any)],
    }
}

/// The lists among the alternatives as one.
pub(in crate::otp) fn merged_lists(shape: &Shape) -> Vec<Elem> {
    elements(shape)
}

/// What any element may be.
pub(super) fn element(shape: &Shape) -> Shape {
    let elems = elements(shape);
    let shapes = elems.into_iter().map(|elem| elem.shape);
    shapes.reduce(Shape::or).unwrap_or(Shape::Any)
}

/// `first..last` and `first..last//step`, when they are known and few.
pub(super) fn range(ends: &[Shape]) -> Shape {
    let unknown = || Shape::list(vec![Elem::many(Shape::Of(Type::Number))]);
    let (first, last, step) = match *ends {
        [Shape::Int(first), Shape::Int(last)] => (first, last, if first > last { -1 } else { 1 }),
        [Shape::Int(first), Shape::Int(last), Shape::Int(step)] if step != 0 => (first, last, step),
        _ => return unknown(),
    };
    let mut all = Vec::new();
    let mut at = first;
    while if step > 0 { at <= last } else { at >= last } {
        if all.len() == UNROLLED_MAX {
            return unknown();
        }
        all.push(Elem::new(Shape::Int(at), None));
        let Some(next) = at.checked_add(step) else {
            break;
        };
        at = next;
    }
    Shape::list(all)
}

pub(super) fn concatenated(lists: &[Shape]) -> Shape {
    let mut all: Vec<Elem> = Vec::new();
    for list in lists {
        all.extend(elements(list));
        if all.len() > ELEMENTS_MAX {
            return Shape::Of(Type::List);
        }
    }
    Shape::list(all)
}

/// Two lists as one, in an order that both have: what is in both stays, the rest may be missing. The longest common
/// subsequence (Wagner and Fischer's table).
pub(super) fn merged(a: &[Elem], b: &[Elem]) -> Vec<Elem> {
    let same = |x: &Elem, y: &Elem| x.shape == y.shape;
    let width = b.len() + 1;
    if a.len() > ELEMENTS_MAX || b.len() > ELEMENTS_MAX {
        return vec![Elem::many(Shape::Any)];
    }
    let mut table = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            table[i * width + j] = if same(&a[i], &b[j]) {
                1 + table[(i + 1) * width + j + 1]
            } else {
                table[(i + 1) * width + j].max(table[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut all = Vec::with_capacity(a.len().max(b.len()));
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && same(&a[i], &b[j]) {
            let mut elem = a[i].clone().at_most(b[j].presence);
            elem.site = elem.site.or(b[j].site);
            all.push(elem);
            (i, j) = (i + 1, j + 1);
        } else if j >= b.len()
            || i < a.len() && table[(i + 1) * width + j] >= table[i * width + j + 1]
        {
            all.push(a[i].clone().at_most(Presence::Maybe));
            i += 1;
        } else {
            all.push(b[j].clone().at_most(Presence::Maybe));
            j += 1;
        }
    }
    all
}

impl Eval<'_> {
    /// Functions of `Enum` and `List`, as far as lists of children are made with them. `None` for others.
    pub(super) fn list_function(
        &mut self,
        frame: &mut Frame,
        name: &str,
        args: &[Argument],
    ) -> Option<Shape> {
        let list = &args.first()?.shape;
        let function = args.get(1).and_then(|one| one.function);
        Some(match (name, args.len()) {
            ("map" | "flat_map", 2) => self.mapped(frame, list, function, name == "flat_map"),
            ("filter" | "reject", 2) => {
                let item = element(list);
                if let Some(function) = function {
                    self.scoped(frame, |eval, frame| eval.function(frame, function, &[item]));
                }
                filtered(list, name == "reject" && self.is_nil_test(frame, function))
            }
            ("compact", 1) => filtered(list, true),
            ("concat" | "flatten", 1) => flattened(list),
            ("concat", 2) => concatenated(&[list.clone(), args[1].shape.clone()]),
            ("wrap", 1) => match list {
                Shape::List(_) => list.clone(),
                shape if shape.is_nil() => Shape::list(Vec::new()),
                Shape::Any | Shape::Param(_) | Shape::OneOf(_) => Shape::Any,
                one => Shape::list(vec![Elem::new(one.clone(), args[0].site(frame))]),
            },
            ("reverse", 1) => {
                let mut all = elements(list);
                all.reverse();
                Shape::list(all)
            }
            ("to_list" | "uniq", 1) => list.clone(),
            ("delete" | "delete_at", 2) => {
                let all = elements(list).into_iter();
                Shape::list(all.map(|one| one.at_most(Presence::Maybe)).collect())
            }
            ("insert_at", 3) => {
                let mut all = elements(list);
                let new = Elem::new(args[2].shape.clone(), args[2].site(frame));
                match args[1].shape {
                    Shape::Int(at) if at >= 0 && (at as usize) < all.len() => {
                        all.insert(at as usize, new);
                    }
                    _ => all.push(new),
                }
                Shape::list(all)
            }
            ("first" | "hd", 1) => match elements(list).first() {
                Some(one) if one.presence == Presence::Always => one.shape.clone(),
                _ => Shape::Any,
            },
            ("with_index", _) => {
                let all = elements(list).into_iter().enumerate().map(|(at, elem)| {
                    let index = match elem.presence {
                        Presence::Always => Shape::Int(at as i64),
                        _ => Shape::Of(Type::Number),
                    };
                    Elem {
                        shape: Shape::tuple(vec![elem.shape, index]),
                        ..elem
                    }
                });
                Shape::list(all.collect())
            }
            ("each", 2) => {
                if let Some(function) = function {
                    let item = element(list);
                    self.scoped(frame, |eval, frame| eval.function(frame, function, &[item]));
                }
                Shape::Atom(crate::atoms::intern("ok"))
            }
            _ => return None,
        })
    }

    fn mapped(
        &mut self,
        frame: &mut Frame,
        list: &Shape,
        function: Option<NodeIx>,
        flat: bool,
    ) -> Shape {
        let Some(function) = function else {
            return Shape::list(vec![Elem::many(Shape::Any)]);
        };
        let elems = elements(list);
        let elems = if elems.len() <= UNROLLED_MAX {
            elems
        } else {
            vec![Elem::many(Shape::Any)]
        };
        let mut all = Vec::new();
        for elem in elems {
            let made = self.scoped(frame, |eval, frame| {
                eval.function(frame, function, std::slice::from_ref(&elem.shape))
            });
            if flat {
                let inner = elements(&made).into_iter();
                all.extend(inner.map(|one| one.at_most(elem.presence)));
            } else {
                all.push(Elem {
                    shape: made,
                    presence: elem.presence,
                    site: elem.site,
                });
            }
        }
        if all.len() > ELEMENTS_MAX {
            return Shape::Of(Type::List);
        }
        Shape::list(all)
    }

    /// `&is_nil/1`, `&(&1 == nil)`, ...: a function that takes out what is missing.
    fn is_nil_test(&self, frame: &Frame, function: Option<NodeIx>) -> bool {
        let ast = self.ast(frame);
        let Some(function) = function else {
            return false;
        };
        let inside = (function.0..ast.end(function)).map(NodeIx);
        let names = inside.filter_map(|ix| ast.atom(ix));
        names.into_iter().any(|name| name.text() == "is_nil")
    }
}

/// What may be left of a list; with `nil`s taken out only they are certain to go.
fn filtered(list: &Shape, only_nils: bool) -> Shape {
    let mut all = Vec::new();
    for elem in elements(list) {
        let left = elem
            .shape
            .alternatives()
            .iter()
            .filter(|one| !one.is_falsy());
        let Some(shape) = left.cloned().reduce(Shape::or) else {
            continue;
        };
        let whole = shape == elem.shape && shape.is_known();
        let presence = match whole && only_nils {
            true => elem.presence,
            false => elem.presence.max(Presence::Maybe),
        };
        all.push(Elem {
            shape,
            presence,
            site: elem.site,
        });
    }
    Shape::list(all)
}

/// `List.flatten`, one level after the other.
fn flattened(list: &Shape) -> Shape {
    const LEVELS_MAX: usize = 8;
    let mut all = elements(list);
    for _ in 0..LEVELS_MAX {
        let nested = |elem: &Elem| {
            let shapes = elem.shape.alternatives();
            shapes.iter().all(|one| one.elems().is_some())
        };
        if !all.iter().any(nested) || all.len() > ELEMENTS_MAX {
            break;
        }
        let levels = all.into_iter().flat_map(|elem| {
            if !nested(&elem) {
                return vec![elem];
            }
            let inner = elements(&elem.shape).into_iter();
            inner.map(|one| one.at_most(elem.presence)).collect()
        });
        all = levels.collect();
    }
    Shape::list(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(numbers: &[i64]) -> Vec<Elem> {
        let elems = numbers.iter().map(|&n| Elem::new(Shape::Int(n), None));
        elems.collect()
    }

    #[test]
    fn what_only_one_of_two_lists_has_may_be_missing() {
        let check = |a: &[i64], b: &[i64], expect: &[(i64, bool)]| {
            let found: Vec<(Shape, bool)> = merged(&list(a), &list(b))
                .into_iter()
                .map(|elem| (elem.shape, elem.presence == Presence::Always))
                .collect();
            let expect: Vec<(Shape, bool)> = expect
                .iter()
                .map(|&(n, sure)| (Shape::Int(n), sure))
                .collect();
            assert_eq!(found, expect);
        };
        check(&[1, 2], &[1, 2, 3], &[(1, true), (2, true), (3, false)]);
        check(&[1, 3], &[1, 2, 3], &[(1, true), (2, false), (3, true)]);
        check(&[], &[1], &[(1, false)]);
        check(&[1], &[2], &[(1, false), (2, false)]);
    }
}
