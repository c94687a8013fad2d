//! Counts over time, in a bounded number of buckets whose width doubles when time passes their end.

/// Buckets at most; with fewer than half of them full, they were doubled just now.
const BUCKETS: usize = 64;
/// The narrowest bucket.
const NARROW_NS: u64 = 1_000_000;

#[derive(Clone, Debug)]
pub struct Buckets {
    pub from_ns: u64,
    pub width_ns: u64,
    pub counts: Vec<u64>,
}

impl Buckets {
    pub fn new(at_ns: u64) -> Self {
        Buckets {
            from_ns: at_ns,
            width_ns: NARROW_NS,
            counts: Vec::new(),
        }
    }

    pub fn add(&mut self, at_ns: u64) {
        let at = at_ns.saturating_sub(self.from_ns);
        while (at / self.width_ns) as usize >= BUCKETS {
            self.double();
        }
        let bucket = (at / self.width_ns) as usize;
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
    }

    fn double(&mut self) {
        self.width_ns *= 2;
        let pairs = self.counts.chunks(2);
        self.counts = pairs.map(|pair| pair.iter().sum()).collect();
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The fullest bucket: when it begins, and its count.
    pub fn peak(&self) -> Option<(u64, u64)> {
        let peak = self
            .counts
            .iter()
            .enumerate()
            .max_by_key(|(at, count)| (**count, usize::MAX - at))?;
        Some((self.from_ns + peak.0 as u64 * self.width_ns, *peak.1))
    }

    /// (σ − μ) / (σ + μ) of the counts up to `to_ns`: −1 when they are all equal, 0 when they come at random, towards 1 when they
    /// come in bursts. K.-I. Goh, A.-L. Barabási, "Burstiness and memory in complex systems", EPL 81 (2008) 48002, of counts here.
    pub fn burstiness(&self, to_ns: u64) -> Option<f64> {
        let span = to_ns.saturating_sub(self.from_ns) / self.width_ns + 1;
        let n = (span as usize).max(self.counts.len());
        if !(2..=BUCKETS * 2).contains(&n) {
            return None;
        }
        let mean = self.total() as f64 / n as f64;
        let there: f64 = self
            .counts
            .iter()
            .map(|count| (*count as f64 - mean).powi(2))
            .sum();
        let empty = (n - self.counts.len()) as f64 * mean * mean;
        let deviation = ((there + empty) / n as f64).sqrt();
        (deviation + mean > 0.0).then(|| (deviation - mean) / (deviation + mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_buckets_double() {
        let mut buckets = Buckets::new(1_000);
        for step in 0..1_000 {
            buckets.add(1_000 + step * NARROW_NS);
        }
        assert_eq!(buckets.total(), 1_000);
        assert!(buckets.counts.len() <= BUCKETS);
        assert_eq!(buckets.width_ns, 16 * NARROW_NS);
        assert_eq!(buckets.counts[0], 16);
    }

    #[test]
    fn even_counts_are_no_burst_and_one_peak_is() {
        let mut even = Buckets::new(0);
        let mut burst = Buckets::new(0);
        for step in 0..60 {
            even.add(step * NARROW_NS);
            burst.add(30 * NARROW_NS);
        }
        assert!(even.burstiness(59 * NARROW_NS).unwrap() < -0.9);
        assert!(burst.burstiness(59 * NARROW_NS).unwrap() > 0.7);
        assert_eq!(burst.peak(), Some((30 * NARROW_NS, 60)));
    }
}
