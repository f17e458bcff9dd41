//! The suites' random numbers: xoshiro256** seeded by SplitMix64.
//!
//! A failing run is reported by its seed, so the numbers a seed yields never change: neither the
//! two algorithms nor the way a bounded number is drawn from them. They are Sebastiano Vigna's,
//! from <https://prng.di.unimi.it/>; the vectors below hold them in place.

/// SplitMix64: expands one seed of 64 bits into as many as are wanted.
#[derive(Debug, Clone)]
pub struct SplitMix64 {
    state: u64,
}

impl SplitMix64 {
    /// Starts at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// A stream of random numbers, the same for the same seed on every machine and for ever.
#[derive(Debug, Clone)]
pub struct Prng {
    state: [u64; 4],
}

impl Prng {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        let mut expand = SplitMix64::new(seed);
        Self::from_state([
            expand.next_u64(),
            expand.next_u64(),
            expand.next_u64(),
            expand.next_u64(),
        ])
    }

    /// A stream at a given inner state. All zeros is the one state that yields only zeros.
    pub const fn from_state(state: [u64; 4]) -> Self {
        Self { state }
    }

    /// A stream for one purpose. A suite that draws its faults and its workload from children does
    /// not reshuffle the one when it adds to the other.
    #[must_use]
    pub fn child(&self, purpose: &str) -> Self {
        // FNV-1a over the name: any fixed function would do, this one is short and well known.
        let name = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let [first, ..] = self.state;
        Self::new(first ^ name)
    }

    /// The next 64 random bits.
    pub const fn next_u64(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = b << 17;
        let c = c ^ a;
        let d = d ^ b;
        self.state = [a ^ d, b ^ c, c ^ shifted, d.rotate_left(45)];
        result
    }

    /// A number from 0 up to, not including, `bound`, each as likely as the other; 0 where `bound`
    /// is 0. Draws again what would favour the small numbers (Lemire's method).
    pub const fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        let unfair = bound.wrapping_neg() % bound;
        loop {
            let wide = (self.next_u64() as u128) * (bound as u128);
            let low = wide & (u64::MAX as u128);
            if low >= unfair as u128 {
                return (wide >> 64) as u64;
            }
        }
    }

    /// An index into a slice of `len` elements; 0 for an empty one.
    pub fn index(&mut self, len: usize) -> usize {
        // A number below `len` always fits: the fallbacks are never taken on 64-bit machines.
        usize::try_from(self.below(u64::try_from(len).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low.saturating_add(self.below(high.saturating_sub(low).saturating_add(1)))
    }

    /// A waiting time with this mean, as between events that do not know of each other. In whole
    /// numbers: an octave drawn by coin, and evenly inside of it, which is exponential to a few percent.
    pub const fn waiting(&mut self, mean: u64) -> u64 {
        let octave = self.next_u64().trailing_zeros() as u64;
        let inside = self.below(1000);
        // The natural logarithm of 2, in thousandths.
        let thousandths = (octave * 1000 + inside) * 693 / 1000;
        mean.saturating_mul(thousandths) / 1000
    }

    /// One of a slice; `None` of an empty one.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = self.index(of.len());
        of.get(index)
    }

    /// Random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(8) {
            for (slot, byte) in chunk.iter_mut().zip(self.next_u64().to_le_bytes()) {
                *slot = byte;
            }
        }
        bytes
    }

    /// True in `part` of `whole` cases.
    pub const fn chance(&mut self, part: u64, whole: u64) -> bool {
        self.below(whole) < part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_yields_the_published_numbers() {
        let mut generator = SplitMix64::new(1_234_567);
        let drawn: Vec<u64> = (0..5).map(|_| generator.next_u64()).collect();
        let published: [u64; 5] = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(drawn, published);
    }

    #[test]
    fn xoshiro256_starstar_yields_the_published_numbers() {
        let mut generator = Prng::from_state([1, 2, 3, 4]);
        let drawn: Vec<u64> = (0..10).map(|_| generator.next_u64()).collect();
        let published: [u64; 10] = [
            11_520,
            0,
            1_509_978_240,
            1_215_971_899_390_074_240,
            1_216_172_134_540_287_360,
            607_988_272_756_665_600,
            16_172_922_978_634_559_625,
            8_476_171_486_693_032_832,
            10_595_114_339_597_558_777,
            2_904_607_092_377_533_576,
        ];
        assert_eq!(drawn, published);
    }

    #[test]
    fn a_bounded_number_stays_below_its_bound_and_reaches_every_value() {
        let mut generator = Prng::new(7);
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            seen[generator.index(10)] += 1;
        }
        assert!(seen.iter().all(|&times| (800..1_200).contains(&times)), "{seen:?}");
        assert_eq!(generator.below(1), 0);
        assert_eq!(generator.below(0), 0);
    }

    #[test]
    fn waiting_times_have_the_mean_that_was_asked_for() {
        let mut generator = Prng::new(3);
        let mean = (0..20_000).map(|_| generator.waiting(1_000)).sum::<u64>() / 20_000;
        assert!((950..1_050).contains(&mean), "{mean}");
    }

    #[test]
    fn children_of_different_purposes_differ_and_leave_the_parent_untouched() {
        let mut parent = Prng::new(1);
        let (mut faults, mut load) = (parent.child("faults"), parent.child("load"));
        assert_ne!(faults.next_u64(), load.next_u64());
        assert_eq!(parent.next_u64(), Prng::new(1).next_u64());
    }
}
