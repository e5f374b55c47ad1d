//! Chance that repeats itself: the same seed and number, the same course.

/// A course of numbers (SplitMix64).
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut chance = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
        chance.next();
        chance
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to, not including, `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Small numbers far more often than large ones, as words are used.
    pub(crate) fn zipf(&mut self, end: usize) -> usize {
        let share = self.unit();
        (((end as f64 + 1.0).powf(share) - 1.0) as usize).min(end - 1)
    }

    /// Around 0, with a standard deviation of 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.unit(), self.unit());
        (-2.0 * (1.0 - radius).ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
    }

    /// Bytes that nothing compresses.
    pub(crate) fn noise(&mut self, size: usize) -> Vec<u8> {
        let mut noise = Vec::with_capacity(size + 8);
        while noise.len() < size {
            noise.extend_from_slice(&self.next().to_le_bytes());
        }
        noise.truncate(size);
        noise
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
