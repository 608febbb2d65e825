//! Goal: what was acknowledged survives a process that dies at any moment, and nothing happens twice. Method: this test
//! program starts itself as a shop under load, which prints every reply it got, and kills it (SIGKILL); then it opens
//! the store, looks for every acknowledged order, and sends every request again.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use kasir_core::ids::OrderId;
use kasir_core::records::{Order, find};
use kasir_core::{Fault, Refusal, Reply, View};
use kasir_store::{Answer, BatchSink, Options, Passage, Store, SystemClock};
use support::{booking, item, location, receive, request, tax_class};
use tempfile::TempDir;

const KILLS: u64 = 5;
const THREADS: u64 = 8;
const STOCK: i64 = 1_000_000;
const SHOP_DIR: &str = "KASIR_TEST_CRASH_DIR";
const SHOP_ROUND: &str = "KASIR_TEST_CRASH_ROUND";

struct Nobody;

impl BatchSink<()> for Nobody {
    fn complete(&self, _answers: Vec<((), Answer)>, _passage: Option<&Passage>) {}
    fn readable(&self, _revision: u64) {}
    fn stopped(&self, why: &Refusal) {
        panic!("{why:?}");
    }
}

/// The reply of a booking is its order's id.
#[allow(clippy::unnecessary_wraps, reason = "an encoder may fail")]
#[allow(clippy::needless_pass_by_value, reason = "the form of an encoder")]
fn encode(_method: &'static str, reply: Reply, _view: &dyn View) -> Result<Vec<u8>, Fault> {
    Ok(match reply {
        Reply::Order(order) => order.order_id.to_string().into_bytes(),
        other => format!("{other:?}").into_bytes(),
    })
}

fn open(dir: &Path) -> Store<()> {
    let options = Options { map_size: 1 << 20, ..Options::default() };
    Store::open(dir, &options, Arc::new(encode), Arc::new(Nobody), Arc::new(SystemClock)).unwrap()
}

/// Request ids say round, thread and number.
fn id(round: u64, thread: u64, number: u64) -> [u8; 16] {
    (u128::from(round) << 96 | u128::from(thread) << 64 | u128::from(number)).to_be_bytes()
}

fn customer(thread: u64, number: u64) -> String {
    format!("Pembeli {thread} {number}")
}

/// Books until it is killed. Does nothing unless it was started by the test below.
#[test]
fn shop_to_be_killed() {
    let Some(dir) = std::env::var_os(SHOP_DIR) else { return };
    let round: u64 = std::env::var(SHOP_ROUND).unwrap().parse().unwrap();
    let store = Arc::new(open(Path::new(&dir)));
    let shoppers: Vec<_> = (0..THREADS)
        .map(|thread| {
            let store = Arc::clone(&store);
            thread::spawn(move || {
                for number in 0.. {
                    let reply = store.submit_blocking(request(
                        id(round, thread, number),
                        booking(&customer(thread, number)),
                    ));
                    let order = String::from_utf8(reply.unwrap()).unwrap();
                    // One write a line, so that a kill leaves no line half told.
                    let line = format!("\n{round} {thread} {number} {order}\n");
                    std::io::stderr().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for shopper in shoppers {
        shopper.join().unwrap();
    }
}

#[test]
fn killed_under_load_nothing_acknowledged_is_lost_or_doubled() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("store");
    {
        let store = open(&path);
        let first = [location("GUDANG"), tax_class(), item("KOPI-1"), receive(STOCK)];
        for (number, command) in (0..).zip(first) {
            store.submit_blocking(request(id(u64::from(u32::MAX), 0, number), command)).unwrap();
        }
    }
    let mut acknowledged: BTreeMap<(u64, u64, u64), u64> = BTreeMap::new();
    for round in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "shop_to_be_killed", "--nocapture", "--test-threads=1"])
            .env(SHOP_DIR, &path)
            .env(SHOP_ROUND, round.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let reading = thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
        thread::sleep(Duration::from_millis(700 + 137 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in reading.join().unwrap().iter().filter(|line| !line.is_empty()) {
            let numbers: Vec<u64> = line.split(' ').map_while(|number| number.parse().ok()).collect();
            let [of, thread, number, order] = numbers[..] else { continue };
            assert!(acknowledged.insert((of, thread, number), order).is_none());
        }
        check(&open(&path), &acknowledged);
    }
    assert!(acknowledged.len() > 200, "it was under load: {} orders", acknowledged.len());
}

fn check(store: &Store<()>, acknowledged: &BTreeMap<(u64, u64, u64), u64>) {
    let verified = store.verify(true).unwrap();
    assert_eq!(verified.violations, Vec::<String>::new());
    let orders = store
        .read(|view| {
            for (&(_, thread, number), &order_id) in acknowledged {
                let order: Order = find(view, order_id)?.expect("an acknowledged order is there");
                assert_eq!(order.order_id, OrderId(order_id));
                assert_eq!(order.customer_name, customer(thread, number));
            }
            Ok(kasir_core::stock::level(view, support::ITEM, support::WAREHOUSE)?.held)
        })
        .unwrap();
    // Sent again: the same reply, no new order.
    let revision = store.revision();
    for (&(round, thread, number), order_id) in acknowledged {
        let again =
            store.submit_blocking(request(id(round, thread, number), booking(&customer(thread, number))));
        assert_eq!(again.unwrap(), order_id.to_string().into_bytes());
    }
    assert_eq!(store.revision(), revision);
    assert!(orders >= i64::try_from(acknowledged.len()).unwrap());
}
