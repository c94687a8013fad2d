//! Stepping: the next event of a debugger that goes both ways.
//!
//! An event stands at the depth of the activations around it; the beginning and the end of an activation stand
//! outside of it. Into goes to the next event of the process, over to the next that is not deeper, out to the next that is less deep.
//! So from a beginning over is its end, and from inside out is the end (backwards: the beginning).

use crate::temporal::happening::What;
use crate::temporal::window::Window;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sense {
    Forward,
    Back,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Motion {
    Into,
    Over,
    Out,
}

/// The event that a step from `at` leads to, in the same process. `None` where the window ends first.
pub fn step(window: &Window, at: u32, sense: Sense, motion: Motion) -> Option<u32> {
    match sense {
        Sense::Forward => find(window, at, window.after(at), motion, 1),
        Sense::Back => find(window, at, window.before(at), motion, -1),
    }
}

/// Depths relative to `at`: going forward, what follows a beginning is deeper; going back, what precedes an end.
fn find(
    window: &Window,
    at: u32,
    path: impl Iterator<Item = u32>,
    motion: Motion,
    sign: i64,
) -> Option<u32> {
    let (opens, closes) = (
        |what: What| matches!(what, What::Enter { .. }),
        |what: What| matches!(what, What::End(_)),
    );
    let deeper = |what: What| if sign > 0 { opens(what) } else { closes(what) };
    let shallower = |what: What| if sign > 0 { closes(what) } else { opens(what) };
    let mut depth = i64::from(deeper(window.event(at).what));
    for next in path {
        let what = window.event(next).what;
        if shallower(what) {
            depth -= 1;
        }
        let found = match motion {
            Motion::Into => true,
            Motion::Over => depth <= 0,
            Motion::Out => depth < 0,
        };
        if found {
            return Some(next);
        }
        if deeper(what) {
            depth += 1;
        }
    }
    None
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::temporal::happening::{Ending, Happening};

    /// `f(` opens, `)` closes, `.` is an event inside.
    fn window(text: &str) -> Window {
        let (mut stack, mut events) = (Vec::new(), Vec::new());
        for (id, letter) in (0..).zip(text.chars()) {
            let what = match letter {
                '(' => What::Enter { jumped: false },
                ')' => What::End(Ending::Return),
                _ => What::Inside,
            };
            let mut event = Happening::new(id, id * 10, 1, what);
            match letter {
                '(' => {
                    event.token = id + 1;
                    stack.push(id + 1);
                }
                ')' => event.token = stack.pop().unwrap_or_default(),
                _ => event.token = stack.last().copied().unwrap_or_default(),
            }
            events.push(event);
        }
        Window::new(events, false)
    }

    #[test]
    fn steps_go_in_over_and_out_both_ways() {
        // 0 (   1 .   2 (   3 (   4 )   5 .   6 )   7 .   8 )   9 .
        let window = window("(.(().).).");
        let go = |at, sense, motion| step(&window, at, sense, motion);
        use {Motion::*, Sense::*};
        assert_eq!(go(0, Forward, Into), Some(1));
        assert_eq!(go(0, Forward, Over), Some(8));
        assert_eq!(go(0, Forward, Out), None);
        assert_eq!(go(1, Forward, Over), Some(2));
        assert_eq!(go(2, Forward, Over), Some(6));
        assert_eq!(go(3, Forward, Out), Some(6));
        assert_eq!(go(5, Forward, Out), Some(6));
        assert_eq!(go(6, Forward, Out), Some(8));
        assert_eq!(go(9, Back, Over), Some(8));
        assert_eq!(go(8, Back, Over), Some(0));
        assert_eq!(go(8, Back, Into), Some(7));
        assert_eq!(go(7, Back, Over), Some(6));
        assert_eq!(go(7, Back, Out), Some(0));
        assert_eq!(go(5, Back, Out), Some(2));
        assert_eq!(go(0, Back, Into), None);
    }

    #[test]
    fn a_step_forward_is_undone_by_a_step_back() {
        let window = window("(.(.)(().)(.).).((.))");
        for at in 0..window.len() as u32 {
            for motion in [Motion::Into, Motion::Over] {
                if let Some(next) = step(&window, at, Sense::Forward, motion)
                    && (motion == Motion::Into || window.around(next) == window.around(at))
                    && !matches!(window.event(next).what, What::End(_))
                {
                    assert_eq!(step(&window, next, Sense::Back, motion), Some(at), "{at}");
                }
            }
        }
    }
}
