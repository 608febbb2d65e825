//! Moota (a service that watches bank accounts), JSON: what its webhook posts and what its list of mutations answers.
//!
//! The webhook posts an array of mutations; the list answers an object with them in `data`. Of each are read:
//! `account_number, date ("YYYY-MM-DD hh:mm:ss"), description, amount, type ("CR" | "DB"), mutation_id`. An amount is rupiah, as a
//! number or as text. `balance` is that of the moment of asking, not the one after the row. One file may hold several accounts.
//! A `mutation_id` is given once: a mutation that is posted or listed again, or stands twice in a file, is the same one.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufReader, Read};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use time::Date;

use super::Format;
use crate::dates;
use crate::model::{Account, MAX_PROBLEMS, MAX_REFERENCE_CHARS, Options, Row, StatementError};
use crate::money::{Marks, check_thousands, parse_amount};
use crate::record::Recorder;
use crate::source::{Head, Source};
use crate::text::{is_shown, shown};

pub(super) const FORMAT: Format =
    Format { name: "moota", title: "Moota, webhook and list, JSON", sniff, read };

/// Moota watches Indonesian accounts only and names no currency.
const CURRENCY: &str = "IDR";
/// Most mutations of one file, whose ids are remembered.
const MAX_IDS: usize = 1_000_000;
/// Most bytes of one mutation: a larger one is a file of another kind.
const MAX_ELEMENT_BYTES: usize = 256 * 1024;

/// Whether it begins like JSON and names a mutation's id.
fn sniff(head: &Head) -> bool {
    head.start().starts_with(['[', '{']) && head.text.contains("\"mutation_id\"")
}

fn read(
    source: &mut Source<'_>,
    _options: &Options<'_>,
    out: &mut Recorder<'_>,
) -> Result<(), StatementError> {
    let base = if source.head().start().starts_with('[') { 1 } else { 2 };
    let guarded = Guarded { inner: source.text(), base, depth: 0, length: 0, in_text: false, escaped: false };
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(guarded));
    let mut list = List {
        out,
        accounts: Vec::new(),
        unplaced: Vec::new(),
        ids: HashMap::new(),
        keys: RandomState::new(),
        number: 0,
        is_found: false,
        stopped: None,
    };
    let read = list.deserialize(&mut json).and_then(|()| json.end());
    if let Some(error) = list.stopped {
        return Err(error);
    }
    match read {
        Err(error) if error.is_io() => return Err(io::Error::from(error).into()),
        Err(error) if !error.is_data() => {
            let words = format!("the file is cut off or damaged: it is not valid JSON ({error})");
            return Err(StatementError::broken(words));
        }
        Ok(()) if list.is_found => {}
        Ok(()) | Err(_) => return Err(StatementError::broken("the file has no list of mutations")),
    }
    if list.accounts.is_empty() {
        list.account("")?;
    }
    for (number, words) in std::mem::take(&mut list.unplaced) {
        list.out.unreadable(0, number, words);
    }
    Ok(())
}

/// The mutations as they come.
struct List<'o, 's> {
    out: &'o mut Recorder<'s>,
    /// Numbers of the accounts so far, in their order.
    accounts: Vec<String>,
    /// What is wrong with mutations before the first account, and their numbers.
    unplaced: Vec<(u64, String)>,
    /// What each id was given for, both as keyed hashes.
    ids: HashMap<u64, u64>,
    keys: RandomState,
    number: u64,
    is_found: bool,
    /// Why the recorder takes no more.
    stopped: Option<StatementError>,
}

impl List<'_, '_> {
    fn account(&mut self, number: &str) -> Result<usize, StatementError> {
        if let Some(found) = self.accounts.iter().position(|known| known == number) {
            return Ok(found);
        }
        self.accounts.push(number.to_owned());
        let (number, currency) = (number.to_owned(), CURRENCY.to_owned());
        self.out.account(Account { number, currency, is_currency_assumed: true, ..Account::default() })
    }

    fn mutation(&mut self, raw: &RawValue) -> Result<(), StatementError> {
        self.number += 1;
        let element: Element<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
        let number = text(element.account_number);
        let (description, reference) = (text(element.description), text(element.mutation_id));
        let row = match element.row(self.number, &number, &reference) {
            Ok(row) => row,
            Err(words) => {
                self.wrong(&number, words);
                return Ok(());
            }
        };
        let content = self.keys.hash_one((&number, row.date, row.amount_minor, &description));
        if self.ids.len() == MAX_IDS {
            let words = format!("the file holds more than {MAX_IDS} mutations: export a shorter period");
            return Err(StatementError::Unrecognised(words));
        }
        match self.ids.insert(self.keys.hash_one(&reference), content) {
            // The same mutation again.
            Some(known) if known == content => return Ok(()),
            Some(_) => {
                self.wrong(&number, format!("the id {} is also that of another mutation", shown(&reference)));
                return Ok(());
            }
            None => {}
        }
        let account = self.account(&number)?;
        let row =
            Row { description: &description, bank_reference: &reference, reference_is_unique: true, ..row };
        self.out.row(account, &row)
    }

    /// Notes what is wrong with the mutation being read: of its account where that is known, else of the first.
    fn wrong(&mut self, number: &str, words: String) {
        if self.accounts.is_empty() {
            if self.unplaced.len() < MAX_PROBLEMS {
                self.unplaced.push((self.number, words));
            }
            return;
        }
        let account = self.accounts.iter().position(|known| known == number).unwrap_or(0);
        self.out.unreadable(account, self.number, words);
    }
}

impl<'de> DeserializeSeed<'de> for &mut List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of mutations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.is_found = true;
        while let Some(raw) = list.next_element::<Box<RawValue>>()? {
            if let Err(error) = self.mutation(&raw) {
                self.stopped = Some(error);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "data" && !self.is_found {
                map.next_value_seed(&mut *self)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// What is read of one element. Each value stays as it is written: a float would not keep amounts exactly.
#[derive(Debug, Default, Deserialize)]
struct Element<'a> {
    #[serde(borrow, default)]
    account_number: Option<&'a RawValue>,
    #[serde(borrow, default)]
    date: Option<&'a RawValue>,
    #[serde(borrow, default)]
    description: Option<&'a RawValue>,
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    direction: Option<&'a RawValue>,
    #[serde(borrow, default)]
    mutation_id: Option<&'a RawValue>,
}

impl Element<'_> {
    fn row(&self, number: u64, account_number: &str, reference: &str) -> Result<Row<'static>, String> {
        if account_number.is_empty() || !account_number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{} is not an account number", shown(account_number)));
        }
        let sign = match text(self.direction).as_str() {
            "CR" => 1,
            "DB" => -1,
            _ => return Err("the type is neither CR nor DB".to_owned()),
        };
        let length = reference.chars().count();
        if !(1..=MAX_REFERENCE_CHARS).contains(&length) || !reference.chars().all(is_shown) {
            return Err("the mutation has no id, or one that is too long".to_owned());
        }
        Ok(Row::new(number, date(&text(self.date))?, sign * amount(self.amount)?))
    }
}

/// The time is the one of Moota's look at the account, not the bank's.
fn date(text: &str) -> Result<Date, String> {
    let day = text.split(' ').next().unwrap_or_default();
    dates::year_month_day(day).ok_or_else(|| format!("{} is not a date and time", shown(text)))
}

fn amount(value: Option<&RawValue>) -> Result<i64, String> {
    let raw = value.map_or("", RawValue::get);
    let written = match raw.as_bytes().first() {
        Some(b'"') => text(value),
        Some(b'-' | b'0'..=b'9') => raw.to_owned(),
        _ => return Err("the mutation has no amount".to_owned()),
    };
    check_thousands(&written, CURRENCY, Marks::POINT)?;
    let amount = parse_amount(&written, CURRENCY, None)?;
    if amount < 0 {
        return Err("the amount is negative: its sign is told by the type".to_owned());
    }
    Ok(amount)
}

/// The text that a value is, with a blank for what no encoding can carry; empty when it is no text.
fn text(value: Option<&RawValue>) -> String {
    struct Bytes;

    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }

    let raw = value.map_or("", RawValue::get);
    if !raw.starts_with('"') {
        return String::new();
    }
    let bytes = serde_json::Deserializer::from_str(raw).deserialize_bytes(Bytes).unwrap_or_default();
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        // Half of a surrogate pair comes as three bytes that are none of UTF-8: the first of them becomes the blank.
        if chunk.invalid().first().is_some_and(|byte| *byte >= 0xc0) {
            out.push(' ');
        }
    }
    out
}

/// Refuses JSON of which a single element would fill the memory: lists hold each whole.
struct Guarded<R> {
    inner: R,
    /// How deep the commas between elements stand.
    base: usize,
    depth: usize,
    /// Bytes since the last comma between elements.
    length: usize,
    in_text: bool,
    escaped: bool,
}

impl<R: Read> Read for Guarded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(out)?;
        for byte in &out[..read] {
            self.length += 1;
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_text => self.escaped = true,
                b'"' => self.in_text = !self.in_text,
                _ if self.in_text => {}
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                b',' if self.depth <= self.base => self.length = 0,
                _ => {}
            }
            if self.length > MAX_ELEMENT_BYTES {
                let words = "a mutation is longer than any bank writes: not a list of mutations";
                return Err(io::Error::other(StatementError::broken(words)));
            }
        }
        Ok(read)
    }
}
