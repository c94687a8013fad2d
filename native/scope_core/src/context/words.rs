//! Words of a question against words of texts: BM25 (Robertson, Zaragoza 2009).
//!
//! Names are taken apart (`handle_call`, `CartSupervisor`), and plurals are cut as the S-stemmer does (Harman 1991).

use ahash::AHashMap;

/// How soon more of the same word tells no more, and how much a long text is held against it: the usual values.
const K1: f64 = 1.2;
const B: f64 = 0.75;
/// Longer words name nothing; more words of a question tell no more.
const WORD_BYTES_MAX: usize = 64;
const QUESTION_WORDS_MAX: usize = 64;

/// Words that every question has.
const STOP: &[&str] = &[
    "a", "about", "after", "all", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "does", "for", "from", "get", "ha", "had", "have", "how", "i",
    "if", "in", "into", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our", "so",
    "some", "than", "that", "the", "their", "them", "then", "there", "these", "they", "thi",
    "this", "to", "wa", "was", "we", "what", "when", "where", "which", "who", "why", "will",
    "with", "would", "you", "your",
];

/// The words of a text, in their order.
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(one) = chars.next() {
        let begins = one.is_uppercase()
            && (before.is_lowercase()
                || before.is_numeric()
                || before.is_uppercase() && chars.peek().is_some_and(|next| next.is_lowercase()));
        if begins || !one.is_alphanumeric() {
            finish(&mut word, &mut found);
        }
        if one.is_alphanumeric() && word.len() < WORD_BYTES_MAX {
            word.extend(one.to_lowercase());
        }
        before = one;
    }
    finish(&mut word, &mut found);
    found
}

fn finish(word: &mut String, found: &mut Vec<String>) {
    if !word.is_empty() {
        let word = singular(std::mem::take(word));
        if !STOP.contains(&word.as_str()) {
            found.push(word);
        }
    }
}

/// The S-stemmer: `ies` becomes `y`, `es` `e`, and an `s` goes, but for some endings.
fn singular(mut word: String) -> String {
    let ends = |ends: &[&str]| ends.iter().any(|end| word.ends_with(end));
    if word.len() > 3 && ends(&["ies"]) && !ends(&["eies", "aies"]) {
        word.truncate(word.len() - 3);
        word.push('y');
    } else if word.len() > 2 && ends(&["es"]) && !ends(&["aes", "ees", "oes"])
        || word.len() > 2 && ends(&["s"]) && !ends(&["us", "ss", "es"])
    {
        word.truncate(word.len() - 1);
    }
    word
}

/// Texts by number, to be searched. A text may be added to in parts.
#[derive(Default, Debug)]
pub struct Words {
    postings: AHashMap<Box<str>, Vec<(u32, f32)>>,
    lengths: AHashMap<u32, f32>,
    whole: f64,
}

impl Words {
    /// Adds to a text; a word of weight 3 counts as three of them. Texts come one after the other.
    pub fn add(&mut self, text: u32, content: &str, weight: f32) {
        let mut length = 0.0;
        for word in words(content) {
            length += weight;
            let of_word = self.postings.entry(word.into_boxed_str()).or_default();
            match of_word.last_mut().filter(|last| last.0 == text) {
                Some(last) => last.1 += weight,
                None => of_word.push((text, weight)),
            }
        }
        *self.lengths.entry(text).or_default() += length;
        self.whole += f64::from(length);
    }

    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The texts nearest to a question, best first.
    pub fn search(&self, question: &str, limit: usize) -> Vec<(u32, f64)> {
        let mut asked = words(question);
        asked.truncate(QUESTION_WORDS_MAX);
        asked.sort_unstable();
        asked.dedup();
        let texts = self.lengths.len() as f64;
        let mean = (self.whole / texts.max(1.0)).max(1.0);
        let mut scores: AHashMap<u32, f64> = AHashMap::new();
        for word in &asked {
            let Some(of_word) = self.postings.get(word.as_str()) else {
                continue;
            };
            let having = of_word.len() as f64;
            let rarity = (1.0 + (texts - having + 0.5) / (having + 0.5)).ln();
            for (text, count) in of_word {
                let (count, length) = (f64::from(*count), f64::from(self.lengths[text]));
                let damped = count + K1 * (1.0 - B + B * length / mean);
                *scores.entry(*text).or_default() += rarity * count * (K1 + 1.0) / damped;
            }
        }
        let mut found: Vec<(u32, f64)> = scores.into_iter().collect();
        found.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        found.truncate(limit);
        found
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn names_fall_apart_and_plurals_are_cut() {
        assert_eq!(
            words("Shop.CartSupervisor handle_call/3"),
            ["shop", "cart", "supervisor", "handle", "call", "3"]
        );
        assert_eq!(words("HTTPServer queries"), ["http", "server", "query"]);
        assert_eq!(words("prices of the carts pass"), ["price", "cart", "pass"]);
        assert_eq!(words("  ?! "), Vec::<String>::new());
    }

    /// Worked by hand from the formula.
    #[test]
    fn scores_are_those_of_the_formula() {
        let mut all = Words::default();
        all.add(0, "discount price", 1.0);
        all.add(1, "price price tax shipping", 1.0);
        let found = all.search("discount", 10);
        // idf = ln(1 + 1.5/1.5) = ln 2; the text has 2 words of 3 on the mean.
        let said = 2f64.ln() * 2.2 / (1.0 + 1.2 * (0.25 + 0.75 * 2.0 / 3.0));
        assert_eq!(found.len(), 1);
        assert!((found[0].1 - said).abs() < 1e-6);
        assert_eq!(all.search("prices", 10).len(), 2);
        assert_eq!(all.search("prices", 1).len(), 1);
        assert!(all.search("nothing of it", 10).is_empty());
    }
}
