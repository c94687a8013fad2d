//! Branches, loops, functions.

use crate::ast::{Kind, NodeIx};
use crate::otp::fit::Fit;
use crate::otp::pattern::{bindings, bound_variables};
use crate::otp::shape::{Elem, Presence, Shape, Type};
use crate::otp::syntax::{
    arguments, block, branch, branch_pattern_of, branches, head_parts, is_call, option,
};

use super::{Eval, Frame, lists};

/// Elements of a known list for which a loop's body is evaluated one by one.
const UNROLLED_MAX: usize = 32;

impl Eval<'_> {
    /// A form of control, or `None` when `name` is none.
    pub(super) fn control(&mut self, frame: &mut Frame, ix: NodeIx, name: &str) -> Option<Shape> {
        let ast = self.ast(frame);
        let child = |at| ast.child(ix, at);
        let boolean = Shape::Of(Type::Atom);
        Some(match name {
            "if" | "unless" => self.condition(frame, ix, name == "unless"),
            "case" => {
                let value = self.eval(frame, child(0)?);
                self.choice(frame, block(ast, ix, "do"), &value)
            }
            "cond" => self.choice(frame, block(ast, ix, "do"), &Shape::Any),
            "with" => self.with(frame, ix),
            "for" => self.comprehension(frame, ix),
            "try" => {
                let body = block(ast, ix, "do");
                let mut result = body.map_or(Shape::Any, |body| {
                    self.scoped(frame, |eval, frame| eval.eval(frame, body))
                });
                for key in ["rescue", "catch", "else", "after"] {
                    if let Some(block) = block(ast, ix, key) {
                        result = self.handler_block(frame, block, result);
                    }
                }
                result
            }
            "receive" => {
                let taken = self.choice(frame, block(ast, ix, "do"), &Shape::Any);
                match block(ast, ix, "after") {
                    Some(after) => taken.or(self.choice(frame, Some(after), &Shape::Any)),
                    None => taken,
                }
            }
            "fn" => {
                self.scoped(frame, |eval, frame| eval.function(frame, ix, &[]));
                Shape::Of(Type::Function)
            }
            "&" => match child(0).and_then(|at| ast.int(at)) {
                Some(at) => self.bound(frame, crate::atoms::intern(&format!("&{at}"))),
                None => {
                    self.scoped(frame, |eval, frame| eval.function(frame, ix, &[]));
                    Shape::Of(Type::Function)
                }
            },
            "||" | "or" => {
                let (left, right) = (self.eval(frame, child(0)?), child(1)?);
                let right = self.scoped(frame, |eval, frame| eval.eval(frame, right));
                match () {
                    () if left.is_truthy() => left,
                    () if left.is_falsy() => right,
                    () => truthy(&left).map_or(Shape::Any, |left| left.or(right)),
                }
            }
            "&&" | "and" => {
                let (left, right) = (self.eval(frame, child(0)?), child(1)?);
                let right = self.scoped(frame, |eval, frame| eval.eval(frame, right));
                match () {
                    () if left.is_falsy() => left,
                    () if left.is_truthy() => right,
                    () => Shape::Atom(crate::atoms::intern("nil")).or(right),
                }
            }
            "!" | "not" | "==" | "!=" | "===" | "!==" | "<" | ">" | "<=" | ">=" | "in" | "=~" => {
                self.each(frame, ix);
                boolean
            }
            "-" | "+" | "*" | "/" => {
                self.each(frame, ix);
                match (name, child(0).and_then(|one| ast.int(one)), child(1)) {
                    ("-", Some(int), None) => Shape::Int(int.wrapping_neg()),
                    _ => Shape::Of(Type::Number),
                }
            }
            "++" => {
                let (left, right) = (child(0)?, child(1)?);
                let left = self.eval(frame, left);
                let right = self.eval(frame, right);
                lists::concatenated(&[left, right])
            }
            ".." | "..//" => {
                let mut ends = Vec::new();
                for end in ast.children(ix) {
                    ends.push(self.eval(frame, end));
                }
                lists::range(&ends)
            }
            "^" => self.eval(frame, child(0)?),
            _ => return None,
        })
    }

    fn condition(&mut self, frame: &mut Frame, ix: NodeIx, negated: bool) -> Shape {
        let ast = self.ast(frame);
        let Some(condition) = ast.child(ix, 0) else {
            return Shape::Any;
        };
        let condition = self.eval(frame, condition);
        let mut branch = |key: &str| match block(ast, ix, key) {
            Some(body) => self.scoped(frame, |eval, frame| eval.eval(frame, body)),
            None => Shape::Atom(crate::atoms::intern("nil")),
        };
        let (yes, no) = (branch("do"), branch("else"));
        let (yes, no) = if negated { (no, yes) } else { (yes, no) };
        match () {
            () if condition.is_truthy() => yes,
            () if condition.is_falsy() => no,
            () => either(yes, no),
        }
    }

    /// `->` branches: what they may give for a value.
    fn choice(&mut self, frame: &mut Frame, block: Option<NodeIx>, value: &Shape) -> Shape {
        let ast = self.ast(frame);
        let Some(block) = block else {
            return Shape::Any;
        };
        let mut result: Option<Shape> = None;
        let mut decided = false;
        for branch in branches(ast, block) {
            let (pattern, guard) = branch_pattern_of(ast, branch);
            let (shape, open) = match pattern {
                Some(pattern) => self.pattern(frame, pattern, guard),
                None => (Shape::Any, true),
            };
            let fit = value.fits(&shape);
            let taken = self.scoped(frame, |eval, frame| {
                if let Some(pattern) = pattern {
                    frame.env.extend(bindings(ast, pattern, value));
                }
                if let Some(guard) = guard {
                    eval.eval(frame, guard);
                }
                eval.eval(frame, branch.body)
            });
            if decided || fit == Fit::No {
                continue;
            }
            result = Some(match result {
                Some(result) => either(result, taken),
                None => taken,
            });
            decided = fit == Fit::Must && !open && guard.is_none() && value.is_known();
        }
        result.unwrap_or(Shape::Any)
    }

    /// `rescue`, `catch`, `else`, `after`: evaluated for what they do; their values may be the result too.
    pub(super) fn handler_block(
        &mut self,
        frame: &mut Frame,
        block: NodeIx,
        result: Shape,
    ) -> Shape {
        let ast = self.ast(frame);
        if branches(ast, block).next().is_none() {
            self.scoped(frame, |eval, frame| eval.eval(frame, block));
            return result;
        }
        self.choice(frame, Some(block), &Shape::Any);
        result
    }

    fn with(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let ast = self.ast(frame);
        self.scoped(frame, |eval, frame| {
            let mut refused: Option<Shape> = None;
            for step in arguments(ast, ix) {
                if is_call(ast, step, "<-") {
                    let (Some(pattern), Some(value)) = (ast.child(step, 0), ast.child(step, 1))
                    else {
                        continue;
                    };
                    let (patterns, guard) = head_parts(ast, pattern);
                    let value = eval.eval(frame, value);
                    let Some(&pattern) = patterns.first() else {
                        continue;
                    };
                    let (shape, open) = eval.pattern(frame, pattern, guard);
                    frame.env.extend(bindings(ast, pattern, &value));
                    if open || value.fits(&shape) != Fit::Must {
                        refused = Some(refused.map_or(Shape::Any, |one| one.or(Shape::Any)));
                    }
                } else if ast.kind(step) != Kind::List {
                    eval.eval(frame, step);
                }
            }
            let body = block(ast, ix, "do");
            let result = body.map_or(Shape::Any, |body| eval.eval(frame, body));
            match block(ast, ix, "else") {
                Some(block) => result.or(eval.choice(frame, Some(block), &Shape::Any)),
                // What is refused is mostly an error, and nothing that anyone starts or sends.
                None => result,
            }
        })
    }

    fn comprehension(&mut self, frame: &mut Frame, ix: NodeIx) -> Shape {
        let ast = self.ast(frame);
        let body = block(ast, ix, "do");
        let reduces = arguments(ast, ix)
            .filter(|&one| ast.kind(one) == Kind::List)
            .any(|list| option(ast, list, "reduce").is_some());
        self.scoped(frame, |eval, frame| {
            let mut steps = arguments(ast, ix).filter(|&one| ast.kind(one) != Kind::List);
            let first = steps.next();
            let rest: Vec<NodeIx> = steps.collect();
            let generator = first.filter(|&one| is_call(ast, one, "<-"));
            let (pattern, source) = match generator {
                Some(one) => (ast.child(one, 0), ast.child(one, 1)),
                None => {
                    if let Some(one) = first {
                        eval.generator(frame, one);
                    }
                    (None, None)
                }
            };
            let source = source.map_or(Shape::Any, |source| eval.eval(frame, source));
            let simple = rest.is_empty() && !reduces;
            let known = source
                .elems()
                .filter(|elems| simple && elems.len() <= UNROLLED_MAX && eval.sends.is_none());
            if let (Some(elems), Some(pattern), Some(body)) = (known, pattern, body) {
                let made = elems.iter().map(|elem| {
                    let made = eval.scoped(frame, |eval, frame| {
                        frame.env.extend(bindings(ast, pattern, &elem.shape));
                        eval.eval(frame, body)
                    });
                    Elem {
                        shape: made,
                        presence: elem.presence,
                        site: elem.site,
                    }
                });
                return Shape::list(made.collect());
            }
            if let Some(pattern) = pattern {
                let (patterns, _) = head_parts(ast, pattern);
                for pattern in patterns {
                    frame
                        .env
                        .extend(bindings(ast, pattern, &lists::element(&source)));
                }
            }
            for step in rest {
                eval.generator(frame, step);
            }
            let made = match (body, reduces) {
                (Some(body), false) => eval.eval(frame, body),
                (Some(body), true) => {
                    eval.choice(frame, Some(body), &Shape::Any);
                    return Shape::Any;
                }
                _ => Shape::Any,
            };
            Shape::list(vec![Elem::many(made)])
        })
    }

    fn generator(&mut self, frame: &mut Frame, step: NodeIx) {
        let ast = self.ast(frame);
        if !is_call(ast, step, "<-") {
            self.eval(frame, step);
            return;
        }
        let source = ast.child(step, 1);
        let source = source.map_or(Shape::Any, |source| self.eval(frame, source));
        if let Some(pattern) = ast.child(step, 0) {
            frame
                .env
                .extend(bindings(ast, pattern, &lists::element(&source)));
        }
    }

    /// The body of `fn` or `&`, with these arguments as far as they are known.
    pub(super) fn function(&mut self, frame: &mut Frame, ix: NodeIx, values: &[Shape]) -> Shape {
        let ast = self.ast(frame);
        let place = |at: usize| values.get(at).cloned().unwrap_or(Shape::Any);
        if is_call(ast, ix, "&") {
            let Some(body) = ast.child(ix, 0) else {
                return Shape::Any;
            };
            if ast.kind(body) == Kind::Int {
                return ast
                    .int(body)
                    .map_or(Shape::Any, |at| place(at.max(1) as usize - 1));
            }
            if is_call(ast, body, "/") {
                return self.captured(frame, body, values);
            }
            // `&1` in the body: bound under a name that no variable has.
            return self.scoped(frame, |eval, frame| {
                for (at, value) in values.iter().enumerate() {
                    let name = crate::atoms::intern(&format!("&{}", at + 1));
                    frame.env.push((name, value.clone()));
                }
                eval.eval(frame, body)
            });
        }
        let mut result: Option<Shape> = None;
        for arrow in ast.children(ix) {
            let Some(branch) = branch(ast, arrow) else {
                continue;
            };
            let (patterns, guard) = head_parts(ast, branch.head);
            let mut fit = Fit::Must;
            for (at, &pattern) in patterns.iter().enumerate() {
                let (shape, _) = self.pattern(frame, pattern, guard);
                fit = fit.min(place(at).fits(&shape));
            }
            let given = self.scoped(frame, |eval, frame| {
                for (at, &pattern) in patterns.iter().enumerate() {
                    frame.env.extend(bindings(ast, pattern, &place(at)));
                    if values.is_empty() {
                        let names = bound_variables(ast, pattern);
                        frame
                            .env
                            .extend(names.into_iter().map(|name| (name, Shape::Any)));
                    }
                }
                eval.eval(frame, branch.body)
            });
            if fit != Fit::No {
                result = Some(match result {
                    Some(result) => result.or(given),
                    None => given,
                });
            }
        }
        result.unwrap_or(Shape::Any)
    }
}

/// One or the other; of lists, one list in which what only one of them has may be missing.
pub(super) fn either(a: Shape, b: Shape) -> Shape {
    match (a.elems(), b.elems()) {
        (Some(left), Some(right)) if a != b => {
            if is_keyword(left) || is_keyword(right) {
                return a.or(b);
            }
            Shape::list(lists::merged(left, right))
        }
        _ => a.or(b),
    }
}

fn is_keyword(elems: &[Elem]) -> bool {
    !elems.is_empty()
        && elems.iter().all(|elem| match elem.shape.items() {
            Some([Shape::Atom(key), _]) => !key.text().starts_with("Elixir."),
            _ => false,
        })
        && elems.iter().all(|elem| elem.presence == Presence::Always)
}

/// Without what is certainly `nil` or `false`.
fn truthy(shape: &Shape) -> Option<Shape> {
    let left = shape.alternatives().iter().filter(|one| !one.is_falsy());
    left.cloned().reduce(Shape::or)
}
