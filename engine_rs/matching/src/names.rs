//! The customers' names and the words of texts, each found by the other.

use rustc_hash::FxHashMap;

use crate::holders::{COMMON_WORD_NAMES, Holders};
use crate::likeness::{Heard, Likeness, likeness, token_keys, word_keys};
use crate::logs::ln_milli;
use crate::sorted::{insert, remove};
use crate::text::{Text, name_words};
use crate::types::{MutationId, OrderId};

/// A word that customers' names hold.
#[derive(Debug, Default)]
struct WordEntry {
    heard: Heard,
    names: Holders,
    /// Words of texts that are like it.
    tokens: Vec<u32>,
}

/// A customer's name: equal ones are one.
#[derive(Debug, Default)]
pub(crate) struct NameEntry {
    pub(crate) words: Vec<u32>,
    /// Who bears it, by id.
    pub(crate) orders: Vec<OrderId>,
}

/// A word of texts.
#[derive(Debug, Default)]
struct TokenEntry {
    heard: Heard,
    /// Words of names that are like it.
    alike: Vec<(u32, Likeness)>,
    mutations: Vec<MutationId>,
}

/// A word of one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its entry; none for a note's word.
    entry: Option<u32>,
    pub(crate) letters: u8,
    /// Its first two letters; a blank where there is none.
    pub(crate) head: [char; 2],
    pub(crate) field: u8,
    pub(crate) last: bool,
}

impl Token {
    /// It may be a part of a name.
    pub(crate) fn named(&self) -> bool {
        self.entry.is_some()
    }
}

/// A word of a name that a text holds, and where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    pub(crate) word: u32,
    pub(crate) token: u8,
    pub(crate) likeness: Likeness,
    /// Millinats.
    pub(crate) value: i64,
}

/// Both sides, and what is found of one on the other.
#[derive(Debug)]
pub(crate) struct NameBook {
    words: Slots<WordEntry>,
    word_of: FxHashMap<String, u32>,
    words_by_key: FxHashMap<u64, Vec<u32>>,
    names: Slots<NameEntry>,
    name_of: FxHashMap<Vec<u32>, u32>,
    tokens: Slots<TokenEntry>,
    token_of: FxHashMap<String, u32>,
    tokens_by_key: FxHashMap<u64, Vec<u32>>,
    /// ln(4^i + BACKGROUND) and ln(2^i + 1).
    ln_names: Vec<i64>,
    ln_bearers: Vec<i64>,
}

/// Names that are not among the open orders and could have stood there as well: few orders make no name rare.
const BACKGROUND: u64 = 500;

/// Entries by number; numbers of those taken out are given again.
#[derive(Debug)]
struct Slots<T> {
    entries: Vec<T>,
    free: Vec<u32>,
}

impl<T: Default> Slots<T> {
    fn add(&mut self, entry: T) -> u32 {
        if let Some(slot) = self.free.pop() {
            self.entries[slot as usize] = entry;
            return slot;
        }
        self.entries.push(entry);
        u32::try_from(self.entries.len() - 1).expect("fewer than 4 thousand million names fit in memory")
    }

    fn take(&mut self, slot: u32) -> T {
        self.free.push(slot);
        std::mem::take(&mut self.entries[slot as usize])
    }

    fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }
}

impl<T> std::ops::Index<u32> for Slots<T> {
    type Output = T;

    fn index(&self, slot: u32) -> &T {
        &self.entries[slot as usize]
    }
}

impl<T> std::ops::IndexMut<u32> for Slots<T> {
    fn index_mut(&mut self, slot: u32) -> &mut T {
        &mut self.entries[slot as usize]
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), free: Vec::new() }
    }
}

/// What of the weights changed when a name was added or taken out.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    /// All names weigh anew.
    pub(crate) all: bool,
    /// These words do.
    pub(crate) words: Vec<u32>,
}

impl NameBook {
    pub(crate) fn new() -> Self {
        Self {
            words: Slots::default(),
            word_of: FxHashMap::default(),
            words_by_key: FxHashMap::default(),
            names: Slots::default(),
            name_of: FxHashMap::default(),
            tokens: Slots::default(),
            token_of: FxHashMap::default(),
            tokens_by_key: FxHashMap::default(),
            ln_names: (0..17).map(|power| ln_milli((1 << (2 * power)) + BACKGROUND)).collect(),
            ln_bearers: (0..33).map(|power| ln_milli((1 << power) + 1)).collect(),
        }
    }

    /// Adds an order's name; none when it has no words.
    pub(crate) fn add_order(&mut self, order_id: OrderId, customer_name: &str) -> (Option<u32>, Shift) {
        let mut shift = Shift::default();
        let letters = name_words(customer_name);
        if letters.is_empty() {
            return (None, shift);
        }
        let words: Vec<u32> = letters.into_iter().map(|letters| self.word(letters)).collect();
        let name = if let Some(&name) = self.name_of.get(&words) {
            name
        } else {
            let before = self.names_power();
            let name = self.names.add(NameEntry { words: words.clone(), orders: Vec::new() });
            shift.all = self.names_power() != before;
            for &word in &words {
                if self.words[word].names.insert(name) && shifts(self.words[word].names.len()) {
                    shift.words.push(word);
                }
            }
            self.name_of.insert(words, name);
            name
        };
        insert(&mut self.names[name].orders, order_id);
        (Some(name), shift)
    }

    /// Takes an order from its name.
    pub(crate) fn remove_order(&mut self, order_id: OrderId, name: u32) -> Shift {
        let mut shift = Shift::default();
        remove(&mut self.names[name].orders, &order_id);
        if !self.names[name].orders.is_empty() {
            return shift;
        }
        let before = self.names_power();
        let entry = self.names.take(name);
        shift.all = self.names_power() != before;
        self.name_of.remove(&entry.words);
        for word in entry.words {
            if self.words[word].names.remove(name) && shifts(self.words[word].names.len() + 1) {
                shift.words.push(word);
            }
        }
        shift
    }

    /// Forgets words that no name holds any more.
    pub(crate) fn forget_words(&mut self, words: &[u32]) {
        for &word in words {
            if !self.words[word].names.is_empty() || self.words[word].heard.letters.is_empty() {
                continue;
            }
            let entry = self.words.take(word);
            self.word_of.remove(&entry.heard.letters);
            remove_keys(&mut self.words_by_key, word_keys(&entry.heard.letters), word);
            for token in entry.tokens {
                self.tokens[token].alike.retain(|(alike, _)| *alike != word);
            }
        }
    }

    fn word(&mut self, letters: String) -> u32 {
        if let Some(&word) = self.word_of.get(&letters) {
            return word;
        }
        let keys = word_keys(&letters);
        let heard = Heard::of(&letters);
        let mut near: Vec<u32> =
            keys.iter().filter_map(|key| self.tokens_by_key.get(key)).flatten().copied().collect();
        near.sort_unstable();
        near.dedup();
        let word = self.words.add(WordEntry { heard: heard.clone(), ..WordEntry::default() });
        for token in near {
            if let Some(alike) = likeness(&self.tokens[token].heard, &heard) {
                self.tokens[token].alike.push((word, alike));
                self.words[word].tokens.push(token);
            }
        }
        for key in keys {
            self.words_by_key.entry(key).or_default().push(word);
        }
        self.word_of.insert(letters, word);
        word
    }

    /// Adds the words of a mutation's text.
    pub(crate) fn add_text(&mut self, mutation_id: MutationId, text: &Text) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(text.words.len());
        for word in &text.words {
            let letters = u8::try_from(word.letters.chars().count()).unwrap_or(u8::MAX);
            let mut heads = word.letters.chars();
            let head = [heads.next().unwrap_or(' '), heads.next().unwrap_or(' ')];
            let entry = (!word.note && letters > 1).then(|| self.token(&word.letters));
            if let Some(token) = entry {
                insert(&mut self.tokens[token].mutations, mutation_id);
            }
            tokens.push(Token { entry, letters, head, field: word.field, last: word.last });
        }
        tokens
    }

    /// Takes a mutation from the words of its text.
    pub(crate) fn remove_text(&mut self, mutation_id: MutationId, tokens: &[Token]) {
        for token in tokens.iter().filter_map(|token| token.entry) {
            let entry = &mut self.tokens[token];
            if !remove(&mut entry.mutations, &mutation_id) || !entry.mutations.is_empty() {
                continue;
            }
            let entry = self.tokens.take(token);
            self.token_of.remove(&entry.heard.letters);
            remove_keys(&mut self.tokens_by_key, token_keys(&entry.heard.letters), token);
            for (word, _) in entry.alike {
                self.words[word].tokens.retain(|alike| *alike != token);
            }
        }
    }

    fn token(&mut self, letters: &str) -> u32 {
        if let Some(&token) = self.token_of.get(letters) {
            return token;
        }
        let keys = token_keys(letters);
        let heard = Heard::of(letters);
        let mut near: Vec<u32> =
            keys.iter().filter_map(|key| self.words_by_key.get(key)).flatten().copied().collect();
        near.sort_unstable();
        near.dedup();
        let token = self.tokens.add(TokenEntry { heard: heard.clone(), ..TokenEntry::default() });
        for word in near {
            if let Some(alike) = likeness(&heard, &self.words[word].heard) {
                self.tokens[token].alike.push((word, alike));
                self.words[word].tokens.push(token);
            }
        }
        for key in keys {
            self.tokens_by_key.entry(key).or_default().push(token);
        }
        self.token_of.insert(letters.to_owned(), token);
        token
    }

    /// Mutations whose texts hold something like a word.
    pub(crate) fn mutations_with(&self, word: u32) -> impl Iterator<Item = MutationId> {
        self.words[word].tokens.iter().flat_map(|token| self.tokens[*token].mutations.iter().copied())
    }

    /// Mutations whose texts may hold this much of a name, in millinats: none that holds it is left out.
    pub(crate) fn mutations_naming(&self, name: u32, least: i64) -> impl Iterator<Item = MutationId> {
        let mut seen: FxHashMap<MutationId, i64> = FxHashMap::default();
        for &word in &self.names[name].words {
            let idf = self.idf(word);
            for &token in &self.words[word].tokens {
                let entry = &self.tokens[token];
                let alike = entry.alike.iter().find(|(alike, _)| *alike == word);
                let most = |likeness| value(idf, likeness, true).max(value(idf, likeness, false));
                let most = alike.map_or(0, |(_, likeness)| most(*likeness));
                if most > 0 {
                    entry.mutations.iter().for_each(|id| *seen.entry(*id).or_default() += most);
                }
            }
        }
        seen.into_iter().filter(move |(_, most)| *most >= least).map(|(id, _)| id)
    }

    /// The words of names that a text holds, by word; of each the best place.
    pub(crate) fn sights(&self, tokens: &[Token]) -> Vec<Sight> {
        let mut sights: Vec<Sight> = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            let Some(entry) = token.entry else { continue };
            for &(word, likeness) in &self.tokens[entry].alike {
                let value = value(self.idf(word), likeness, token.last);
                if value > 0 {
                    let token = u8::try_from(at).unwrap_or(u8::MAX);
                    sights.push(Sight { word, token, likeness, value });
                }
            }
        }
        sights.sort_unstable_by_key(|sight| (sight.word, -sight.value, sight.token));
        sights
    }

    pub(crate) fn name(&self, name: u32) -> &NameEntry {
        &self.names[name]
    }

    pub(crate) fn letters(&self, word: u32) -> &str {
        &self.words[word].heard.letters
    }

    /// The names that hold a word.
    pub(crate) fn names_with(&self, word: u32) -> &Holders {
        &self.words[word].names
    }

    /// Every name's number is below this.
    pub(crate) fn names_end(&self) -> usize {
        self.names.entries.len()
    }

    /// How rare a word is among names, millinats.
    fn idf(&self, word: u32) -> i64 {
        let bearers = self.words[word].names.len().max(1).ilog2() as usize;
        self.ln_names[self.names_power()] - self.ln_bearers[bearers]
    }

    /// How many names there are, as a power of four, rounded down: weights change seldom, and depend on nothing but what is in.
    fn names_power(&self) -> usize {
        (self.names.len().max(1).ilog2() / 2) as usize
    }
}

/// Whether a word weighs otherwise, or finds names otherwise, when so many names hold it than when one fewer does.
fn shifts(names: usize) -> bool {
    names.is_power_of_two() || names == COMMON_WORD_NAMES + 1
}

/// What it weighs that a word of this rarity is seen like this.
fn value(idf: i64, likeness: Likeness, last: bool) -> i64 {
    let at_most = |letters: u8, each: i64, less: i64| idf.min(each * i64::from(letters) - less);
    match likeness {
        Likeness::Same => idf,
        Likeness::Typo => idf - 1_200,
        Likeness::Sound => idf - 700,
        Likeness::CutTypo(letters) if last => at_most(letters, 1_200, 500) - 1_300,
        Likeness::Cut(letters) if last => at_most(letters, 1_300, 500) - 300,
        Likeness::Cut(letters) => at_most(letters, 1_000, 500) - 800,
        Likeness::Glued(letters) => at_most(letters, 1_500, 1_500) - 500,
        Likeness::GluedCut(letters) if last => at_most(letters, 1_300, 2_000) - 700,
        Likeness::CutTypo(_) | Likeness::GluedCut(_) => 0,
    }
}

fn remove_keys(by_key: &mut FxHashMap<u64, Vec<u32>>, keys: Vec<u64>, slot: u32) {
    for key in keys {
        if let Some(slots) = by_key.get_mut(&key) {
            slots.retain(|held| *held != slot);
            if slots.is_empty() {
                by_key.remove(&key);
            }
        }
    }
}
