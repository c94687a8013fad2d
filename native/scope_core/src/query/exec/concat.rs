//! Vectors put one behind the other.

use std::sync::Arc;

use ahash::AHashMap;

use crate::query::eval::vector_of;
use crate::query::vector::{MISSING, Missing, Vector};

/// One vector of all, in order.
pub fn concat(mut parts: Vec<Arc<Vector>>) -> Arc<Vector> {
    parts.retain(|part| !part.is_empty());
    if parts.len() == 1 {
        return parts.remove(0);
    }
    let rows: usize = parts.iter().map(|part| part.len()).sum();
    let Some(first) = parts.first() else {
        return Arc::new(Vector::Any(Vec::new()));
    };
    let kind = first.kind();
    if parts.iter().any(|part| part.kind() != kind) {
        let values = parts
            .iter()
            .flat_map(|part| (0..part.len()).map(|row| part.value(row)));
        return Arc::new(vector_of(values.collect()));
    }
    macro_rules! plain {
        ($variant:ident) => {{
            let mut values = Vec::with_capacity(rows);
            for part in &parts {
                if let Vector::$variant(own, _) = &**part {
                    values.extend_from_slice(own);
                }
            }
            Vector::$variant(values, missing_of(&parts, rows))
        }};
    }
    Arc::new(match &**first {
        Vector::Bool(..) => plain!(Bool),
        Vector::Int(..) => plain!(Int),
        Vector::Float(..) => plain!(Float),
        Vector::Atom(_) => {
            let mut codes = Vec::with_capacity(rows);
            for part in &parts {
                if let Vector::Atom(own) = &**part {
                    codes.extend_from_slice(own);
                }
            }
            Vector::Atom(codes)
        }
        Vector::Any(_) => {
            let mut values = Vec::with_capacity(rows);
            for part in &parts {
                if let Vector::Any(own) = &**part {
                    values.extend_from_slice(own);
                }
            }
            Vector::Any(values)
        }
        Vector::Text(_, first_texts) => {
            let same = |part: &Arc<Vector>| matches!(&**part, Vector::Text(_, texts) if Arc::ptr_eq(texts, first_texts));
            let one = parts.iter().all(same);
            let mut codes = Vec::with_capacity(rows);
            let mut known: AHashMap<Arc<[u8]>, u32> = AHashMap::new();
            let mut all = Vec::new();
            for part in &parts {
                let Vector::Text(own, texts) = &**part else {
                    continue;
                };
                if one {
                    codes.extend_from_slice(own);
                    continue;
                }
                let mut renumbered = vec![MISSING; texts.len()];
                for code in own {
                    if *code == MISSING {
                        codes.push(MISSING);
                        continue;
                    }
                    let new = &mut renumbered[*code as usize];
                    if *new == MISSING {
                        let text = &texts[*code as usize];
                        *new = *known.entry(text.clone()).or_insert_with(|| {
                            all.push(text.clone());
                            all.len() as u32 - 1
                        });
                    }
                    codes.push(*new);
                }
            }
            match one {
                true => Vector::Text(codes, first_texts.clone()),
                false => Vector::Text(codes, Arc::new(all)),
            }
        }
    })
}

fn missing_of(parts: &[Arc<Vector>], rows: usize) -> Missing {
    let of = |part: &Vector| match part {
        Vector::Bool(_, missing) | Vector::Int(_, missing) | Vector::Float(_, missing) => {
            missing.clone()
        }
        _ => None,
    };
    if parts.iter().all(|part| of(part).is_none()) {
        return None;
    }
    let mut all = Vec::with_capacity(rows);
    for part in parts {
        match of(part) {
            Some(missing) => all.extend_from_slice(&missing),
            None => all.resize(all.len() + part.len(), false),
        }
    }
    Some(all.into())
}
