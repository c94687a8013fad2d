//! Whether a value fits a pattern.

use super::shape::{Elem, MapShape, Presence, Shape, Type};

/// How well.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Fit {
    No,
    May,
    Must,
}

impl Shape {
    /// Whether a value of this shape fits a pattern of that shape.
    pub fn fits(&self, pattern: &Shape) -> Fit {
        if let Shape::OneOf(parts) = pattern {
            let each = parts.items.iter().map(|one| self.fits(one));
            return each.max().unwrap_or(Fit::No);
        }
        match (self, pattern) {
            (_, Shape::Any | Shape::Param(_)) => Fit::Must,
            (Shape::OneOf(parts), _) => {
                let mut each = parts.items.iter().map(|one| one.fits(pattern));
                let first = each.next().unwrap_or(Fit::No);
                each.fold(first, |all, one| if all == one { all } else { Fit::May })
            }
            (Shape::Any | Shape::Param(_), _) => Fit::May,
            (Shape::Tuple(a), Shape::Tuple(b)) if a.items.len() == b.items.len() => {
                all_fit(a.items.iter().zip(&b.items).map(|(a, b)| a.fits(b)))
            }
            (Shape::List(a), Shape::List(b)) => lists_fit(&a.items, &b.items),
            (Shape::Map(a), Shape::Map(b)) => maps_fit(a, b),
            (value, Shape::Of(wanted)) => match value.type_of() {
                Some(own) if own == *wanted => Fit::Must,
                Some(_) => Fit::No,
                None => Fit::May,
            },
            (Shape::Of(own), pattern) if pattern.type_of() == Some(*own) => Fit::May,
            (a, b) if a == b => match a {
                // Two pids may be two processes.
                Shape::Own | Shape::Process(_) => Fit::May,
                _ => Fit::Must,
            },
            (Shape::Own | Shape::Process(_), Shape::Own | Shape::Process(_)) => Fit::May,
            _ => Fit::No,
        }
    }

    fn type_of(&self) -> Option<Type> {
        Some(match self {
            Shape::Atom(_) => Type::Atom,
            Shape::Int(_) => Type::Number,
            Shape::Text(_) => Type::Binary,
            Shape::Of(own) => *own,
            Shape::Own | Shape::Process(_) => Type::Pid,
            Shape::Tuple(_) => Type::Tuple,
            Shape::List(_) => Type::List,
            Shape::Map(_) => Type::Map,
            Shape::Any | Shape::Param(_) | Shape::OneOf(_) => return None,
        })
    }
}

fn all_fit(each: impl Iterator<Item = Fit>) -> Fit {
    each.min().unwrap_or(Fit::Must)
}

fn lists_fit(value: &[Elem], pattern: &[Elem]) -> Fit {
    let fixed = |items: &[Elem]| items.iter().all(|item| item.presence == Presence::Always);
    if fixed(value) && fixed(pattern) {
        if value.len() != pattern.len() {
            return Fit::No;
        }
        let pairs = value.iter().zip(pattern);
        return all_fit(pairs.map(|(a, b)| a.shape.fits(&b.shape)));
    }
    // A pattern `[first | _]` has its fixed elements in front.
    let front = pattern
        .iter()
        .take_while(|item| item.presence == Presence::Always);
    if fixed(value) {
        if value.len() < front.clone().count() {
            return Fit::No;
        }
        let pairs = value.iter().zip(front);
        return all_fit(pairs.map(|(a, b)| a.shape.fits(&b.shape)));
    }
    Fit::May
}

fn maps_fit(value: &MapShape, pattern: &MapShape) -> Fit {
    let name = match (value.structure, pattern.structure) {
        (Some(a), Some(b)) if a != b => return Fit::No,
        (Some(_), _) | (None, None) => Fit::Must,
        (None, Some(_)) if value.open => Fit::May,
        (None, Some(_)) => return Fit::No,
    };
    let each = pattern.entries.items.iter().map(|(key, wanted)| {
        let own = value.entries.items.iter().find(|(own, _)| own == key);
        match own {
            Some((_, own)) => own.fits(wanted),
            // A struct's other fields are there, with values that are not known.
            None if value.open || value.structure.is_some() || !key.is_known() => Fit::May,
            None => Fit::No,
        }
    });
    all_fit(each).min(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::atoms::intern;
    use crate::otp::shape::Lookup;
    use crate::otp::text::TEXT_MAX;

    fn atom(text: &str) -> Shape {
        Shape::Atom(intern(text))
    }

    fn pair(tag: &str, value: Shape) -> Shape {
        Shape::tuple(vec![atom(tag), value])
    }

    #[test]
    fn values_fit_patterns() {
        let check = |value: Shape, pattern: Shape, expect: Fit| {
            let found = value.fits(&pattern);
            assert_eq!(found, expect, "{} against {}", value.text(), pattern.text());
        };
        check(atom("a"), atom("a"), Fit::Must);
        check(atom("a"), atom("b"), Fit::No);
        check(atom("a"), Shape::Any, Fit::Must);
        check(Shape::Any, atom("a"), Fit::May);
        check(pair("add", Shape::Any), pair("add", Shape::Any), Fit::Must);
        check(
            pair("add", Shape::Any),
            pair("add", Shape::Int(1)),
            Fit::May,
        );
        check(
            pair("add", Shape::Int(2)),
            pair("add", Shape::Int(1)),
            Fit::No,
        );
        check(
            pair("add", Shape::Any),
            Shape::tuple(vec![atom("add")]),
            Fit::No,
        );
        check(Shape::Own, Shape::Of(Type::Pid), Fit::Must);
        check(Shape::Of(Type::Atom), atom("a"), Fit::May);
        check(Shape::Of(Type::Number), atom("a"), Fit::No);
        check(atom("a").or(atom("b")), atom("a"), Fit::May);
        check(atom("a"), atom("a").or(atom("b")), Fit::Must);
        check(atom("c"), atom("a").or(atom("b")), Fit::No);
        let job = || Some(intern("Elixir.Job"));
        let with = |structure, open| Shape::map(structure, vec![(atom("id"), Shape::Int(1))], open);
        check(with(job(), false), with(job(), true), Fit::Must);
        check(with(None, false), with(job(), true), Fit::No);
        check(
            with(job(), false),
            Shape::map(None, vec![], true),
            Fit::Must,
        );
        check(Shape::map(None, vec![], false), with(None, true), Fit::No);
    }

    #[test]
    fn lists_fit_by_their_fixed_elements() {
        let list = |items: &[i64]| {
            let items = items.iter().map(|&n| Elem::new(Shape::Int(n), None));
            Shape::list(items.collect())
        };
        let mut front = vec![Elem::new(Shape::Int(1), None), Elem::many(Shape::Any)];
        assert_eq!(list(&[1, 2]).fits(&Shape::list(front.clone())), Fit::Must);
        assert_eq!(list(&[2]).fits(&Shape::list(front.clone())), Fit::No);
        assert_eq!(list(&[]).fits(&Shape::list(front.clone())), Fit::No);
        front.remove(0);
        assert_eq!(list(&[]).fits(&Shape::list(front)), Fit::Must);
        assert_eq!(list(&[1]).fits(&list(&[1, 2])), Fit::No);
    }

    #[test]
    fn what_doubles_with_every_line_stays_small() {
        let mut shape = atom("a");
        for _ in 0..200 {
            shape = Shape::tuple(vec![shape.clone(), shape]);
        }
        assert!(shape.text().len() < 2 * TEXT_MAX);
        assert_eq!(shape.fits(&Shape::Any), Fit::Must);
    }

    #[test]
    fn keys_are_found_when_they_are_certain() {
        let keyword = |items: Vec<Elem>| Shape::list(items);
        let one = Elem::new(pair("name", atom("x")), None);
        assert_eq!(keyword(vec![one.clone()]).get("name"), Some(atom("x")));
        let doubtful = vec![Elem::many(Shape::Any), one];
        assert!(matches!(keyword(doubtful).lookup("name"), Lookup::Unknown));
        assert!(matches!(keyword(vec![]).lookup("name"), Lookup::Absent));
    }
}
