//! What a module means: its type, its role, the patterns it follows, the concepts of the domain it defines and the rules it
//! states.
//!
//! Everything is a judgement: a value with the nodes it was read from, how sure it is (0.0 to 1.0) and why. What is written
//! plainly (`use GenServer`) has confidence 1; conventions (a name, a shape) have less. Nothing is stored: a
//! module is judged when it is asked about, from what its file declares and calls and from the modules it names.

mod callback;
mod changeset;
mod concept;
mod context;
mod judged;
mod module_type;
mod pattern;
mod policy;
mod role;
mod rule;
mod schema;
mod survey;
mod value;
mod with_chain;

pub use judged::Judged;
pub use module_type::module_type;
pub use survey::{Judge, Survey};
pub use value::{Aspect, aspect_value, collect, meaning_value, type_text};
