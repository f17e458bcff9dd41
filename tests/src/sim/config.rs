//! What a seed does: its store and its faults, drawn at random. Each kind of fault is on in every
//! other seed, so that rare combinations occur and no fault hides another one for ever.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::prng::Prng;

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A kind of fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault {
            $($(#[$doc])* $name,)+
        }

        impl Fault {
            /// All kinds, in the order they are drawn in.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name on the command line and in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

faults! {
    /// Frames are lost on the way and sent again, late.
    Loss = "loss",
    /// Links that carry little.
    SlowLinks = "slow-links",
    /// Connections break; what is on the way is lost.
    Breaks = "breaks",
    /// Two connections between two tills at once.
    Doubles = "doubles",
    /// The network falls into parts, or one way fails, or one till is alone.
    Partitions = "partitions",
    /// Some pairs of tills never reach each other.
    PartialMesh = "partial-mesh",
    /// The power of a till fails.
    PowerCuts = "power-cuts",
    /// The program is killed.
    Kills = "kills",
    /// A call of the disk fails, a flush above all.
    DiskErrors = "disk-errors",
    /// The disk is full for a while, or for one write.
    DiskFull = "disk-full",
    /// A bit of another till's entry flips on the disk.
    BitRot = "bit-rot",
    /// The index is lost or unusable.
    IndexLoss = "index-loss",
    /// A till is put back to an old image of its disk.
    StaleBackups = "stale-backups",
    /// A till's disk is copied, and both go on.
    Clones = "clones",
    /// A till is destroyed.
    DevicesLost = "devices-lost",
    /// Wall clocks are wrong, jump, stand still, go back.
    Clocks = "clocks",
    /// A manager shuts a till out.
    Revocations = "revocations",
    /// A member's key is in wrong hands.
    Hostile = "hostile",
    /// Tills join during the day.
    LateJoins = "late-joins",
    /// A bit of a till's own sale flips while it is off, if others hold that sale.
    OwnRot = "own-rot",
}

impl Fault {
    /// What a seed with [`Self::OwnRot`] does without.
    pub const AGAINST_OWN_ROT: [Self; 9] = [
        Self::PowerCuts,
        Self::DiskErrors,
        Self::DiskFull,
        Self::BitRot,
        Self::IndexLoss,
        Self::StaleBackups,
        Self::Clones,
        Self::DevicesLost,
        Self::Revocations,
    ];
}

/// A seed's store and faults.
#[derive(Debug, Clone)]
pub struct Config {
    /// The seed.
    pub seed: u64,
    /// Tills of the store.
    pub tills: usize,
    /// Virtual time of the first phase, in milliseconds.
    pub time_ms: u64,
    /// What can go wrong.
    pub faults: BTreeSet<Fault>,
    /// Signatures are real ones.
    pub real_signatures: bool,
    /// Mean one-way delay of a link, in milliseconds.
    pub delay_ms: u64,
    /// Hundredths of frames lost, where [`Fault::Loss`] is on.
    pub loss_percent: u64,
    /// Mean time between the starts of two sales at one till, in milliseconds.
    pub pace_ms: u64,
    /// Hundredths by which faults come more often.
    pub haste_percent: u64,
    /// Bytes of a journal file.
    pub segment_bytes: u64,
    /// Whether the whole is folded again in other orders at the end.
    pub reorder: bool,
}

impl Config {
    /// What a seed draws.
    pub fn draw(seed: u64) -> Self {
        let mut draw = Prng::new(seed).child("config");
        let large = draw.chance(1, 60);
        let small = 1 + draw.below(5) + draw.below(5);
        let tills = if large { 12 + draw.below(13) } else { small };
        let minutes = 15 + draw.waiting(60).min(400);
        // A large store costs as many times more for each hour; its hours are fewer.
        let minutes = if large { minutes.min(45) } else { minutes };
        let mut faults = BTreeSet::new();
        for fault in Fault::ALL {
            if draw.chance(1, 2) {
                faults.insert(*fault);
            }
        }
        // What nobody else holds is gone with the bit: so no other copy may be in danger. And what the
        // index made of the own one has to be on the disk: nobody can make it again.
        if faults.contains(&Fault::OwnRot) {
            if draw.chance(1, 4) {
                faults.retain(|fault| !Fault::AGAINST_OWN_ROT.contains(fault));
                faults.insert(Fault::Kills);
            } else {
                faults.remove(&Fault::OwnRot);
            }
        }
        Self {
            seed,
            tills: usize::try_from(tills).unwrap_or(1),
            time_ms: minutes * 60_000,
            faults,
            real_signatures: draw.chance(1, 50),
            delay_ms: 1 + draw.waiting(8),
            loss_percent: draw.below(31),
            pace_ms: 1000 * draw.between(120, 900),
            haste_percent: *draw.pick(&[50, 100, 100, 200, 400]).unwrap_or(&100),
            segment_bytes: *draw.pick(&[64 << 10, 128 << 10, 512 << 10]).unwrap_or(&(64 << 10)),
            reorder: draw.chance(1, 4),
        }
    }

    /// Whether a kind of fault is on.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// As JSON, for a report.
    pub fn to_json(&self) -> Value {
        let faults: Vec<&str> = self.faults.iter().map(|fault| fault.name()).collect();
        json!({
            "seed": self.seed, "tills": self.tills, "minutes": self.time_ms / 60_000,
            "faults": faults, "realSignatures": self.real_signatures, "delayMs": self.delay_ms,
            "lossPercent": self.loss_percent, "paceMs": self.pace_ms,
            "hastePercent": self.haste_percent, "segmentBytes": self.segment_bytes,
            "reorder": self.reorder,
        })
    }
}
