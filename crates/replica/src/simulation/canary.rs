//! Bugs compiled in on purpose. A simulator that does not find them within a few seeds is too kind.

/// A bug that can be switched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Canary {
    /// A sale is answered before it is flushed.
    AcknowledgeBeforeFlush,
    /// Entries go to peers before they are flushed.
    SendBeforeDurable,
    /// A start goes on in the life before it.
    NoNewIncarnation,
    /// A window's entries need not follow each other.
    SkipChainCheck,
    /// Of two equal edits the one that arrived last wins.
    MergeByArrival,
    /// A command that is sent again is carried out again.
    ForgetAnsweredCommands,
    /// A flush that failed counts as done.
    IgnoreFlushError,
    /// The digest of what is held depends on the order of a table that every process orders its own
    /// way.
    DigestInTableOrder,
    /// What was kept aside at arrival stays aside.
    VerdictDecidedOnce,
    /// A void takes units its author has not seen.
    VoidTakesUnseen,
    /// A paid cart opens again when a change of it arrives late.
    PaidOverwrittenByDraft,
    /// A body that was left out counts as erased.
    BlankTakenForErased,
    /// A new journal file's name is not flushed.
    SkipFolderSync,
    /// Tax is rounded down, whatever the store's profile says.
    TaxRoundedDown,
}

impl Canary {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::AcknowledgeBeforeFlush,
        Self::SendBeforeDurable,
        Self::NoNewIncarnation,
        Self::SkipChainCheck,
        Self::MergeByArrival,
        Self::ForgetAnsweredCommands,
        Self::IgnoreFlushError,
        Self::DigestInTableOrder,
        Self::VerdictDecidedOnce,
        Self::VoidTakesUnseen,
        Self::PaidOverwrittenByDraft,
        Self::BlankTakenForErased,
        Self::SkipFolderSync,
        Self::TaxRoundedDown,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AcknowledgeBeforeFlush => "acknowledge-before-flush",
            Self::SendBeforeDurable => "send-before-durable",
            Self::NoNewIncarnation => "no-new-incarnation",
            Self::SkipChainCheck => "skip-chain-check",
            Self::MergeByArrival => "merge-by-arrival",
            Self::ForgetAnsweredCommands => "forget-answered-commands",
            Self::IgnoreFlushError => "ignore-flush-error",
            Self::DigestInTableOrder => "digest-in-table-order",
            Self::VerdictDecidedOnce => "verdict-decided-once",
            Self::VoidTakesUnseen => "void-takes-unseen",
            Self::PaidOverwrittenByDraft => "paid-overwritten-by-draft",
            Self::BlankTakenForErased => "blank-taken-for-erased",
            Self::SkipFolderSync => "skip-folder-sync",
            Self::TaxRoundedDown => "tax-rounded-down",
        }
    }
}

#[cfg(feature = "simulation")]
thread_local! {
    static ON: core::cell::Cell<Option<Canary>> = const { core::cell::Cell::new(None) };
}

/// Switches one on in this thread, or all off.
#[cfg(feature = "simulation")]
pub fn switch_on(canary: Option<Canary>) {
    ON.with(|on| on.set(canary));
}

/// Whether it is switched on.
#[cfg(feature = "simulation")]
pub fn is(canary: Canary) -> bool {
    ON.with(|on| on.get() == Some(canary))
}

/// Whether it is switched on: never, in what ships.
#[cfg(not(feature = "simulation"))]
pub const fn is(_canary: Canary) -> bool {
    false
}
