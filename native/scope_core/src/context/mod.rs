//! What belongs to a question: relevance in a graph, and words in names and documentation.
//!
//! Both know numbers and texts only. The store says what the numbers are, and which edges there are.

pub mod rank;
pub mod words;
