//! A whole value, container by container, checked on the way. No recursion: the nesting is on a stack of its own, bounded.

use super::format::{By, Size};
use super::tokens::{Token, Tokens, corrupt, cut_off};
use crate::error::Result;
use crate::limits;

/// A container that begins. The numbers are what it has when it is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Open {
    List,
    Tuple(u64),
    Map(u64),
    /// Fields; the first thing inside is the module.
    Struct(u64),
}

/// How a container ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Close {
    Whole,
    /// The last thing inside was the list's tail.
    Improper,
    Cut(By, Size),
}

/// What a walk meets.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Step<'a> {
    /// A token that is a value by itself.
    Leaf(Token<'a>),
    Open(Open),
    /// The next value is the tail of the open list.
    Tail,
    Close(Open, Close),
}

struct Frame {
    open: Open,
    /// Values that are still to come; for a list, whether its tail is next.
    left: u64,
}

/// Goes through the one value that the bytes are. Nothing is allocated but the stack.
pub fn walk<'a>(bytes: &'a [u8], mut visit: impl FnMut(Step<'a>) -> Result<()>) -> Result<()> {
    let mut tokens = Tokens::new(bytes);
    let mut stack: Vec<Frame> = Vec::new();
    loop {
        let token = tokens.next()?.ok_or_else(cut_off)?;
        match (token, stack.last_mut()) {
            (Token::End, Some(frame)) if frame.open == Open::List && frame.left == 0 => {
                visit(Step::Close(Open::List, Close::Whole))?;
                stack.pop();
            }
            (Token::Tail, Some(frame)) if frame.open == Open::List && frame.left == 0 => {
                frame.left = 1;
                visit(Step::Tail)?;
                continue;
            }
            (Token::Cut(by, size), Some(frame)) if may_cut(frame) => {
                visit(Step::Close(frame.open, Close::Cut(by, size)))?;
                stack.pop();
            }
            (Token::End | Token::Tail | Token::Cut(..), _) => {
                return Err(corrupt("an end of nothing"));
            }
            (token, frame) => {
                if let Some(frame) = frame {
                    check_module(frame, &token)?;
                }
                match opened(token) {
                    None => visit(Step::Leaf(token))?,
                    Some((open, left)) => {
                        visit(Step::Open(open))?;
                        if open == Open::List || left > 0 {
                            if stack.len() > usize::from(limits::CAPTURED_DEPTH_MAX) {
                                return Err(corrupt("it is nested too deeply"));
                            }
                            stack.push(Frame { open, left });
                            continue;
                        }
                        visit(Step::Close(open, Close::Whole))?;
                    }
                }
            }
        }
        if close_full(&mut stack, &mut visit)? {
            return match tokens.is_at_end() {
                true => Ok(()),
                false => Err(corrupt("something comes after it")),
            };
        }
    }
}

/// A value inside is whole: it may be the last of what is around it, and so on. Whether that was all.
fn close_full<'a>(
    stack: &mut Vec<Frame>,
    visit: &mut impl FnMut(Step<'a>) -> Result<()>,
) -> Result<bool> {
    while let Some(frame) = stack.last_mut() {
        let how = match frame.open {
            Open::List if frame.left == 0 => return Ok(false),
            Open::List => Close::Improper,
            _ => {
                frame.left -= 1;
                if frame.left > 0 {
                    return Ok(false);
                }
                Close::Whole
            }
        };
        visit(Step::Close(frame.open, how))?;
        stack.pop();
    }
    Ok(true)
}

/// Whether the bytes are one value.
pub fn check(bytes: &[u8]) -> Result<()> {
    walk(bytes, |_| Ok(()))
}

fn opened(token: Token<'_>) -> Option<(Open, u64)> {
    Some(match token {
        Token::List => (Open::List, 0),
        Token::Tuple(arity) => (Open::Tuple(arity), arity),
        Token::Map(size) => (Open::Map(size), size.saturating_mul(2)),
        Token::Struct(size) => (Open::Struct(size), size.saturating_mul(2).saturating_add(1)),
        _ => return None,
    })
}

/// A key has its value, a struct its module, and a tail its term, before anything is cut.
fn may_cut(frame: &Frame) -> bool {
    match frame.open {
        Open::List => frame.left == 0,
        Open::Tuple(_) => true,
        Open::Map(_) => frame.left.is_multiple_of(2),
        Open::Struct(size) => frame.left.is_multiple_of(2) && frame.left <= size.saturating_mul(2),
    }
}

fn check_module(frame: &Frame, token: &Token<'_>) -> Result<()> {
    match (frame.open, token) {
        (Open::Struct(size), token) if frame.left == size.saturating_mul(2).saturating_add(1) => {
            match token {
                Token::Atom(_) | Token::AtomText(_) => Ok(()),
                _ => Err(corrupt("a struct without a module")),
            }
        }
        _ => Ok(()),
    }
}
