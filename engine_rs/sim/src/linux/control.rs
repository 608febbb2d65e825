//! Controls: what is broken when somebody asks for it.

/// What is broken on purpose, to see that the checks find it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Control {
    /// A sync of a write-ahead file makes nothing durable.
    NoSync,
    /// A sync of LMDB's data file makes nothing durable, as if it ran with its `NOSYNC` and nobody did it instead.
    NoPages,
    /// A sync of the checkpoint, which has LMDB's header pages, makes nothing durable: its `NOMETASYNC`.
    NoHeaders,
    /// It makes durable what was written before the last one: who is answered after it is answered too early.
    LateSync,
    /// A directory's sync makes no name durable.
    NoNames,
    /// Clients ask again under another id.
    NewId,
}

impl Control {
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("no-sync", Self::NoSync),
        ("no-pages", Self::NoPages),
        ("no-headers", Self::NoHeaders),
        ("late-sync", Self::LateSync),
        ("no-names", Self::NoNames),
        ("new-id", Self::NewId),
    ];

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|(known, _)| *known == name).map(|(_, control)| control)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.into_iter().find(|(_, control)| *control == self).map_or("", |(name, _)| name)
    }
}
