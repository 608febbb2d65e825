//! The shop whose deadlines fall due, and what is asked of it.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use kasir_core::Command;
use kasir_core::command::{
    BankAccountInput, BookingInput, HoldInput, ItemInput, LineInput, LocationInput, MoneyInput, PriceInput,
    Source, StockLine, TaxClassInput,
};
use kasir_core::ids::{BankAccountId, HoldId, ItemId, LocationId, OrderId, TaxClassId};
use kasir_core::kv::{Key, u64_at};
use kasir_core::records::{Address, encode};
use kasir_core::refusal::Outcome;
use kasir_core::{Fault, Refusal, Reply, Table, View};
use kasir_store::{Answer, BatchSink, Clock, Passage, Request, Store, SystemClock};

const ITEMS: u64 = 10_000;
const STOCK: i64 = 1_000_000;
const CUSTOMERS: u64 = 10_000;
const LOCATION: LocationId = LocationId(1);
/// A factor that spreads consecutive numbers over all items.
const SPREAD: u64 = 7_919;
/// Lines of one receipt, and holds or items of one batch.
const MANY: usize = 1_000;
/// Bookings of one batch.
const BOOKINGS: u64 = 200;
/// What callers make has its deadline so far ahead, in milliseconds, that it never falls due here.
const FAR_MS: i64 = 30 * 24 * 3_600_000;

/// The machine's clock, set forward by hand: then it goes on.
#[derive(Default)]
pub(crate) struct SetClock(AtomicI64);

impl SetClock {
    /// Sets it forward, so that it says `now_ms` now.
    pub(crate) fn set(&self, now_ms: i64) {
        self.0.fetch_add(now_ms - self.now_ms(), Ordering::SeqCst);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
    }
}

pub(crate) struct Nobody;

impl BatchSink<()> for Nobody {
    fn complete(&self, _answers: Vec<((), Answer)>, _passage: Option<&Passage>) {}
    fn readable(&self, _revision: u64) {}
    fn stopped(&self, why: &Refusal) {
        eprintln!("{why:?}");
    }
}

/// As much work as the contract's encoding: the whole record.
#[allow(clippy::needless_pass_by_value, reason = "the form of an encoder")]
pub(crate) fn reply(_method: &'static str, reply: Reply, _view: &dyn View) -> Result<Vec<u8>, Fault> {
    match reply {
        Reply::Hold(hold) => encode(&hold),
        Reply::Order(order) => encode(&order),
        // A batch that fills the shop: nothing of it may be refused.
        Reply::Holds(each) => Ok(vec![u8::from(each.iter().all(Result::is_ok))]),
        Reply::Orders(each) => Ok(vec![u8::from(each.iter().all(Result::is_ok))]),
        _ => Ok(Vec::new()),
    }
}

/// What has the deadline.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Holds,
    Bookings,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Bookings => "bookings",
        }
    }
}

/// A store and the next request's number.
pub(crate) struct Shop {
    pub(crate) store: Store<()>,
    pub(crate) next: AtomicU64,
}

impl Shop {
    pub(crate) fn send(&self, command: Command) -> Answer {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.store.submit_blocking(Request::new(
            "/kasir.v1.Bench/Command",
            &number.to_be_bytes(),
            u128::from(number).to_be_bytes(),
            "bench",
            command,
        ))
    }

    /// Items, their stock, and where it lies and is paid.
    pub(crate) fn stock(&self) -> Result<(), Refusal> {
        self.send(Command::CreateLocation(LocationInput {
            code: "GUDANG".into(),
            name: "Gudang".into(),
            kind: 1,
        }))?;
        let ppn =
            TaxClassInput { code: "PPN".into(), name: "PPN 11%".into(), rate_basis_points: 1100, mode: 1 };
        self.send(Command::CreateTaxClass(ppn))?;
        self.send(Command::CreateBankAccount(BankAccountInput {
            bank: "BCA".into(),
            number: "1234567890".into(),
            holder: "Toko".into(),
            currency_code: "IDR".into(),
            unique_code_min: 1,
            unique_code_max: 99_999,
            ..BankAccountInput::default()
        }))?;
        let numbers: Vec<u64> = (1..=ITEMS).collect();
        for part in numbers.chunks(MANY) {
            self.send(Command::BatchCreateItems(part.iter().map(|number| item(*number)).collect()))?;
            let lines = part.iter().map(|number| StockLine { item_id: ItemId(*number), quantity: STOCK });
            let (lines, reference) = (lines.collect(), "awal".to_string());
            self.send(Command::ReceiveStock { location_id: LOCATION, lines, reference })?;
        }
        Ok(())
    }

    /// Makes `count` deadlines at `due_ms`, Unix milliseconds.
    pub(crate) fn fill(&self, kind: Kind, count: u64, due_ms: i64) -> Result<(), String> {
        let batch = if kind == Kind::Holds { MANY as u64 } else { BOOKINGS };
        let mut made = 0;
        while made < count {
            let numbers = made..count.min(made + batch);
            made = numbers.end;
            let command = match kind {
                Kind::Holds => Command::BatchCreateHolds(numbers.map(|n| hold(n, due_ms)).collect()),
                Kind::Bookings => Command::BatchCreateBookings(numbers.map(|n| booking(n, due_ms)).collect()),
            };
            match self.send(command) {
                Ok(reply) if reply == [1] => {}
                Ok(_) => return Err("a deadline could not be made".into()),
                Err(refusal) => return Err(refusal.message),
            }
        }
        Ok(())
    }

    /// The last order that was made; 0 without any.
    pub(crate) fn last_order(&self) -> Outcome<OrderId> {
        let key = Key::new().u8(OrderId::COUNTER);
        self.store.read(|view| match view.get(Table::Counters, key.as_slice())? {
            Some(last) => Ok(OrderId(u64_at(&last, 0)?)),
            None => Ok(OrderId(0)),
        })
    }

    /// What a caller asks for: holds and bookings in turn, none of which falls due here.
    pub(crate) fn call(&self, number: u64, now_ms: i64) -> Answer {
        let far_ms = now_ms + FAR_MS;
        self.send(if number.is_multiple_of(2) {
            Command::CreateHold(hold(number, far_ms))
        } else {
            Command::CreateBooking(booking(number, far_ms))
        })
    }
}

fn rupiah(major: u64) -> MoneyInput {
    let minor_units = i64::try_from(major * 100).expect("prices here are small");
    MoneyInput { currency_code: "IDR".into(), minor_units }
}

fn item(number: u64) -> ItemInput {
    let amount = Some(rupiah(15_000 + number * SPREAD % 1_485_000));
    ItemInput {
        sku: format!("SKU-{number}"),
        name: format!("Barang nomor {number}"),
        category: format!("Kategori {}", number % 50),
        prices: vec![PriceInput { price_list: "retail".into(), min_quantity: 1, amount }],
        tax_class_id: TaxClassId(1),
        ..ItemInput::default()
    }
}

fn some_item(number: u64) -> ItemId {
    ItemId(number * SPREAD % ITEMS + 1)
}

fn hold(number: u64, expire_ms: i64) -> HoldInput {
    HoldInput {
        item_id: some_item(number),
        location_id: LOCATION,
        quantity: 1,
        owner: format!("cart-{number}"),
        expire_ms: Some(expire_ms),
        replaced_hold_id: HoldId(0),
    }
}

/// Two lines for a customer with an address, to be sent, and paid to the account by a unique amount.
fn booking(number: u64, expire_ms: i64) -> BookingInput {
    let line = |item_id, quantity| LineInput {
        source: Source::Location(LOCATION),
        item_id,
        quantity,
        discount: None,
        charge: None,
    };
    let customer = number % CUSTOMERS;
    let phone = format!("0812{customer:08}");
    BookingInput {
        customer_name: format!("Siti Rahmawati {customer}"),
        customer_phone: phone.clone(),
        address: Some(Address {
            recipient: format!("Siti Rahmawati {customer}"),
            phone,
            street: format!("Jl. Merdeka No. {customer}, RT 03/RW 07"),
            district: "Coblong".into(),
            city: "Bandung".into(),
            province: "Jawa Barat".into(),
            postal_code: "40132".into(),
            ..Address::default()
        }),
        lines: vec![
            line(some_item(number), 1),
            line(some_item(number * 31 + ITEMS / 2 + 1), 1 + i64::from(number.is_multiple_of(3))),
        ],
        channel: 1,
        shipping: Some(rupiah(9_000 + number % 50 * 1_000)),
        bank_account_id: BankAccountId(1),
        expire_ms: Some(expire_ms),
        ..BookingInput::default()
    }
}
