//! `kasir match`: orders and mutations from files, matched per account, decisions into a file. For trying the matcher
//! without a store; the rules are [`kasir_matching`]'s.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use kasir_core::money::Currency;
use kasir_matching::{
    Config, CustomerKey, Decision, Feature, Matcher, Mutation, MutationId, Order, Verdict, side_by_side,
    tells_payer,
};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustc_hash::FxHashMap;
use serde::Deserialize;

use crate::matching_lines::{Customers, Id, MatchLine, MutationLine, OrderLine, place};

/// Most lines of one file.
const LINES_MAX: usize = 5_000_000;
/// Lines that a thread writes at a time; fewer are not worth one.
const LINES_PART: usize = 1_000;

/// Why nothing was written.
#[derive(Debug)]
enum Problem {
    /// A line that cannot be used.
    Line(String),
    File(PathBuf, std::io::Error),
}

impl From<Problem> for PyErr {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem::Line(words) => PyValueError::new_err(words),
            Problem::File(path, error) => PyOSError::new_err(format!("{}: {error}", path.display())),
        }
    }
}

/// What is asked for.
struct Options {
    utc_offset_minutes: i32,
    write_off_max_minor: Option<i64>,
    threads: usize,
}

/// How many lines ended how.
#[derive(Debug, Default)]
struct Counts {
    auto: usize,
    suggested: usize,
    ambiguous: usize,
    none: usize,
    orders: usize,
    match_time_us: u128,
}

/// Matches the mutations of one file with the orders of another, and writes a line for each into a third.
#[pyfunction]
#[pyo3(signature = (orders, mutations, out, *, utc_offset_minutes, write_off_max_minor=None, threads=2))]
#[expect(clippy::needless_pass_by_value, reason = "arguments that Python gives are owned")]
pub(crate) fn match_files(
    py: Python<'_>,
    orders: PathBuf,
    mutations: PathBuf,
    out: PathBuf,
    utc_offset_minutes: i32,
    write_off_max_minor: Option<i64>,
    threads: usize,
) -> PyResult<Bound<'_, PyDict>> {
    let options = Options { utc_offset_minutes, write_off_max_minor, threads: threads.max(1) };
    let counts = py.detach(|| run(&orders, &mutations, &out, &options))?;
    let dict = PyDict::new(py);
    dict.set_item("auto", counts.auto)?;
    dict.set_item("suggested", counts.suggested)?;
    dict.set_item("ambiguous", counts.ambiguous)?;
    dict.set_item("none", counts.none)?;
    dict.set_item("orders", counts.orders)?;
    dict.set_item("match_time_us", counts.match_time_us)?;
    Ok(dict)
}

/// What there is of one account and currency.
struct Account {
    currency: Currency,
    orders: Vec<Order>,
    mutations: Vec<Mutation>,
}

/// All accounts and currencies.
type Accounts<'a> = BTreeMap<(&'a Id<'a>, &'a str), Account>;
/// A matcher for each of them.
type Matchers<'a> = BTreeMap<(&'a Id<'a>, &'a str), Matcher>;

fn run(orders: &Path, mutations: &Path, out: &Path, options: &Options) -> Result<Counts, Problem> {
    let (order_text, mutation_text) = (text_of(orders)?, text_of(mutations)?);
    let (read_orders, read_mutations) = thread::scope(|scope| {
        let reader = scope.spawn(|| read_orders(orders, &order_text));
        let read = read_mutations(mutations, &mutation_text);
        (reader.join().expect("reading does not panic"), read)
    });
    let (order_lines, found_orders) = read_orders?;
    let (mutation_lines, found_mutations) = read_mutations?;
    let customers: Vec<CustomerKey> = found_orders
        .iter()
        .map(|order| order.as_ref().map_or(CustomerKey::default(), |order| order.customer_key))
        .collect();

    let started = Instant::now();
    let mut accounts = Accounts::new();
    for (at, (line, order)) in order_lines.iter().zip(found_orders).enumerate() {
        let account = account(&mut accounts, &line.account, &line.currency);
        account.map_err(|words| wrong(orders, at, &words))?.orders.extend(order);
    }
    for (at, (line, mutation)) in mutation_lines.iter().zip(found_mutations).enumerate() {
        let account = account(&mut accounts, &line.account, &line.currency);
        account.map_err(|words| wrong(mutations, at, &words))?.mutations.extend(mutation);
    }
    let mut matchers = filled(accounts, options);
    for matcher in matchers.values_mut() {
        matcher.decide(usize::MAX);
    }
    let files = Files { orders: &order_lines, mutations: &mutation_lines, customers: &customers };
    let before = learn_from_the_sure(&mut matchers, &files);
    let match_time_us = started.elapsed().as_micros();

    let decision = |at: usize| {
        let line = &mutation_lines[at];
        let id = MutationId(at as u64);
        let now = matchers.get(&(&line.account, &*line.currency)).and_then(|matcher| matcher.decision(id))?;
        // What a payer paid before is learnt from other transfers, not from the one that is looked at.
        let first = before.get(&id).filter(|first| first.allocations == now.allocations);
        Some(first.unwrap_or(now))
    };
    let mut counts = Counts { orders: order_lines.len(), match_time_us, ..Counts::default() };
    for at in 0..mutation_lines.len() {
        match decision(at).map_or(Verdict::None, |decision| decision.verdict) {
            Verdict::Auto => counts.auto += 1,
            Verdict::Suggested => counts.suggested += 1,
            Verdict::Ambiguous => counts.ambiguous += 1,
            Verdict::None => counts.none += 1,
        }
    }
    write(out, &lines_out(&files, decision, options.threads)?)?;
    Ok(counts)
}

/// The accounts' matchers with everything put in and nothing decided.
fn filled<'a>(accounts: Accounts<'a>, options: &Options) -> Matchers<'a> {
    let accounts: Vec<_> = accounts.into_iter().collect();
    let filled = side_by_side(options.threads, 1, &accounts, |part| {
        let filled = part.iter().map(|(key, account)| {
            let mut matcher = Matcher::new(config(account.currency, options));
            account.orders.iter().for_each(|order| matcher.put_order(order.clone()));
            matcher.put_mutations(&account.mutations);
            (*key, matcher)
        });
        filled.collect()
    });
    filled.into_iter().collect()
}

/// The files' lines, and each order's customer.
struct Files<'a> {
    orders: &'a [OrderLine<'a>],
    mutations: &'a [MutationLine<'a>],
    customers: &'a [CustomerKey],
}

/// Teaches the payers of what is sure, as if it were confirmed, and decides anew what that touches. Gives the decisions that
/// were learnt from.
fn learn_from_the_sure<'a>(
    matchers: &mut Matchers<'a>,
    files: &Files<'a>,
) -> FxHashMap<MutationId, Decision> {
    let mut learnt = FxHashMap::default();
    for (at, line) in files.mutations.iter().enumerate() {
        let Some(matcher) = matchers.get_mut(&(&line.account, &*line.currency)) else { continue };
        let Some(decision) = matcher.decision(MutationId(at as u64)) else { continue };
        if !tells_a_payer(decision, files) {
            continue;
        }
        let payer = line.payer();
        if tells_payer(&payer) {
            let decision = decision.clone();
            matcher.learn(&payer, files.customers[place(decision.allocations[0].order_id.0)]);
            learnt.insert(decision.mutation_id, decision);
        }
    }
    for matcher in matchers.values_mut() {
        matcher.decide(usize::MAX);
    }
    learnt
}

/// Whether something is to be learnt of a decision: an amount with a code names the order, and the text names somebody else.
fn tells_a_payer(decision: &Decision, files: &Files<'_>) -> bool {
    let (Verdict::Auto, [allocation]) = (decision.verdict, decision.allocations.as_slice()) else {
        return false;
    };
    let order = &files.orders[place(allocation.order_id.0)];
    let named = |reason: &kasir_matching::Reason| {
        let known = reason.weight_millinats >= Config::default().weights.alias;
        matches!(reason.feature, Feature::Name(_)) && known
    };
    // What is left of a partly paid order carries no code.
    order.unique_code != 0
        && allocation.amount_minor == order.payable_minor
        && !decision.reasons.iter().any(named)
}

fn text_of(path: &Path) -> Result<Vec<u8>, Problem> {
    fs::read(path).map_err(|error| Problem::File(path.to_owned(), error))
}

type Read<Line, Found> = Result<(Vec<Line>, Vec<Option<Found>>), Problem>;

fn read_orders<'a>(path: &Path, text: &'a [u8]) -> Read<OrderLine<'a>, Order> {
    let lines: Vec<OrderLine<'_>> = lines(path, text, "order", |line: &OrderLine<'a>| &line.order_id)?;
    let mut customers = Customers::default();
    let orders = lines
        .iter()
        .enumerate()
        .map(|(at, line)| line.order(at, &mut customers).map_err(|words| wrong(path, at, &words)));
    let orders = orders.collect::<Result<Vec<_>, _>>()?;
    Ok((lines, orders))
}

fn read_mutations<'a>(path: &Path, text: &'a [u8]) -> Read<MutationLine<'a>, Mutation> {
    let lines: Vec<MutationLine<'_>> =
        lines(path, text, "mutation", |line: &MutationLine<'a>| &line.mutation_id)?;
    let mutations =
        lines.iter().enumerate().map(|(at, line)| line.mutation(at).map_err(|words| wrong(path, at, &words)));
    let mutations = mutations.collect::<Result<Vec<_>, _>>()?;
    Ok((lines, mutations))
}

/// Reads a file of JSON lines. A line that is none, or an id that stands twice, is a problem with its number.
fn lines<'a, T: Deserialize<'a>>(
    path: &Path,
    text: &'a [u8],
    what: &str,
    id: impl Fn(&T) -> &Id<'a>,
) -> Result<Vec<T>, Problem> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut found: Vec<T> = Vec::new();
    let mut empty = None;
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            empty = empty.or(Some(at));
            continue;
        }
        // Line numbers and places in the list go together only without gaps.
        if let Some(empty) = empty {
            return Err(wrong(path, empty, "the line is empty"));
        }
        if at == LINES_MAX {
            return Err(wrong(path, at, &format!("more than {LINES_MAX} lines")));
        }
        found.push(serde_json::from_slice(line).map_err(|error| wrong(path, at, &plain(&error)))?);
    }
    let mut seen: FxHashMap<&Id<'_>, usize> = FxHashMap::default();
    seen.reserve(found.len());
    for (at, line) in found.iter().enumerate() {
        if let Some(first) = seen.insert(id(line), at) {
            return Err(wrong(path, at, &format!("{what} {} stands in line {} too", id(line), first + 1)));
        }
    }
    Ok(found)
}

/// What is wrong with a line of JSON, without the parser's own count of lines.
fn plain(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.split(" at line ").next().unwrap_or(&words).to_owned()
}

fn wrong(path: &Path, at: usize, words: &str) -> Problem {
    Problem::Line(format!("{}, line {}: {words}", path.display(), at + 1))
}

fn account<'m, 'a>(
    accounts: &'m mut Accounts<'a>,
    account: &'a Id<'a>,
    currency: &'a str,
) -> Result<&'m mut Account, String> {
    match accounts.entry((account, currency)) {
        Entry::Occupied(known) => Ok(known.into_mut()),
        Entry::Vacant(new) => {
            let currency = Currency::parse(currency).ok_or_else(|| format!("{currency} is no currency"))?;
            Ok(new.insert(Account { currency, orders: Vec::new(), mutations: Vec::new() }))
        }
    }
}

/// How the orders of a currency are matched.
fn config(currency: Currency, options: &Options) -> Config {
    let config = Config::of_currency(currency.code(), currency.minor_per_major());
    Config {
        utc_offset_minutes: options.utc_offset_minutes,
        write_off_max_minor: options.write_off_max_minor.unwrap_or(config.write_off_max_minor),
        threads: options.threads,
        ..config
    }
}

/// A line for each mutation, in pieces that follow each other.
fn lines_out<'d>(
    files: &Files<'_>,
    decision: impl Fn(usize) -> Option<&'d Decision> + Sync,
    threads: usize,
) -> Result<Vec<Vec<u8>>, Problem> {
    let places: Vec<usize> = (0..files.mutations.len()).collect();
    let piece = |part: &[usize]| {
        let mut out = Vec::new();
        for &at in part {
            let line = &files.mutations[at];
            let line = match decision(at) {
                Some(decision) => MatchLine::decided(line, decision, files.orders, files.mutations),
                None => MatchLine::not_matched(line),
            };
            serde_json::to_writer(&mut out, &line).map_err(|error| Problem::Line(error.to_string()))?;
            out.push(b'\n');
        }
        Ok(out)
    };
    side_by_side(threads, LINES_PART, &places, |part| vec![piece(part)]).into_iter().collect()
}

/// Writes the file whole or not at all.
fn write(out: &Path, pieces: &[Vec<u8>]) -> Result<(), Problem> {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    let written = fs::File::create(&partial)
        .and_then(|mut file| pieces.iter().try_for_each(|piece| file.write_all(piece)));
    written.map_err(|error| Problem::File(partial.clone(), error))?;
    fs::rename(&partial, out).map_err(|error| Problem::File(out.to_owned(), error))
}
