//! `kasir match`: orders and mutations from files, matched per account, decisions into a file. For trying the matcher
//! without a store; the rules are [`kasir_matching`]'s.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{Display, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Instant;

use kasir_core::money::Currency;
use kasir_matching::{
    Config, CustomerKey, Decision, Matcher, Mutation, MutationId, Order, OrderId, OrderState, Verdict,
    payer_key,
};
use prost_types::Timestamp;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const DAY_S: i64 = 86_400;
/// Most lines of one file.
const LINES_MAX: usize = 5_000_000;

/// An id as the file has it, and gets it back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Id::Number(number) => number.fmt(f),
            Id::Text(text) => text.fmt(f),
        }
    }
}

impl Id {
    /// What customers write of it: its last digits.
    fn number(&self) -> u64 {
        match self {
            Id::Number(number) => *number,
            Id::Text(text) => {
                let end = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
                let from = end.rfind(|letter: char| !letter.is_ascii_digit()).map_or(0, |at| at + 1);
                end.get(from..).and_then(|digits| digits.parse().ok()).unwrap_or(0)
            }
        }
    }
}

#[derive(Debug, Deserialize)]
struct OrderLine {
    order_id: Id,
    account: Id,
    currency: String,
    payable_minor: i64,
    #[serde(default)]
    unique_code: i32,
    #[serde(default)]
    paid_minor: i64,
    #[serde(default)]
    customer_id: u64,
    #[serde(default)]
    customer_name: Option<String>,
    create_time: String,
    #[serde(default)]
    expire_time: Option<String>,
    #[serde(default)]
    cancelled: bool,
}

#[derive(Debug, Deserialize)]
struct MutationLine {
    mutation_id: Id,
    account: Id,
    currency: String,
    date: String,
    amount_minor: i64,
    direction: Option<String>,
    status: Option<String>,
    description: String,
    counterparty: Option<String>,
}

#[derive(Debug, Serialize)]
struct Allocated<'a> {
    order_id: &'a Id,
    amount_minor: i64,
    write_off_minor: i64,
}

#[derive(Debug, Serialize)]
struct Candidate<'a> {
    order_ids: Vec<&'a Id>,
    score: i64,
}

/// One line out. Score and margin are thousandths of a nat.
#[derive(Debug, Serialize)]
struct MatchLine<'a> {
    mutation_id: &'a Id,
    decision: &'static str,
    allocations: Vec<Allocated<'a>>,
    joined: Vec<&'a Id>,
    score: i64,
    margin: i64,
    reasons: Vec<String>,
    candidates: Vec<Candidate<'a>>,
    cut: bool,
}

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
    let options = Options { utc_offset_minutes, write_off_max_minor, threads };
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

fn run(orders: &Path, mutations: &Path, out: &Path, options: &Options) -> Result<Counts, Problem> {
    let order_lines: Vec<OrderLine> = lines(orders, "order", |line: &OrderLine| &line.order_id)?;
    let mutation_lines: Vec<MutationLine> =
        lines(mutations, "mutation", |line: &MutationLine| &line.mutation_id)?;
    let customers = customers(&order_lines);
    let mut matchers: BTreeMap<(&Id, &str), Matcher> = BTreeMap::new();
    for (at, line) in order_lines.iter().enumerate() {
        let order = order(at, line, customers[at]).map_err(|words| wrong(orders, at, &words))?;
        let matcher = matcher(&mut matchers, &line.account, &line.currency, options)
            .map_err(|words| wrong(orders, at, &words))?;
        if order.due_minor > 0 {
            matcher.put_order(order);
        }
    }
    for (at, line) in mutation_lines.iter().enumerate() {
        let day = day(&line.date).map_err(|words| wrong(mutations, at, &words))?;
        let amount_minor = money_in(line).map_err(|words| wrong(mutations, at, &words))?;
        if amount_minor == 0 {
            continue;
        }
        let matcher = matcher(&mut matchers, &line.account, &line.currency, options)
            .map_err(|words| wrong(mutations, at, &words))?;
        matcher.put_mutation(Mutation {
            mutation_id: MutationId(at as u64),
            amount_minor,
            day,
            description: line.description.clone(),
            counterparty: line.counterparty.clone().unwrap_or_default(),
        });
    }
    let started = Instant::now();
    for matcher in matchers.values_mut() {
        let decided = matcher.decide(usize::MAX);
        // As if the sure ones were confirmed: their payers are known from then on.
        for decision in decided.changed.iter().filter(|decision| decision.verdict == Verdict::Auto) {
            let [allocation] = decision.allocations.as_slice() else { continue };
            let order = &order_lines[place(allocation.order_id.0)];
            // Only an amount with a code tells a payer of another name.
            if order.unique_code == 0 || allocation.amount_minor != order.payable_minor - order.paid_minor {
                continue;
            }
            let line = &mutation_lines[place(decision.mutation_id.0)];
            let payer = payer_key(&line.description, line.counterparty.as_deref().unwrap_or_default());
            if !payer.contains(' ') {
                continue;
            }
            matcher.learn(&payer, CustomerKey(customers[place(allocation.order_id.0)]));
        }
        matcher.decide(usize::MAX);
    }
    let match_time_us = started.elapsed().as_micros();
    let mut counts = Counts { orders: order_lines.len(), match_time_us, ..Counts::default() };
    let mut text = String::new();
    for (at, line) in mutation_lines.iter().enumerate() {
        let matcher = matchers.get(&(&line.account, line.currency.as_str()));
        let decision = matcher.and_then(|matcher| matcher.decision(MutationId(at as u64)));
        let line = match decision {
            Some(decision) => match_line(line, decision, &order_lines, &mutation_lines),
            None => not_matched(line),
        };
        match line.decision {
            "AUTO" => counts.auto += 1,
            "SUGGESTED" => counts.suggested += 1,
            "AMBIGUOUS" => counts.ambiguous += 1,
            _ => counts.none += 1,
        }
        let json = serde_json::to_string(&line).map_err(|error| Problem::Line(error.to_string()))?;
        writeln!(text, "{json}").map_err(|error| Problem::Line(error.to_string()))?;
    }
    write(out, &text)?;
    Ok(counts)
}

/// Reads a file of JSON lines. A line that is none, or an id that stands twice, is a problem with its number.
fn lines<T: DeserializeOwned>(path: &Path, what: &str, id: impl Fn(&T) -> &Id) -> Result<Vec<T>, Problem> {
    let text = fs::read(path).map_err(|error| Problem::File(path.to_owned(), error))?;
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
    let mut found = Vec::new();
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
    let mut seen = HashMap::with_capacity(found.len());
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

fn matcher<'m, 'a>(
    matchers: &'m mut BTreeMap<(&'a Id, &'a str), Matcher>,
    account: &'a Id,
    currency: &'a str,
    options: &Options,
) -> Result<&'m mut Matcher, String> {
    let known = Currency::parse(currency).ok_or_else(|| format!("{currency} is no currency"))?;
    Ok(matchers.entry((account, currency)).or_insert_with(|| {
        let config = Config::for_minor_per_major(known.minor_per_major());
        Matcher::new(Config {
            utc_offset_minutes: options.utc_offset_minutes,
            write_off_max_minor: options.write_off_max_minor.unwrap_or(config.write_off_max_minor),
            threads: options.threads,
            ..config
        })
    }))
}

/// Each order's customer: by id where the file has it, else by name.
fn customers(orders: &[OrderLine]) -> Vec<u64> {
    let mut known: HashMap<String, u64> = HashMap::new();
    let mut last = orders.iter().map(|line| line.customer_id).max().unwrap_or(0);
    let mut customer = |line: &OrderLine| {
        let name = line.customer_name.as_deref().unwrap_or_default().trim().to_uppercase();
        match (line.customer_id, name.is_empty()) {
            (0, true) => 0,
            (0, false) => *known.entry(name).or_insert_with(|| {
                last += 1;
                last
            }),
            (id, _) => id,
        }
    };
    orders.iter().map(&mut customer).collect()
}

fn order(at: usize, line: &OrderLine, customer: u64) -> Result<Order, String> {
    if line.payable_minor <= 0 || line.paid_minor < 0 {
        return Err("payable_minor has to be above 0, paid_minor not below".into());
    }
    Ok(Order {
        order_id: OrderId(at as u64),
        version: 0,
        number: line.order_id.number(),
        customer_key: CustomerKey(customer),
        customer_name: line.customer_name.clone().unwrap_or_default(),
        payable_minor: line.payable_minor,
        due_minor: line.payable_minor.saturating_sub(line.paid_minor),
        unique_code: line.unique_code,
        create_ms: time_ms(&line.create_time)?,
        expire_ms: line.expire_time.as_deref().map_or(Ok(0), time_ms)?,
        state: if line.cancelled { OrderState::Cancelled } else { OrderState::Open },
        payable_shared: false,
    })
}

/// Milliseconds since 1970 of an RFC 3339 time.
fn time_ms(time: &str) -> Result<i64, String> {
    let parsed = Timestamp::from_str(time).map_err(|_| format!("{time} is no RFC 3339 time"))?;
    Ok(parsed.seconds * 1_000 + i64::from(parsed.nanos) / 1_000_000)
}

/// Days since 1970 of "YYYY-MM-DD".
fn day(date: &str) -> Result<i32, String> {
    let wrong = || format!("{date} is no date (YYYY-MM-DD)");
    let parsed = Timestamp::from_str(&format!("{date}T00:00:00Z")).map_err(|_| wrong())?;
    i32::try_from(parsed.seconds.div_euclid(DAY_S)).map_err(|_| wrong())
}

/// How much came in and is posted; 0 for money out and for what is pending.
fn money_in(line: &MutationLine) -> Result<i64, String> {
    let posted = match line.status.as_deref() {
        None | Some("POSTED") => true,
        Some("PENDING") => false,
        Some(other) => return Err(format!("{other} is no status (POSTED, PENDING)")),
    };
    let incoming = match line.direction.as_deref() {
        None => line.amount_minor > 0,
        Some("IN" | "CR") => true,
        Some("OUT" | "DB" | "DR") => false,
        Some(other) => return Err(format!("{other} is no direction (IN, OUT, CR, DB)")),
    };
    Ok(if posted && incoming { line.amount_minor.saturating_abs() } else { 0 })
}

fn match_line<'a>(
    line: &'a MutationLine,
    decision: &Decision,
    orders: &'a [OrderLine],
    mutations: &'a [MutationLine],
) -> MatchLine<'a> {
    let order = |id: OrderId| &orders[place(id.0)].order_id;
    let allocations = decision.allocations.iter().map(|allocation| Allocated {
        order_id: order(allocation.order_id),
        amount_minor: allocation.amount_minor,
        write_off_minor: allocation.write_off_minor,
    });
    let candidates = decision.candidates.iter().map(|candidate| Candidate {
        order_ids: candidate.order_ids.iter().copied().map(order).collect(),
        score: candidate.score_millinats,
    });
    MatchLine {
        mutation_id: &line.mutation_id,
        decision: match decision.verdict {
            Verdict::Auto => "AUTO",
            Verdict::Suggested => "SUGGESTED",
            Verdict::Ambiguous => "AMBIGUOUS",
            Verdict::None => "NONE",
        },
        allocations: allocations.collect(),
        joined: decision.joined.iter().map(|id| &mutations[place(id.0)].mutation_id).collect(),
        score: decision.score_millinats,
        margin: decision.margin_millinats,
        reasons: decision.reasons.iter().map(|reason| reason.words(|id| order(id).to_string())).collect(),
        candidates: candidates.collect(),
        cut: decision.cut,
    }
}

/// Ids within the matchers are places in the files.
fn place(id: u64) -> usize {
    usize::try_from(id).expect("made of a place")
}

fn not_matched(line: &MutationLine) -> MatchLine<'_> {
    let pending = line.status.as_deref() == Some("PENDING");
    let words = if pending {
        "It is pending: the bank has not posted it."
    } else if line.amount_minor == 0 {
        "No money moved."
    } else {
        "It is money out."
    };
    MatchLine {
        mutation_id: &line.mutation_id,
        decision: "NONE",
        allocations: Vec::new(),
        joined: Vec::new(),
        score: 0,
        margin: 0,
        reasons: vec![words.into()],
        candidates: Vec::new(),
        cut: false,
    }
}

/// Writes the file whole or not at all.
fn write(out: &Path, text: &str) -> Result<(), Problem> {
    let mut name = out.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    fs::write(&partial, text).map_err(|error| Problem::File(partial.clone(), error))?;
    fs::rename(&partial, out).map_err(|error| Problem::File(out.to_owned(), error))
}
