//! The shop's people and what they ask for: few items, little stock, so that they get in each other's way.

use fastrand::Rng;
use kasir_core::command::{
    BankAccountInput, BookingInput, HoldInput, ItemInput, LineInput, LocationInput, MoneyInput, PriceInput,
    SettingsInput, Source, StockLine, TenderInput, TillSaleInput,
};
use kasir_core::ids::{
    BankAccountId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, OrderId, ShiftId, TaxClassId, TillId,
};
use kasir_core::{Command, Fault, Reply, View};

/// Where goods lie: a warehouse, a CS desk, a shop.
const WAREHOUSE: LocationId = LocationId(1);
const DESK: LocationId = LocationId(2);
pub(crate) const STORE: LocationId = LocationId(3);
const PLACES: [LocationId; 2] = [WAREHOUSE, STORE];
pub(crate) const LOCATIONS: u64 = 3;
pub(crate) const ITEMS: u64 = 3;
/// What every customer is called.
pub(crate) const NAME: &str = "Pelanggan";
const MINUTE_MS: i64 = 60_000;

/// Of what an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Hold = 1,
    Order = 2,
    DropOrder = 3,
}

/// What an answer says of something: of an order what is due and its version, of a claim the item and how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Said {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) what: i64,
    pub(crate) of_it: i64,
}

impl Said {
    /// What these bytes say, if it is of something that the board knows.
    pub(crate) fn of(reply: &[u8]) -> Option<Self> {
        let number = |at: usize| reply.get(at..)?.first_chunk().copied().map(i64::from_le_bytes);
        let mut kinds = [Kind::Hold, Kind::Order, Kind::DropOrder].into_iter();
        let kind = kinds.find(|kind| reply.first() == Some(&(*kind as u8)))?;
        Some(Self { kind, id: number(1)?.cast_unsigned(), what: number(9)?, of_it: number(17)? })
    }
}

/// What people know from what they were answered. It may be old.
#[derive(Debug, Default)]
pub(crate) struct Board {
    holds: Vec<Said>,
    orders: Vec<Said>,
    drop_orders: Vec<Said>,
}

/// What opens the shop, in this order.
pub(crate) fn opening() -> Vec<Command> {
    let settings = SettingsInput {
        shop_name: "Toko".into(),
        currency_code: "IDR".into(),
        utc_offset_ms: 7 * 60 * MINUTE_MS,
        booking_duration_ms: 30 * MINUTE_MS,
        hold_duration_ms: 10 * MINUTE_MS,
        payable_cooldown_ms: 60 * MINUTE_MS,
        reminder_before_ms: 5 * MINUTE_MS,
        ..SettingsInput::default()
    };
    let mut all = vec![Command::UpdateSettings(settings)];
    for (code, kind) in [("GUDANG", 1), ("MEJA-CS", 2), ("TOKO", 3)] {
        all.push(Command::CreateLocation(LocationInput { code: code.into(), name: code.into(), kind }));
    }
    for number in 1..=ITEMS {
        all.push(Command::CreateItem(item(number)));
    }
    all.push(Command::CreateBankAccount(BankAccountInput {
        bank: "BCA".into(),
        number: "0111222333".into(),
        holder: "Toko".into(),
        currency_code: "IDR".into(),
        unique_code_min: 1,
        unique_code_max: 30,
        unique_code_subtracts: false,
    }));
    all.push(Command::CreateTill { code: "KASIR-1".into(), location_id: STORE });
    all.push(Command::OpenShift { till_id: TillId(1), opening_cash: rupiah(0) });
    for location_id in PLACES {
        let lines = (1..=ITEMS).map(|item| StockLine { item_id: ItemId(item), quantity: 3 }).collect();
        all.push(Command::ReceiveStock { location_id, lines, reference: "SJ-1".into() });
    }
    all
}

fn item(number: u64) -> ItemInput {
    let amount = rupiah(i64::try_from(number).unwrap_or(0) * 1_000_000);
    ItemInput {
        sku: format!("A{number}"),
        name: format!("Kopi {number}"),
        category: "kopi".into(),
        barcodes: vec![format!("BC-A{number}")],
        prices: vec![PriceInput { price_list: "retail".into(), min_quantity: 1, amount }],
        tax_class_id: TaxClassId(0),
        weight_grams: 250,
        ..ItemInput::default()
    }
}

#[allow(clippy::unnecessary_wraps, reason = "commands take amounts that may be unset")]
fn rupiah(minor_units: i64) -> Option<MoneyInput> {
    Some(MoneyInput { currency_code: "IDR".into(), minor_units })
}

/// What somebody wants next.
pub(crate) fn next(dice: &mut Rng, board: &Board, now_ms: i64) -> Command {
    let item_id = ItemId(dice.u64(1..=ITEMS));
    let location_id = PLACES[dice.usize(0..PLACES.len())];
    match dice.u8(0..43) {
        0..2 => {
            let lines = vec![StockLine { item_id, quantity: dice.i64(1..=3) }];
            Command::ReceiveStock { location_id, lines, reference: String::new() }
        }
        2 => {
            let lines = vec![StockLine { item_id, quantity: [-2, -1, 1][dice.usize(0..3)] }];
            Command::AdjustStock { location_id, lines, reason: "hitung".into() }
        }
        3..5 => Command::TransferStock {
            from_location_id: WAREHOUSE,
            to_location_id: PLACES[1],
            lines: vec![StockLine { item_id, quantity: dice.i64(1..=2) }],
        },
        5..12 => Command::CreateHold(hold(dice, board, now_ms)),
        12 => {
            let count = dice.usize(1..4);
            Command::BatchCreateHolds((0..count).map(|_| hold(dice, board, now_ms)).collect())
        }
        13..16 => Command::ReleaseHold { hold_id: HoldId(known(dice, &board.holds).id) },
        16..25 => Command::CreateBooking(booking(dice, board, now_ms)),
        25..31 => {
            let order = known(dice, &board.orders);
            let part = dice.u8(0..4) == 0;
            let amount = if part { order.what / 3 } else { order.what };
            let (method, reference) = ("tunai".into(), String::new());
            Command::RecordPayment { order_id: OrderId(order.id), amount: rupiah(amount), method, reference }
        }
        31..33 => {
            let orders = (0..dice.usize(1..3)).map(|_| OrderId(known(dice, &board.orders).id)).collect();
            Command::CreateSales { order_ids: orders, all_paid: false, shift_id: ShiftId(0) }
        }
        33 => {
            let order = known(dice, &board.orders);
            order_command(dice, order, now_ms)
        }
        34..36 => till_sale(dice, board),
        // Customers whom nobody changes stay as they were made; some ask too late, or too early.
        36..39 => Command::EraseCustomer {
            customer_id: CustomerId(dice.u64(1..=5)),
            version: if dice.u8(0..8) == 0 { 2 } else { 1 },
        },
        _ => drop_command(dice, board, item_id, now_ms),
    }
}

fn order_command(dice: &mut Rng, order: Said, now_ms: i64) -> Command {
    let order_id = OrderId(order.id);
    match dice.u8(0..4) {
        0 => Command::RefundOrder { order_id, reference: "RF".into() },
        1 => {
            Command::ExtendBooking { order_id, version: order.of_it, expire_ms: Some(deadline(dice, now_ms)) }
        }
        _ => Command::CancelBooking { order_id, reason: "batal".into() },
    }
}

fn drop_command(dice: &mut Rng, board: &Board, item_id: ItemId, now_ms: i64) -> Command {
    let drop = known(dice, &board.drop_orders);
    let (drop_order_id, barcode) = (DropOrderId(drop.id), format!("BC-A{}", drop.what));
    match dice.u8(0..6) {
        0..2 => Command::RequestDropOrder {
            item_id,
            quantity: dice.i64(1..=2),
            from_location_id: WAREHOUSE,
            to_location_id: DESK,
            note: String::new(),
            expire_ms: dice.bool().then(|| deadline(dice, now_ms)),
        },
        2..4 => Command::HandOverDropOrder { drop_order_id, barcode },
        4 => Command::ReturnDropOrder { drop_order_id, barcode },
        _ => Command::CancelDropOrder { drop_order_id },
    }
}

/// Somebody buys at the till: of what is free, and of what holds keep.
fn till_sale(dice: &mut Rng, board: &Board) -> Command {
    let lines = (0..dice.usize(1..3)).map(|_| LineInput {
        item_id: ItemId(dice.u64(1..=ITEMS)),
        quantity: dice.i64(1..=2),
        ..LineInput::default()
    });
    let lines = lines.collect();
    let hold_ids = (0..dice.usize(0..4)).map(|_| HoldId(known(dice, &board.holds).id)).collect();
    let sale = TillSaleInput { shift_id: ShiftId(1), lines, hold_ids, ..TillSaleInput::default() };
    let cash = TenderInput { kind: 1, amount: rupiah(20_000_000), reference: String::new() };
    Command::CreateTillSale { sale, tenders: vec![cash] }
}

/// Something that is known; late things sooner than early ones.
fn known(dice: &mut Rng, seen: &[Said]) -> Said {
    let back = dice.usize(0..6).min(dice.usize(0..=seen.len()));
    let found = seen.len().checked_sub(back + 1).and_then(|at| seen.get(at));
    found.copied().unwrap_or(Said { kind: Kind::Hold, id: 1, what: 1, of_it: 1 })
}

fn deadline(dice: &mut Rng, now_ms: i64) -> i64 {
    now_ms + dice.i64(1..20 * MINUTE_MS)
}

fn hold(dice: &mut Rng, board: &Board, now_ms: i64) -> HoldInput {
    let replaces = dice.u8(0..6) == 0;
    HoldInput {
        item_id: ItemId(dice.u64(1..=ITEMS)),
        location_id: PLACES[dice.usize(0..PLACES.len())],
        quantity: dice.i64(1..=2),
        owner: "keranjang".into(),
        expire_ms: dice.bool().then(|| deadline(dice, now_ms)),
        replaced_hold_id: HoldId(if replaces { known(dice, &board.holds).id } else { 0 }),
    }
}

fn booking(dice: &mut Rng, board: &Board, now_ms: i64) -> BookingInput {
    let count = if dice.u8(0..4) == 0 { 2 } else { 1 };
    let lines = (0..count).map(|_| line(dice, board)).collect();
    BookingInput {
        customer_name: NAME.into(),
        customer_phone: format!("0812345678{}", dice.u8(0..4)),
        lines,
        channel: 1,
        bank_account_id: BankAccountId(u64::from(dice.bool())),
        expire_ms: dice.bool().then(|| deadline(dice, now_ms)),
        ..BookingInput::default()
    }
}

fn line(dice: &mut Rng, board: &Board) -> LineInput {
    let (item_id, quantity) = (ItemId(dice.u64(1..=ITEMS)), dice.i64(1..=2));
    let line =
        |source, item_id, quantity| LineInput { source, item_id, quantity, discount: None, charge: None };
    match dice.u8(0..8) {
        0 => {
            let hold = known(dice, &board.holds);
            line(Source::Hold(HoldId(hold.id)), ItemId(hold.what.unsigned_abs()), hold.of_it)
        }
        1..3 => {
            let drop = known(dice, &board.drop_orders);
            line(Source::DropOrder(DropOrderId(drop.id)), ItemId(drop.what.unsigned_abs()), drop.of_it)
        }
        _ => line(Source::Location(PLACES[dice.usize(0..PLACES.len())]), item_id, quantity),
    }
}

/// A reply in bytes: what the board shows of it, and a hash of all.
#[allow(clippy::unnecessary_wraps, reason = "an encoder may fail")]
#[allow(clippy::needless_pass_by_value, reason = "the form of an encoder")]
pub(crate) fn encode(method: &'static str, reply: Reply, _view: &dyn View) -> Result<Vec<u8>, Fault> {
    let (kind, id, second, third) = match &reply {
        Reply::Hold(hold) => (Kind::Hold as u8, hold.hold_id.0, hold.item_id.0.cast_signed(), hold.quantity),
        Reply::Order(order) => (Kind::Order as u8, order.order_id.0, order.due_minor(), order.version),
        Reply::DropOrder(drop) => {
            (Kind::DropOrder as u8, drop.drop_order_id.0, drop.item_id.0.cast_signed(), drop.quantity)
        }
        _ => (0, 0, 0, 0),
    };
    let hash = blake3::hash(format!("{method} {reply:?}").as_bytes());
    Ok([&[kind][..], &id.to_le_bytes(), &second.to_le_bytes(), &third.to_le_bytes(), hash.as_bytes()]
        .concat())
}

impl Board {
    /// Somebody was told this.
    pub(crate) fn learn(&mut self, reply: &[u8]) {
        let Some(said) = Said::of(reply) else { return };
        let list = match said.kind {
            Kind::Hold => &mut self.holds,
            Kind::Order => &mut self.orders,
            Kind::DropOrder => &mut self.drop_orders,
        };
        list.retain(|known| known.id != said.id);
        list.push(said);
    }
}
