//! Marks: places of the code that a simulation must have reached to be worth anything.

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// A place that must be reached.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(usize)]
        pub enum Mark {
            $($(#[$doc])* $name,)+
        }

        impl Mark {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// What it says, for a report.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

marks! {
    /// An unfinished write at the end of a journal was cut.
    TornTail = "torn tail cut",
    /// A frame could not be read.
    Damage = "damaged frame met",
    /// The index was lost or unusable, and is rebuilt.
    Rebuild = "index rebuilt",
    /// A rebuild was done step by step while the till sold.
    RebuildStep = "index rebuilt while selling",
    /// A device was revoked that had written beyond its cut.
    FoldAgain = "folded again after a revocation",
    /// A life was sealed by the next one.
    Sealed = "life sealed by the next",
    /// A life was sealed over damaged frames.
    SealedDamage = "life sealed over damaged frames",
    /// A flush or write failed and writing stopped.
    WritingStopped = "writing stopped by the disk",
    /// A new sale was refused for want of room.
    DiskFullRefused = "new sale refused, disk full",
    /// Entries of other tills were put off for want of room.
    NoRoomForOthers = "window put off, disk full",
    /// A journal went on in another file.
    SegmentRolled = "journal went on in a new file",
    /// A command that was sent again was answered with what it had done.
    Repeated = "repeated command answered",
    /// A sale did not see lines that were added meanwhile.
    Remainder = "lines left by a payment",
    /// What a payment had left was paid.
    RemainderPaid = "lines left by a payment paid",
    /// A payment was refused because not all that was paid is known.
    RemainderWaits = "remainder waited for a payment",
    /// An entry waited for one it builds on.
    WaitedForDependency = "entry waited for another",
    /// An entry named a roster record that was not there yet.
    RosterMissing = "entry waited for the roster",
    /// An entry is of a kind that this version does not know.
    Newer = "entry of a newer version kept aside",
    /// An entry was written by a stranger.
    Stranger = "entry of a stranger kept aside",
    /// An entry was written by a device that may not.
    NotAllowed = "entry without the right kept aside",
    /// An entry was written after its device was revoked.
    BeyondCut = "entry beyond a cut kept aside",
    /// An edit claimed a number it had not earned.
    Unjustified = "unearned edit number kept aside",
    /// What was kept aside counts after all.
    CountsAfterAll = "entry kept aside counts later",
    /// A window was refused because it is not chained.
    NotChained = "unchained window refused",
    /// A window was refused because its signature does not fit.
    Unsigned = "bad signature refused",
    /// A window was refused because a body is missing.
    BodyWithheld = "window without a body refused",
    /// A window was refused because an entry cannot be read.
    Malformed = "malformed entry refused",
    /// A window was refused because it is another store's.
    OtherStore = "another store's entry refused",
    /// A window came while the index was rebuilt.
    IngestWhileRebuilding = "window put off by a rebuild",
    /// The feed of a device has two branches.
    FeedForked = "forked feed shown",
    /// A life was sealed twice.
    SealedTwice = "life sealed twice shown",
    /// A life outgrew its seal.
    OutgrewSeal = "restored backup shown",
    /// A receipt number was given twice.
    NumberTwice = "receipt number given twice shown",
    /// A cart was paid twice.
    PaidTwice = "cart paid twice shown",
    /// A receipt was refunded for more than it was.
    RefundedTooMuch = "refunded too much shown",
}

#[cfg(feature = "simulation")]
thread_local! {
    static REACHED: core::cell::RefCell<Vec<u64>> = const { core::cell::RefCell::new(Vec::new()) };
}

/// Counts a mark as reached.
#[cfg(feature = "simulation")]
pub(crate) fn reach(mark: Mark) {
    REACHED.with(|reached| {
        let mut reached = reached.borrow_mut();
        reached.resize(Mark::ALL.len(), 0);
        if let Some(count) = reached.get_mut(mark as usize) {
            *count = count.saturating_add(1);
        }
    });
}

/// Counts a mark as reached: nothing, in what ships.
#[cfg(not(feature = "simulation"))]
pub(crate) const fn reach(_mark: Mark) {}

/// How often each mark was reached in this thread since [`forget_marks`].
#[cfg(feature = "simulation")]
pub fn marks() -> Vec<(Mark, u64)> {
    let reached = REACHED.with(|reached| reached.borrow().clone());
    let count = |mark: &Mark| (*mark, reached.get(*mark as usize).copied().unwrap_or(0));
    Mark::ALL.iter().map(count).collect()
}

/// Starts counting anew in this thread.
#[cfg(feature = "simulation")]
pub fn forget_marks() {
    REACHED.with(|reached| reached.borrow_mut().clear());
}
