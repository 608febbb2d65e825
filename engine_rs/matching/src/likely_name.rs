//! What a text says for or against a customer's name.

use crate::config::Weights;
use crate::likeness::Likeness;
use crate::names::{NameBook, Sight, Token};
use crate::text::WORDS_MAX;
use crate::types::CustomerKey;

/// A word of fewer letters says nothing by being absent.
const TELLING_LETTERS: usize = 3;
/// An initial that fits.
const INITIAL: i64 = 1_000;
/// The beginning of a word that the text's end cut off after one or two letters, each.
const CUT_LETTER: i64 = 900;
/// Another word stands beside a name that is there in full.
const WORD_BESIDE: i64 = -200;
/// With a word of which the customer gave a letter, the others have to weigh this much: many words begin with a letter.
const HALF_TOLD: i64 = 6_000;
/// The text ended before the rest of the name.
const CUT_OFF: i64 = -200;

impl Token {
    /// It would be a part of the name, were it the customer's.
    fn telling(&self) -> bool {
        self.named() && usize::from(self.letters) >= TELLING_LETTERS
    }
}

/// The words of a text that stand for words of a name.
#[derive(Debug, Clone, Copy, Default)]
struct Used(u32);

const _: () = assert!(WORDS_MAX <= 32, "a text's words fit in Used");

impl Used {
    fn take(&mut self, at: usize) {
        self.0 |= 1 << at;
    }

    fn has(self, at: usize) -> bool {
        self.0 & 1 << at != 0
    }
}

/// What a text says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NameEvidence {
    /// Millinats.
    pub(crate) weight: i64,
    /// Words are there that are somebody else's, or may be.
    pub(crate) contradicted: bool,
    /// Of several words one is there.
    pub(crate) one_of_several: bool,
}

/// A text as far as names go, and whom its payer is known to pay for.
pub(crate) struct Seen<'a> {
    pub(crate) tokens: &'a [Token],
    /// By word, of each the best first.
    pub(crate) sights: &'a [Sight],
    pub(crate) name_only: bool,
    /// Customers that the payer paid for before, by key.
    pub(crate) paid_for: &'a [CustomerKey],
}

impl Seen<'_> {
    /// Weighs a name's words against the text.
    pub(crate) fn weigh(&self, book: &NameBook, words: &[u32], weights: &Weights) -> NameEvidence {
        let mut used = Used::default();
        let mut found = [false; 32];
        let (mut value, mut count) = (0, 0);
        let (mut first, mut end, mut at_end) = (usize::MAX, 0, false);
        for (at, &word) in words.iter().take(found.len()).enumerate() {
            let Some(sight) = self.best(word, used) else { continue };
            found[at] = true;
            used.take(usize::from(sight.token));
            value += sight.value;
            count += 1;
            let token = &self.tokens[usize::from(sight.token)];
            first = first.min(usize::from(sight.token));
            end = end.max(usize::from(sight.token));
            at_end |= token.last;
        }
        if count == 0 {
            return self.nothing_found(weights);
        }
        let (mut missing, mut cut_off, mut half) = (0, 0, false);
        for (at, &word) in words.iter().take(found.len()).enumerate().filter(|(at, _)| !found[*at]) {
            let letters = book.letters(word);
            if let Some((token, more)) = self.beginning(letters, used) {
                used.take(token);
                half |= self.tokens[token].letters > 1 && letters.chars().count() == 1;
                value += more;
                at_end |= self.tokens[token].last;
            } else if letters.chars().nth(TELLING_LETTERS - 1).is_some() {
                // The end of the text took the words after those that are there.
                if at_end && found[..at].iter().any(|found| *found) {
                    cut_off += 1;
                } else {
                    missing += 1;
                }
            }
        }
        let others = self.others(used, first);
        let inner = (first..end).any(|at| !used.has(at) && self.tokens[at].telling());
        let clashes = others > 0 && missing + cut_off > 0;
        let beside = if clashes { 0 } else { i64::from(others.min(3)) * WORD_BESIDE };
        let absent = if clashes {
            let each = if self.name_only { weights.name_contradicts } else { weights.name_contradicts / 2 };
            i64::from(others.min(missing + cut_off).min(2)) * each
        } else {
            i64::from(missing) * weights.name_part_missing + i64::from(cut_off) * CUT_OFF
        };
        NameEvidence {
            weight: (value.min(weights.name_max) + beside + absent).max(weights.name_contradicts),
            // A name that is more than the customer's may be a namesake's.
            contradicted: clashes
                || (half && value < HALF_TOLD)
                || (self.name_only && (inner || (others > 0 && count == 1))),
            one_of_several: count == 1 && missing + cut_off > 0,
        }
    }

    /// The best place of a word that no other word took. What is glued together holds several.
    fn best(&self, word: u32, used: Used) -> Option<&Sight> {
        let from = self.sights.partition_point(|sight| sight.word < word);
        self.sights[from..].iter().take_while(|sight| sight.word == word).find(|sight| {
            !used.has(usize::from(sight.token))
                || matches!(sight.likeness, Likeness::Glued(_) | Likeness::GluedCut(_))
        })
    }

    /// An initial, or the one or two letters that the text's end left of a word.
    fn beginning(&self, word: &str, used: Used) -> Option<(usize, i64)> {
        let mut heads = word.chars();
        let head = [heads.next()?, heads.next().unwrap_or(' ')];
        let fits = |token: &Token| match token.letters {
            1 => token.head[0] == head[0],
            2 => token.last && token.head == head,
            _ => false,
        };
        // An initial in the customer's name stands for a whole word of the text, or the other way round.
        let fits =
            |token: &Token| fits(token) || (head[1] == ' ' && token.named() && token.head[0] == head[0]);
        let at = self.tokens.iter().enumerate().position(|(at, token)| !used.has(at) && fits(token))?;
        if head[1] == ' ' && self.tokens[at].letters > 1 {
            return Some((at, 0));
        }
        let cut = CUT_LETTER * i64::from(self.tokens[at].letters);
        Some((at, if self.tokens[at].last { cut.max(INITIAL) } else { INITIAL }))
    }

    /// Words of the text that stand where the name stands and are none of its.
    fn others(&self, used: Used, first: usize) -> u8 {
        let field = self.tokens[first].field;
        let others = self.tokens.iter().enumerate().filter(|(at, token)| {
            let within = self.name_only || *at > first || token.field == field;
            within && !used.has(*at) && token.telling()
        });
        u8::try_from(others.count()).unwrap_or(u8::MAX)
    }

    fn nothing_found(&self, weights: &Weights) -> NameEvidence {
        let words = self.tokens.iter().filter(|token| token.telling());
        let weight = match words.count() {
            0 => 0,
            _ if self.name_only => weights.name_only_differs,
            1 => weights.name_differs / 2,
            _ => weights.name_differs,
        };
        NameEvidence { weight, ..NameEvidence::default() }
    }
}
