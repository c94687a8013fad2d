//! What captured values tell: the shapes that go in and come out, and whether a server's state changed.

use xxhash_rust::xxh3::Xxh3;

use crate::atoms::Atom;
use crate::captured::{Open, Step, Token, walk};

/// One thing at the top of a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Element {
    pub shape: String,
    /// Equal values have equal ones.
    pub hash: u64,
}

/// Elements of the list or tuple that a captured value is; `None` when it is neither, was cut or cannot be read.
pub fn elements(value: &[u8]) -> Option<Vec<Element>> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut hash = Xxh3::new();
    let mut current = String::new();
    let mut whole = true;
    let walked = walk(value, |step| {
        match step {
            Step::Open(_) => {
                if depth == 0 {
                    whole &= matches!(step, Step::Open(Open::List | Open::Tuple(_)));
                }
                if depth == 1 {
                    current = shape(&step);
                    hash = Xxh3::new();
                }
                depth += 1;
            }
            Step::Leaf(_) if depth == 1 => {
                current = shape(&step);
                hash = Xxh3::new();
            }
            Step::Leaf(token) => {
                whole &= depth > 0 || token == Token::EmptyList;
            }
            Step::Tail => {}
            Step::Close(..) => depth -= 1,
        }
        hash.update(format!("{step:?}").as_bytes());
        let ended = match step {
            Step::Leaf(_) => depth == 1,
            Step::Close(..) => depth == 1,
            _ => false,
        };
        if ended {
            found.push(Element {
                shape: std::mem::take(&mut current),
                hash: hash.digest(),
            });
        }
        Ok(())
    });
    (walked.is_ok() && whole).then_some(found)
}

/// Of the outermost value alone.
pub fn outer(value: &[u8]) -> String {
    let mut first: Option<String> = None;
    let mut label: Option<String> = None;
    let mut steps = 0;
    let _ = walk(value, |step| {
        steps += 1;
        if first.is_none() {
            first = Some(shape(&step));
        } else if steps == 2
            && let Step::Leaf(Token::Atom(_)) = step
        {
            label = Some(shape(&step));
        }
        Ok(())
    });
    match (first.as_deref(), label) {
        (Some("tuple"), Some(label)) => format!("{{{label}, ...}}"),
        (Some("struct"), Some(label)) => format!("%{}{{}}", label.trim_start_matches(":Elixir.")),
        (Some(first), _) => first.to_owned(),
        (None, _) => "unreadable".into(),
    }
}

fn shape(step: &Step<'_>) -> String {
    let word = match step {
        Step::Open(Open::List) => "list",
        Step::Open(Open::Tuple(_)) => "tuple",
        Step::Open(Open::Map(_)) => "map",
        Step::Open(Open::Struct(_)) => "struct",
        Step::Leaf(Token::Atom(number)) => return format!(":{}", Atom(*number as u32).text()),
        Step::Leaf(Token::Int(_)) => "integer",
        Step::Leaf(Token::Float(_)) => "float",
        Step::Leaf(Token::Binary(_) | Token::BinaryCut(..) | Token::Masked(..)) => "binary",
        Step::Leaf(Token::EmptyList) => "[]",
        Step::Leaf(Token::Pid(_)) => "pid",
        Step::Leaf(Token::Redacted(..)) => "redacted",
        _ => "other",
    };
    word.into()
}

/// The state that a callback of a server gives back: its place in the result.
pub fn new_state(result: &[Element]) -> Option<&Element> {
    match result.first()?.shape.as_str() {
        ":noreply" | ":ok" => result.get(1),
        ":reply" => result.get(2),
        _ => None,
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::atoms::intern;
    use crate::captured::format::{put_atom, put_int, put_tuple};

    fn noreply(state: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_tuple(&mut bytes, 2);
        put_atom(&mut bytes, u64::from(intern("noreply").0));
        put_int(&mut bytes, state);
        bytes
    }

    #[test]
    fn the_state_of_a_result_is_found_and_compared() {
        let (one, same, two) = (
            elements(&noreply(1)),
            elements(&noreply(1)),
            elements(&noreply(2)),
        );
        let (one, same, two) = (one.unwrap(), same.unwrap(), two.unwrap());
        assert_eq!(new_state(&one), new_state(&same));
        assert_ne!(new_state(&one), new_state(&two));
        assert_eq!(one[0].shape, ":noreply");
        assert_eq!(outer(&noreply(1)), "{:noreply, ...}");
        assert_eq!(elements(&[255, 1]), None);
    }
}
