//! Chance that comes out the same each time: a generator of our own, and picks by weight.
//!
//! Equal seeds give equal numbers on each machine and in each version; nothing here may ask the system for randomness
//! or for the time.

/// SplitMix64, after Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators" (OOPSLA 2014). It is no
/// secret-keeper: it only has to be quick and to look like chance on a chart.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number under `limit`, which is not 0.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        (((self.bits() >> 32) * u64::from(limit)) >> 32) as u32
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    pub(super) fn happens(&mut self, per_mille: u32) -> bool {
        self.below(1000) < per_mille
    }

    /// Waiting time between things that happen once in `mean` on average.
    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        // 53 bits fill a double; the 1 keeps the logarithm away from zero.
        let unit = ((self.bits() >> 11) + 1) as f64 / (1u64 << 53) as f64;
        -unit.ln() * mean
    }
}

/// SplitMix64's last step: each number leads to another one, no two to the same.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Places with weights.
#[derive(Default)]
pub(super) struct Weighted {
    /// Sum of the weights up to and with each place.
    sums: Vec<u32>,
}

impl Weighted {
    pub(super) fn new(weights: impl IntoIterator<Item = u32>) -> Self {
        let mut weighted = Self::default();
        weighted.refill(weights);
        weighted
    }

    /// The first place weighs most, the n-th one n-th of it: how the pages of a site share its readers.
    pub(super) fn zipf(places: usize) -> Self {
        Self::new((1..=places as u32).map(|place| 1_000_000 / place))
    }

    pub(super) fn refill(&mut self, weights: impl IntoIterator<Item = u32>) {
        self.sums.clear();
        self.sums.extend(weights.into_iter().scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        }));
    }

    pub(super) fn total(&self) -> u32 {
        self.sums.last().copied().unwrap_or_default()
    }

    /// One of the places that weigh something; there has to be one.
    pub(super) fn pick(&self, random: &mut Random) -> usize {
        let at = random.below(self.total());
        self.sums.partition_point(|sum| *sum <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picks_follow_the_weights_and_skip_what_weighs_nothing() {
        let weighted = Weighted::new([1, 0, 3]);
        let mut random = Random::new(7);
        let mut picks = [0; 3];
        (0..8000).for_each(|_| picks[weighted.pick(&mut random)] += 1);
        assert_eq!(picks[1], 0);
        assert!((1800..2200).contains(&picks[0]), "{picks:?}");
    }

    #[test]
    fn waiting_times_have_the_mean_that_was_asked_for() {
        let mut random = Random::new(7);
        let sum: f64 = (0..100_000).map(|_| random.exponential(30.0)).sum();
        assert!((29.0..31.0).contains(&(sum / 100_000.0)), "{sum}");
    }
}
