//! How far a rate that was observed can be trusted.

/// The 97.5 % quantile of the normal distribution: intervals of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Half the width of the 95 % score interval of a rate of `hits` among `trials`: E. B. Wilson, "Probable inference, the law of
/// succession, and statistical inference", J. Am. Stat. Assoc. 22 (1927), 209–212. From 0.5 (nothing is known) towards 0.
pub fn wilson_half_width(hits: u64, trials: u64) -> f64 {
    if trials == 0 {
        return 0.5;
    }
    let n = trials as f64;
    let rate = (hits.min(trials)) as f64 / n;
    let spread = rate * (1.0 - rate) / n + Z * Z / (4.0 * n * n);
    Z / (1.0 + Z * Z / n) * spread.sqrt()
}

/// 0.0 to 1.0: one minus the whole width of the interval of the error rate, times the share of events that were not lost.
pub fn confidence(errors: u64, ended: u64, seen: u64, lost: u64) -> f64 {
    if ended == 0 {
        return 0.0;
    }
    let complete = seen as f64 / (seen.saturating_add(lost)).max(1) as f64;
    (1.0 - 2.0 * wilson_half_width(errors, ended)) * complete
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Figures of R's `prop.test(x, n, correct = FALSE)`, which gives Wilson's interval.
    #[test]
    fn intervals_are_those_of_r() {
        for (hits, trials, low, high) in [
            (0, 10, 0.0, 0.277_532_8),
            (5, 10, 0.236_593_1, 0.763_406_9),
            (1, 100, 0.001_767_5, 0.054_486_2),
        ] {
            let half = wilson_half_width(hits, trials);
            let expected = (high - low) / 2.0;
            assert!(
                (half - expected).abs() < 1e-6,
                "{hits}/{trials}: {half} {expected}"
            );
        }
    }

    #[test]
    fn nothing_gives_no_confidence_and_much_gives_much() {
        assert_eq!(confidence(0, 0, 0, 0), 0.0);
        let few = confidence(0, 10, 20, 0);
        let many = confidence(0, 10_000, 20_000, 0);
        assert!(few < many && many > 0.99 && many < 1.0, "{few} {many}");
        assert!(confidence(0, 10_000, 10_000, 10_000) < 0.51);
    }
}
