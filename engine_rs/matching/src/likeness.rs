//! How like a word of a text is to a word of a name.

/// In which way a text's word stands for a name's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// Letter by letter.
    Same,
    /// One letter wrong, missing, too many, or two swapped; two in long words.
    Typo,
    /// Spelt otherwise, sounding the same: Poetri, Putri.
    Sound,
    /// The text's word is how the name's begins, this many letters.
    Cut(u8),
    /// The same with one letter wrong or another spelling.
    CutTypo(u8),
    /// The text's word ends or begins with, or holds, all of the name's, this many letters.
    Glued(u8),
    /// The text's word ends with how the name's begins, this many letters.
    GluedCut(u8),
}

/// Fewer letters of a beginning are looked for only where the rest of a name stands already.
const CUT_MIN: usize = 3;
/// The shortest word that is found within another.
const GLUED_MIN: usize = 4;
/// The shortest that is found at another's end.
const GLUED_END_MIN: usize = 3;
/// The shortest beginning of a word that is found at another's end.
const GLUED_CUT_MIN: usize = 4;
/// The shortest word in which a typo is forgiven.
const TYPO_MIN: usize = 5;
/// The shortest word in which two are.
const TWO_TYPOS_MIN: usize = 9;

/// A word and how it sounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) letters: String,
    sound: String,
}

impl Heard {
    pub(crate) fn of(letters: &str) -> Self {
        Self { letters: letters.to_owned(), sound: sound(letters) }
    }
}

/// How like a text's word is to a name's, if it is.
pub(crate) fn likeness(heard: &Heard, named: &Heard) -> Option<Likeness> {
    let (token, word) = (heard.letters.as_str(), named.letters.as_str());
    if token == word {
        return Some(Likeness::Same);
    }
    let (token_len, word_len) = (token.chars().count(), word.chars().count());
    if token_len >= CUT_MIN && word.starts_with(token) {
        return Some(Likeness::Cut(count(token_len)));
    }
    let (token_sound, word_sound) = (&heard.sound, &named.sound);
    if token_sound == word_sound && word_len >= CUT_MIN {
        return Some(Likeness::Sound);
    }
    if word_len >= TYPO_MIN && token_len >= TYPO_MIN - 1 {
        let most = if word_len >= TWO_TYPOS_MIN { 2 } else { 1 };
        if distance_at_most(token, word, most) {
            return Some(Likeness::Typo);
        }
    }
    if word_len >= GLUED_END_MIN && token.ends_with(word) {
        return Some(Likeness::Glued(count(word_len)));
    }
    if word_len >= GLUED_MIN && token.contains(word) {
        return Some(Likeness::Glued(count(word_len)));
    }
    if token_len >= CUT_TYPO_MIN && word_len > token_len {
        let begin: String = word.chars().take(token_len).collect();
        if word_sound.starts_with(token_sound) || distance_at_most(token, &begin, 1) {
            return Some(Likeness::CutTypo(count(token_len)));
        }
    }
    glued_cut(token, word, token_len).map(Likeness::GluedCut)
}

/// The shortest beginning in which a typo is forgiven.
const CUT_TYPO_MIN: usize = 5;

/// A word as it sounds, where names are spelt in more than one way: the spellings before 1947 and 1972, doubled letters, h
/// that is not heard.
fn sound(word: &str) -> String {
    const SPELLINGS: [(&str, &str); 17] = [
        ("OE", "U"),
        ("DJ", "J"),
        ("TJ", "C"),
        ("NJ", "NY"),
        ("SJ", "SY"),
        ("CH", "H"),
        ("KH", "H"),
        ("TH", "T"),
        ("DH", "D"),
        ("PH", "F"),
        ("SY", "S"),
        ("SH", "S"),
        ("IE", "I"),
        ("Y", "I"),
        ("V", "F"),
        ("Z", "S"),
        ("Q", "K"),
    ];
    let mut sound = word.to_owned();
    for (written, heard) in SPELLINGS {
        if sound.contains(written) {
            sound = sound.replace(written, heard);
        }
    }
    let mut last = None;
    sound.retain(|letter| last.replace(letter) != Some(letter));
    sound
}

/// The longest beginning of `word` that `token` ends with.
fn glued_cut(token: &str, word: &str, token_len: usize) -> Option<u8> {
    let ends = token.char_indices().map(|(at, _)| at).skip(1);
    for (skipped, at) in ends.enumerate() {
        let left = token_len - skipped - 1;
        if left < GLUED_CUT_MIN {
            return None;
        }
        if word.starts_with(&token[at..]) {
            return Some(count(left));
        }
    }
    None
}

fn count(letters: usize) -> u8 {
    u8::try_from(letters).unwrap_or(u8::MAX)
}

/// Whether `most` wrong, missing, added or adjacently swapped letters make one word of the other.
pub(crate) fn distance_at_most(left: &str, right: &str, most: usize) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return within(left.as_bytes(), right.as_bytes(), most);
    }
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    within(&left, &right, most)
}

fn within<T: Copy + Eq>(left: &[T], right: &[T], most: usize) -> bool {
    if left.len().abs_diff(right.len()) > most {
        return false;
    }
    // What both begin and end with costs nothing.
    let begin = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let (left, right) = (&left[begin..], &right[begin..]);
    let end = left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
    let (left, right) = (&left[..left.len() - end], &right[..right.len() - end]);
    if most == 1 {
        return match (left, right) {
            ([] | [_], [] | [_]) => true,
            ([a, b], [c, d]) => a == d && b == c,
            _ => false,
        };
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, &a) in left.iter().enumerate() {
        let mut next = Vec::with_capacity(last.len());
        next.push(i + 1);
        for (j, &b) in right.iter().enumerate() {
            let mut least = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a == right[j - 1] && left[i - 1] == b {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        if next.iter().min().is_none_or(|least| *least > most) {
            return false;
        }
        before = std::mem::replace(&mut last, next);
    }
    last[right.len()] <= most
}

/// Keys under which a name's word is found by the words of texts. Words that are alike share one.
pub(crate) fn word_keys(word: &str) -> Vec<u64> {
    let mut keys = deletions(word);
    keys.push(hash(word.chars()));
    keys.extend(sound_keys(word));
    if word.chars().nth(GRAM - 1).is_some() {
        keys.push(hash_gram(word.chars().take(GRAM)));
    } else {
        let letters: Vec<char> = word.chars().collect();
        // Short words have no gram: their beginnings stand for themselves.
        keys.extend((CUT_MIN..letters.len()).map(|end| hash(letters[..end].iter().copied())));
    }
    if word.chars().nth(CUT_MIN).is_some() {
        keys.push(hash_cut(word.chars().take(CUT_MIN)));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The same for a text's word, which may be glued to others.
pub(crate) fn token_keys(token: &str) -> Vec<u64> {
    let letters: Vec<char> = token.chars().collect();
    let mut keys = deletions(token);
    keys.push(hash(letters.iter().copied()));
    keys.extend(sound_keys(token));
    keys.extend(letters.windows(GRAM).map(|gram| hash_gram(gram.iter().copied())));
    if letters.len() > GLUED_END_MIN {
        keys.push(hash(letters[letters.len() - GLUED_END_MIN..].iter().copied()));
    }
    if letters.len() == CUT_MIN {
        keys.push(hash_cut(letters.iter().copied()));
    }
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// The word as it sounds, and how that begins.
fn sound_keys(word: &str) -> [u64; 2] {
    let sound = sound(word);
    [hash_sound(sound.chars()), hash_sound(sound.chars().take(GRAM).chain(['-']))]
}

/// Letters of a word's beginning that all its glued and cut forms hold.
const GRAM: usize = 4;

/// The word with each of its letters left out: words one typo apart share one of these or the word itself.
fn deletions(word: &str) -> Vec<u64> {
    let letters: Vec<char> = word.chars().collect();
    if letters.len() < TYPO_MIN - 1 || letters.len() > DELETIONS_LETTERS_MAX {
        return Vec::new();
    }
    (0..letters.len())
        .map(|left_out| {
            hash(letters.iter().enumerate().filter(|(at, _)| *at != left_out).map(|(_, letter)| *letter))
        })
        .collect()
}

/// Longer words are several glued ones, and names of this length have other words.
const DELETIONS_LETTERS_MAX: usize = 16;

fn hash(letters: impl Iterator<Item = char>) -> u64 {
    mixed(letters, 0xcbf2_9ce4_8422_2325)
}

fn hash_gram(letters: impl Iterator<Item = char>) -> u64 {
    mixed(letters, 0x9e37_79b9_7f4a_7c15)
}

fn hash_sound(letters: impl Iterator<Item = char>) -> u64 {
    mixed(letters, 0x8445_d61a_4e77_4912)
}

fn hash_cut(letters: impl Iterator<Item = char>) -> u64 {
    mixed(letters, 0xc2b2_ae3d_27d4_eb4f)
}

/// FNV-1a over code points, from a start that keeps kinds of keys apart.
fn mixed(letters: impl Iterator<Item = char>, start: u64) -> u64 {
    letters.fold(start, |hash, letter| (hash ^ u64::from(letter)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The distance itself, over all letters (optimal string alignment).
    fn distance(left: &[u8], right: &[u8]) -> usize {
        match (left, right) {
            ([], rest) | (rest, []) => rest.len(),
            ([shorter @ .., a], [less @ .., b]) => {
                let least = distance(shorter, less) + usize::from(a != b);
                let least = least.min(distance(shorter, right) + 1).min(distance(left, less) + 1);
                match (shorter, less) {
                    ([shorter @ .., c], [less @ .., d]) if a == d && b == c => {
                        least.min(distance(shorter, less) + 1)
                    }
                    _ => least,
                }
            }
        }
    }

    proptest! {
        #[test]
        fn a_distance_within_bounds_is_told(left in "[A-C]{0,6}", right in "[A-C]{0,6}", most in 1..3_usize) {
            let expected = distance(left.as_bytes(), right.as_bytes()) <= most;
            prop_assert_eq!(distance_at_most(&left, &right, most), expected);
            let (left, right) = (format!("Ñ{left}"), format!("Ñ{right}"));
            prop_assert_eq!(distance_at_most(&left, &right, most), expected);
        }
    }

    #[test]
    fn words_are_alike_in_five_ways() {
        let likeness = |token: &str, word: &str| likeness(&Heard::of(token), &Heard::of(word));
        assert_eq!(likeness("SANTOSO", "SANTOSO"), Some(Likeness::Same));
        assert_eq!(likeness("SANTSOO", "SANTOSO"), Some(Likeness::Typo));
        assert_eq!(likeness("SANTSO", "SANTOSO"), Some(Likeness::Typo));
        assert_eq!(likeness("SANT", "SANTOSO"), Some(Likeness::Cut(4)));
        assert_eq!(likeness("KAOSBUDI", "BUDI"), Some(Likeness::Glued(4)));
        assert_eq!(likeness("KAOSSANT", "SANTOSO"), Some(Likeness::GluedCut(4)));
        assert_eq!(likeness("POETU", "PUTU"), Some(Likeness::Sound));
        assert_eq!(likeness("SIMMANJUN", "SIMANJUNTAK"), Some(Likeness::CutTypo(9)));
        assert_eq!(likeness("BUDI", "RUDI"), None);
        assert_eq!(likeness("KAOSSAN", "SANTOSO"), None);
    }

    #[test]
    fn words_that_are_alike_share_a_key() {
        let pairs = [
            ("SANTOSO", "SANTOSO"),
            ("SANTSOO", "SANTOSO"),
            ("SANT", "SANTOSO"),
            ("SAN", "SANTOSO"),
            ("KAOSBUDI", "BUDI"),
            ("KAOSSANT", "SANTOSO"),
            ("BAYAREKO", "EKO"),
            ("XBUDIX", "BUDI"),
            ("POETU", "PUTU"),
            ("SIMMANJUN", "SIMANJUNTAK"),
        ];
        for (token, word) in pairs {
            assert!(likeness(&Heard::of(token), &Heard::of(word)).is_some(), "{token} {word}");
            let keys = word_keys(word);
            assert!(token_keys(token).iter().any(|key| keys.contains(key)), "{token} {word}");
        }
    }
}
