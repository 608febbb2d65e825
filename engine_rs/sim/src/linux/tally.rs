//! What happened in runs, in numbers.

/// What happened in a run, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    pub(crate) revisions: u64,
    pub(crate) kills: u64,
    pub(crate) power_cuts: u64,
    pub(crate) stops: u64,
}

impl Tally {
    pub(crate) fn numbers(self) -> [u64; 6] {
        [self.accepted, self.refused, self.revisions, self.kills, self.power_cuts, self.stops]
    }

    /// Adds another's numbers, as words.
    pub(crate) fn add(&mut self, words: &str) {
        let mine = [
            &mut self.accepted,
            &mut self.refused,
            &mut self.revisions,
            &mut self.kills,
            &mut self.power_cuts,
            &mut self.stops,
        ];
        for (mine, word) in mine.into_iter().zip(words.split(' ')) {
            *mine += word.parse().unwrap_or(0);
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { accepted, refused, revisions, kills, power_cuts, stops } = self;
        write!(
            f,
            "{accepted} commands accepted, {refused} refused, {revisions} revisions, {kills} kills, {power_cuts} power cuts, \
             {stops} stops by a failing disk"
        )
    }
}
