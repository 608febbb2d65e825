//! What comes from the network, fed with any bytes: requests of all methods to a small shop in memory, and the messages of a
//! stream however they are cut.
#![allow(dead_code, unused_imports, reason = "of the modules that are compiled in, each target uses its part")]

#[path = "../../src/contract.rs"]
mod contract;
#[path = "../../src/failure.rs"]
mod failure;
#[path = "../../../transport/src/frame.rs"]
mod frame;
#[path = "../../src/from_proto/mod.rs"]
mod from_proto;
#[path = "../../src/methods.rs"]
mod methods;
#[path = "../../src/queries.rs"]
mod queries;
#[path = "../../../transport/src/status.rs"]
mod status;
#[path = "../../src/to_proto/mod.rs"]
mod to_proto;

use std::sync::LazyLock;

use bytes::Bytes;
use kasir_core::refusal::Stop;
use kasir_core::{Context, Event, Memory, apply, execute, expire_due, expire_named, verify};
use prost::Message;

use crate::contract as pb;
use crate::frame::{Broken, Deframer, Encoding};
use crate::methods::{COMMANDS, CommandMethod, QUERIES, command};

/// When the shop opens, Unix milliseconds.
const OPENS_MS: i64 = 1_800_000_000_000;
const HOUR_MS: i64 = 3_600_000;
/// More than that is only slow.
const MESSAGES_MAX: usize = 32;
const DEADLINES_MAX: usize = 1_000;
const LIMIT: usize = 10_000;

/// What happened at once, for the replay.
type Entry = (i64, &'static str, Vec<Event>);

/// A shop that keeps its journal.
#[derive(Clone)]
struct Shop {
    state: Memory,
    now_ms: i64,
    asked: u64,
}

impl Shop {
    /// Goods, places, a bank account, a courier, tills and some orders, asked for by messages.
    fn furnished() -> Self {
        let mut shop = Self { state: Memory::default(), now_ms: OPENS_MS, asked: 0 };
        let idr = |minor_units| Some(pb::Money { currency_code: "IDR".into(), minor_units });
        for (code, kind) in [("GUDANG", 1), ("CS", 2), ("TOKO", 3)] {
            let location =
                pb::Location { code: code.into(), name: code.into(), kind, ..pb::Location::default() };
            shop.must("StockService/CreateLocation", &pb::CreateLocationRequest {
                location: Some(location),
                ..Default::default()
            });
        }
        let price =
            pb::Price { price_list: "retail".into(), min_quantity: 1, amount: idr(2_500_000) };
        let item = pb::Item {
            sku: "KOPI-9".into(),
            name: "Kopi".into(),
            barcodes: vec!["8991002101241".into()],
            weight_grams: 250,
            prices: vec![price],
            ..Default::default()
        };
        shop.must("CatalogueService/CreateItem", &pb::CreateItemRequest {
            item: Some(item),
            ..Default::default()
        });
        for location_id in [1, 3] {
            shop.must("StockService/ReceiveStock", &pb::ReceiveStockRequest {
                location_id,
                lines: vec![pb::StockLine { item_id: 1, quantity: 50, ..Default::default() }],
                ..Default::default()
            });
        }
        let account = pb::BankAccount {
            bank: "BCA".into(),
            number: "1234567890".into(),
            holder: "Toko".into(),
            currency_code: "IDR".into(),
            ..Default::default()
        };
        shop.must("ReconciliationService/CreateBankAccount", &pb::CreateBankAccountRequest {
            bank_account: Some(account),
            ..Default::default()
        });
        let till = pb::Till { code: "KASIR-1".into(), location_id: 3, ..Default::default() };
        shop.must("TillService/CreateTill", &pb::CreateTillRequest { till: Some(till), ..Default::default() });
        shop
    }

    fn must(&mut self, name: &str, request: &impl Message) {
        let name = format!("/kasir.v1.{name}");
        let method = command(&name).expect("the method is in the contract");
        let entries = self.command(method, request.encode_to_vec());
        assert!(!entries.is_empty(), "{name} was refused");
    }

    /// A command, as the sequencer carries it out. Refused, it changes nothing but what was due before it.
    fn command(&mut self, method: &'static CommandMethod, mut body: Vec<u8>) -> Vec<Entry> {
        // Of a field that is there twice the last one counts: each command has a good id of its own.
        self.asked += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.asked);
        body.extend([0x0a, u8::try_from(id.len()).expect("36")]);
        body.extend(id.as_bytes());
        let Ok(request) = (method.decode)(&body) else { return Vec::new() };
        let (now_ms, state) = (self.now_ms, &mut self.state);
        let clock = Context { now_ms, actor: "" };
        let mut entries = vec![
            (now_ms, "", expire_due(state, &clock, DEADLINES_MAX).expect("what is due ends")),
            (now_ms, "", expire_named(state, &request.command, &clock).expect("what is named ends")),
        ];
        let before = state.clone();
        match execute(state, &request.command, &Context { now_ms, actor: "sari" }) {
            Ok(done) => {
                (method.encode)(done.reply, state).expect("a reply has its message");
                entries.push((now_ms, "sari", done.events));
            }
            Err(Stop::Refused(refusal)) => {
                assert!(*state == before, "{} was refused, and changed something", method.name);
                assert!(refusal.message.ends_with('.'), "{}", refusal.message);
            }
            Err(Stop::Fault(fault)) => panic!("{}: {fault}", method.name),
        }
        entries
    }

    fn query(&self, number: usize, body: &[u8]) {
        let method = &QUERIES[number % QUERIES.len()];
        if let Err(Stop::Fault(fault)) = (method.answer)(body, &self.state, self.now_ms) {
            panic!("{}: {fault}", method.name);
        }
    }
}

/// Each message is a byte that names the method, two of its length, and its bytes. Every one is answered or refused; all
/// invariants hold at the end, and the journal leads to the same state.
pub fn messages(mut data: &[u8]) {
    static FURNISHED: LazyLock<Shop> = LazyLock::new(Shop::furnished);
    let mut shop = FURNISHED.clone();
    let mut journal: Vec<Entry> = Vec::new();
    for _ in 0..MESSAGES_MAX {
        let Some((&[method, high, low], rest)) = data.split_first_chunk() else { break };
        let length = usize::from(u16::from_be_bytes([high, low])).min(rest.len());
        let (body, rest) = rest.split_at(length);
        data = rest;
        match usize::from(method) {
            255 => shop.now_ms += HOUR_MS,
            number if number < COMMANDS.len() => {
                journal.extend(shop.command(&COMMANDS[number], body.to_vec()));
            }
            number => shop.query(number - COMMANDS.len(), body),
        }
    }
    let report = verify(&shop.state).expect("memory can be read");
    assert!(report.violations.is_empty(), "{:?}", report.violations);
    let mut again = FURNISHED.state.clone();
    for (now_ms, actor, events) in journal {
        apply(&mut again, &events, &Context { now_ms, actor }).expect("what happened happens again");
    }
    assert!(again == shop.state, "the journal leads elsewhere");
}

/// The first byte says how the stream is cut and whether it may be compressed. Cut in any way it gives the same messages, none
/// above the limit.
pub fn frames(data: &[u8]) {
    let Some((how, stream)) = data.split_first() else { return };
    let encoding = if how & 1 == 0 { Encoding::Identity } else { Encoding::Gzip };
    let whole = read(stream, stream.len().max(1), encoding);
    let pieces = read(stream, usize::from(how / 2) + 1, encoding);
    assert_eq!(whole, pieces);
}

fn read(stream: &[u8], size: usize, encoding: Encoding) -> (Vec<Bytes>, Option<Broken>) {
    let mut deframer = Deframer::new(encoding, LIMIT);
    let mut found = Vec::new();
    for chunk in stream.chunks(size) {
        deframer.push(Bytes::copy_from_slice(chunk));
        loop {
            match deframer.next() {
                Ok(Some(message)) => {
                    assert!(message.len() <= LIMIT);
                    found.push(message);
                }
                Ok(None) => break,
                Err(broken) => return (found, Some(broken)),
            }
        }
    }
    (found, deframer.end().err())
}
