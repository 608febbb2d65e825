//! A small shop for tests: commands run as the sequencer runs them, and a day in which everything happens once.

#![allow(dead_code, reason = "each test program uses its own part of the shop")]
#![allow(clippy::unwrap_used, reason = "in a test the failure is the message")]
#![allow(clippy::unnecessary_wraps, reason = "commands take amounts that may be unset")]

use kasir_core::command::{
    AllocationInput, BankAccountInput, BookingInput, ColumnMappingInput, CustomerInput, HoldInput, ItemInput,
    LineInput, LocationInput, MoneyInput, MutationInput, PriceInput, PrintReportInput, RefundInput,
    RefundLineInput, SettingsInput, Source, StockLine, TaxClassInput, TenderInput, TillSaleInput,
};
use kasir_core::ids::{
    BankAccountId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, MessageId, MutationId,
    OrderId, ParcelId, PrintJobId, ShiftId, TaxClassId, TillId,
};
use kasir_core::records::{Address, HOUR_MS, Mutation, Order};
use kasir_core::{Command, Context, Memory, Refusal, Reply, Stop, execute, expire_due, expire_named};

pub(crate) const WAREHOUSE: LocationId = LocationId(1);
pub(crate) const DESK: LocationId = LocationId(2);
pub(crate) const STORE: LocationId = LocationId(3);
pub(crate) const COFFEE: ItemId = ItemId(1);
pub(crate) const TEA: ItemId = ItemId(2);
pub(crate) const CUP: ItemId = ItemId(3);
pub(crate) const COFFEE_EAN: &str = "8991102000017";
pub(crate) const ACCOUNT: BankAccountId = BankAccountId(1);
pub(crate) const CONNECTED: CourierId = CourierId(1);
pub(crate) const BY_HAND: CourierId = CourierId(2);
pub(crate) const CUSTOMER: CustomerId = CustomerId(1);
/// Monday 23 November 2026, 09:00 in Jakarta.
pub(crate) const MORNING_MS: i64 = 1_795_399_200_000;
const BATCH: usize = 1_000;

/// A state in memory and a clock that only tests move.
#[derive(Clone)]
pub(crate) struct Shop {
    pub(crate) state: Memory,
    pub(crate) now_ms: i64,
}

pub(crate) fn rupiah(major: i64) -> Option<MoneyInput> {
    Some(MoneyInput { currency_code: "IDR".into(), minor_units: major * 100 })
}

pub(crate) fn minor(minor_units: i64) -> Option<MoneyInput> {
    Some(MoneyInput { currency_code: "IDR".into(), minor_units })
}

pub(crate) fn item(sku: &str, name: &str, category: &str, barcodes: &[&str], price: i64) -> ItemInput {
    ItemInput {
        sku: sku.into(),
        name: name.into(),
        category: category.into(),
        barcodes: barcodes.iter().map(ToString::to_string).collect(),
        prices: vec![PriceInput { price_list: "retail".into(), min_quantity: 1, amount: rupiah(price) }],
        weight_grams: 250,
        ..ItemInput::default()
    }
}

pub(crate) fn line(source: Source, item_id: ItemId, quantity: i64) -> LineInput {
    LineInput { source, item_id, quantity, discount: None, charge: None }
}

pub(crate) fn address() -> Address {
    Address {
        recipient: "Siti".into(),
        phone: "0812000111".into(),
        street: "Jl. Melati 1".into(),
        city: "Bandung".into(),
        country_code: "ID".into(),
        ..Address::default()
    }
}

/// A booking of one line for the first customer, to be sent and paid to the account.
pub(crate) fn booking(line: LineInput, courier_id: CourierId) -> BookingInput {
    BookingInput {
        customer_id: CUSTOMER,
        address: Some(address()),
        lines: vec![line],
        channel: 1,
        shipping: rupiah(9_000),
        courier_id,
        bank_account_id: ACCOUNT,
        ..BookingInput::default()
    }
}

impl Shop {
    /// An open shop with stock, a bank account, couriers, a till and a customer.
    pub(crate) fn open() -> Self {
        let mut shop = Self { state: Memory::default(), now_ms: MORNING_MS };
        shop.run(Command::UpdateSettings(SettingsInput {
            shop_name: "Toko".into(),
            currency_code: "IDR".into(),
            utc_offset_ms: 7 * HOUR_MS,
            booking_duration_ms: 3 * HOUR_MS,
            hold_duration_ms: HOUR_MS,
            payable_cooldown_ms: 24 * HOUR_MS,
            reminder_before_ms: HOUR_MS,
            points_per_minor: 100_000,
            point_value_minor: 10_000,
            ..SettingsInput::default()
        }));
        for (code, mode) in [("PPN11", 1), ("PB1", 2)] {
            let (code, name) = (code.into(), "Pajak".into());
            shop.run(Command::CreateTaxClass(TaxClassInput { code, name, rate_basis_points: 1_100, mode }));
        }
        for (code, kind) in [("GUDANG", 1), ("MEJA-CS", 2), ("TOKO", 3)] {
            shop.run(Command::CreateLocation(LocationInput { code: code.into(), name: code.into(), kind }));
        }
        let tax = |item: ItemInput, class| ItemInput { tax_class_id: TaxClassId(class), ..item };
        let items = [
            tax(item("KOPI-200", "Kopi Gayo 200g", "kopi", &[COFFEE_EAN, "036000291452"], 54_000), 1),
            tax(item("TEH-100", "Teh Melati", "minuman", &["TEH-MELATI"], 20_000), 2),
            item("CANGKIR", "Cangkir Kopi", "kopi", &[], 35_000),
        ];
        for item in items {
            shop.run(Command::CreateItem(item));
        }
        let lines: Vec<StockLine> =
            [COFFEE, TEA, CUP].iter().map(|item_id| StockLine { item_id: *item_id, quantity: 100 }).collect();
        shop.run(Command::ReceiveStock { location_id: WAREHOUSE, lines, reference: "SJ-1".into() });
        let lines =
            vec![StockLine { item_id: COFFEE, quantity: 20 }, StockLine { item_id: TEA, quantity: 20 }];
        shop.run(Command::TransferStock { from_location_id: WAREHOUSE, to_location_id: STORE, lines });
        shop.run(Command::CreateBankAccount(BankAccountInput {
            bank: "BCA".into(),
            number: "1234567890".into(),
            holder: "Toko".into(),
            currency_code: "IDR".into(),
            ..BankAccountInput::default()
        }));
        shop.run(Command::SaveColumnMapping(ColumnMappingInput {
            bank_account_id: ACCOUNT,
            name: "jago".into(),
            mapping: "columns = { date = 1, amount = 2 }".into(),
        }));
        for (code, connected) in [("JNE", true), ("POS", false)] {
            shop.run(Command::CreateCourier { code: code.into(), name: code.into(), connected });
        }
        shop.run(Command::CreateTill { code: "KASIR-1".into(), location_id: STORE });
        shop.run(Command::CreateCustomer(CustomerInput {
            name: "Siti".into(),
            phone: "0812-000-111".into(),
            ..CustomerInput::default()
        }));
        shop
    }

    pub(crate) fn context(&self) -> Context<'static> {
        Context { now_ms: self.now_ms, actor: "ani" }
    }

    /// Lets time pass; what falls due ends with the next command, or now.
    pub(crate) fn wait(&mut self, ms: i64) {
        self.now_ms += ms;
        self.fall_due();
    }

    fn fall_due(&mut self) {
        let clock = Context { now_ms: self.now_ms, actor: kasir_core::CLOCK_ACTOR };
        while !expire_due(&mut self.state, &clock, BATCH).unwrap().is_empty() {}
    }

    /// Runs a command as the sequencer does.
    pub(crate) fn ask(&mut self, command: &Command) -> Result<Reply, Refusal> {
        let clock = Context { now_ms: self.now_ms, actor: kasir_core::CLOCK_ACTOR };
        self.fall_due();
        expire_named(&mut self.state, command, &clock).unwrap();
        let context = self.context();
        match execute(&mut self.state, command, &context) {
            Ok(executed) => Ok(executed.reply),
            Err(Stop::Refused(refusal)) => Err(refusal),
            Err(Stop::Fault(fault)) => panic!("{fault} at {command:?}"),
        }
    }

    /// Proposes as a matcher that reads the whole account.
    pub(crate) fn propose(&mut self) -> kasir_core::reply::Proposed {
        let mut desk = kasir_core::matching::Desk::open(&self.state, ACCOUNT, 1).unwrap();
        let command = desk.propose(&self.state).unwrap();
        match self.run(command) {
            Reply::Proposed(proposed) => proposed,
            other => panic!("{other:?}"),
        }
    }

    /// Runs a command that must not be refused.
    #[allow(clippy::needless_pass_by_value, reason = "commands are written where they are run")]
    pub(crate) fn run(&mut self, command: Command) -> Reply {
        self.ask(&command).unwrap_or_else(|refusal| panic!("{} at {command:?}", refusal.message))
    }

    pub(crate) fn book(&mut self, input: BookingInput) -> Order {
        match self.run(Command::CreateBooking(input)) {
            Reply::Order(order) => order,
            other => panic!("{other:?}"),
        }
    }

    /// Books so many of an item from the warehouse.
    pub(crate) fn book_item(&mut self, item_id: ItemId, quantity: i64) -> Order {
        self.book(booking(line(Source::Location(WAREHOUSE), item_id, quantity), BY_HAND))
    }

    pub(crate) fn hold(&mut self, item_id: ItemId, quantity: i64) -> HoldId {
        let hold = HoldInput {
            item_id,
            location_id: WAREHOUSE,
            quantity,
            owner: "cart".into(),
            ..HoldInput::default()
        };
        match self.run(Command::CreateHold(hold)) {
            Reply::Hold(hold) => hold.hold_id,
            other => panic!("{other:?}"),
        }
    }

    /// A Drop Order of coffee, asked for.
    pub(crate) fn request_drop(&mut self) -> DropOrderId {
        let asked = self.run(Command::RequestDropOrder {
            item_id: COFFEE,
            quantity: 2,
            from_location_id: WAREHOUSE,
            to_location_id: DESK,
            note: String::new(),
            expire_ms: Some(self.now_ms + 48 * HOUR_MS),
        });
        match asked {
            Reply::DropOrder(drop_order) => drop_order.drop_order_id,
            other => panic!("{other:?}"),
        }
    }

    /// A Drop Order of coffee on the desk.
    pub(crate) fn hand_over_drop(&mut self) -> DropOrderId {
        let drop_order_id = self.request_drop();
        self.run(Command::HandOverDropOrder { drop_order_id, barcode: COFFEE_EAN.into() });
        drop_order_id
    }

    /// A booking of a Drop Order's coffee.
    pub(crate) fn book_drop(&mut self, drop_order_id: DropOrderId, courier_id: CourierId) -> Order {
        self.book(booking(line(Source::DropOrder(drop_order_id), COFFEE, 2), courier_id))
    }

    /// Money into the account, as a statement's row; gives the mutation.
    pub(crate) fn money_in(&mut self, amount_minor: i64, text: &str, pending: bool) -> MutationId {
        let row = MutationInput {
            date: "2026-11-23".into(),
            amount: minor(amount_minor),
            description: text.into(),
            pending,
            ..MutationInput::default()
        };
        let import = Command::ImportMutations {
            bank_account_id: ACCOUNT,
            file_hash: String::new(),
            file_ends: false,
            mutations: vec![row],
        };
        match self.run(import) {
            Reply::Imported(imported) => *imported.mutation_ids.first().expect("the row is new"),
            other => panic!("{other:?}"),
        }
    }

    /// Pays an order by a mutation matched by hand; what is too much becomes credit.
    pub(crate) fn pay(&mut self, order: &Order, amount_minor: i64, too_much_minor: i64) -> Mutation {
        let text = format!("TRSF E-BANKING CR {} {} BUDI SANTOSO", order.order_id, self.now_ms);
        let mutation_id = self.money_in(amount_minor + too_much_minor, &text, false);
        let allocations =
            vec![AllocationInput { order_id: order.order_id, amount: minor(amount_minor), write_off: None }];
        match self.run(Command::MatchMutation {
            mutation_id,
            allocations,
            credit_remainder: too_much_minor > 0,
            credit_customer_id: CustomerId(0),
        }) {
            Reply::Matched { mutation, .. } => mutation,
            other => panic!("{other:?}"),
        }
    }

    /// Sells paid orders into a shift (0 is none); gives the parcels.
    pub(crate) fn sell(&mut self, orders: &[OrderId], shift_id: ShiftId) -> Vec<ParcelId> {
        match self.run(Command::CreateSales { order_ids: orders.to_vec(), all_paid: false, shift_id }) {
            Reply::Sales { results, .. } => results.into_iter().map(|sold| sold.result.unwrap().1).collect(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn open_shift(&mut self) -> ShiftId {
        match self.run(Command::OpenShift { till_id: TillId(1), opening_cash: rupiah(200_000) }) {
            Reply::Shift(shift) => shift.shift_id,
            other => panic!("{other:?}"),
        }
    }

    /// Sells so many teas over the counter to the customer.
    pub(crate) fn sell_tea(&mut self, shift_id: ShiftId, quantity: i64, tenders: Vec<TenderInput>) -> Reply {
        let lines = vec![LineInput { discount: rupiah(1_000), ..line(Source::Missing, TEA, quantity) }];
        let receipt = format!("KASIR-1-{quantity}");
        let sale =
            TillSaleInput { shift_id, lines, customer_id: CUSTOMER, receipt, ..TillSaleInput::default() };
        self.run(Command::CreateTillSale { sale, tenders })
    }

    /// Gives (line, quantity, damaged) of what was sold back by a kind of tender.
    pub(crate) fn refund(
        &mut self,
        shift_id: ShiftId,
        sold: &Reply,
        lines: &[(i32, i64, bool)],
        kind: i32,
    ) -> Reply {
        let lines =
            lines.iter().map(|&(line, quantity, damaged)| RefundLineInput { line, quantity, damaged });
        let Reply::Sale(sale) = sold else { panic!("{sold:?}") };
        self.run(Command::RefundSale(RefundInput {
            shift_id,
            sale_id: sale.sale_id,
            lines: lines.collect(),
            kind,
            reason: "rusak".into(),
            approved_by: "Budi".into(),
            ..RefundInput::default()
        }))
    }

    pub(crate) fn report_print(&mut self, print_job_id: PrintJobId, state: i32) {
        let report = PrintReportInput { print_job_id, state, detail: "printer 1".into() };
        self.run(Command::ReportPrintJob(report));
    }

    /// Queues the label of a parcel.
    pub(crate) fn queue_label(&mut self, parcel_id: ParcelId) -> PrintJobId {
        let asked = Command::PrintLabels {
            parcel_ids: vec![parcel_id],
            all_unprinted: false,
            reprint_reason: String::new(),
        };
        match self.run(asked) {
            Reply::Labels(labels) => labels.print_job_ids[0],
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn tender(kind: i32, major: i64) -> TenderInput {
    TenderInput { kind, amount: rupiah(major), reference: "APPR-1".into() }
}

/// A shop after a day in which every state of everything was reached, and is still there.
pub(crate) fn busy_day() -> Shop {
    let mut shop = Shop::open();
    drop_orders_and_holds(&mut shop);
    chat_sales(&mut shop);
    bank(&mut shop);
    till(&mut shop);
    erasure(&mut shop);
    shop
}

fn erasure(shop: &mut Shop) {
    let input =
        CustomerInput { name: "Citra".into(), phone: "081299990000".into(), ..CustomerInput::default() };
    let Reply::Customer(citra) = shop.run(Command::CreateCustomer(input)) else { panic!("a customer") };
    shop.run(Command::EraseCustomer { customer_id: citra.customer_id, version: citra.version });
}

fn drop_orders_and_holds(shop: &mut Shop) {
    shop.hold(CUP, 1);
    shop.wait(2 * HOUR_MS);
    let used = shop.hold(CUP, 2);
    shop.book(booking(line(Source::Hold(used), CUP, 2), BY_HAND));
    let released = shop.hold(CUP, 3);
    shop.run(Command::ReleaseHold { hold_id: released });
    shop.request_drop();
    shop.hand_over_drop();
    let drop_order_id = shop.request_drop();
    shop.run(Command::RejectDropOrder { drop_order_id, reason: "broken".into() });
    let drop_order_id = shop.request_drop();
    shop.run(Command::CancelDropOrder { drop_order_id });
    let drop_order_id = shop.hand_over_drop();
    shop.run(Command::ReleaseDropOrder { drop_order_id });
    let drop_order_id = shop.hand_over_drop();
    shop.run(Command::ReturnDropOrder { drop_order_id, barcode: COFFEE_EAN.into() });
    let lines = vec![StockLine { item_id: TEA, quantity: -3 }];
    shop.run(Command::AdjustStock { location_id: WAREHOUSE, lines, reason: "counted".into() });
}

/// Orders in every state; the last ones stay open.
fn chat_sales(shop: &mut Shop) {
    let expired = shop.hand_over_drop();
    shop.book_drop(expired, CONNECTED);
    let late = shop.book_item(CUP, 1);
    let part = shop.book_item(CUP, 1);
    shop.pay(&part, 1_000, 0);
    let rebooked = shop.book_item(CUP, 3);
    shop.wait(4 * HOUR_MS);
    shop.pay(&late, late.payable_minor - 5, 0);
    shop.run(Command::RefundOrder { order_id: late.order_id, reference: "RF-1".into() });
    shop.pay(&rebooked, rebooked.payable_minor, 0);
    let order = shop.book_item(TEA, 1);
    shop.run(Command::CancelBooking { order_id: order.order_id, reason: "changed her mind".into() });

    // A sold one in every stage of its parcel.
    let mut parcels = Vec::new();
    for courier_id in [CONNECTED, CONNECTED, CONNECTED, BY_HAND, BY_HAND, BY_HAND, BY_HAND] {
        let drop_order_id = shop.hand_over_drop();
        let order = shop.book_drop(drop_order_id, courier_id);
        shop.pay(&order, order.payable_minor, 0);
        parcels.extend(shop.sell(&[order.order_id], ShiftId(0)));
    }
    for (parcel_id, state) in [(parcels[0], 4), (parcels[1], 5)] {
        let (airway_bill, detail) = (String::new(), "down".to_string());
        shop.run(Command::ReportAirwayBill { parcel_id, state, airway_bill, detail });
    }
    let failed = shop.queue_label(parcels[3]);
    shop.report_print(failed, 4);
    let lost = shop.queue_label(parcels[4]);
    shop.report_print(lost, 5);
    for (parcel_id, airway_bill) in [(parcels[5], "POS-5"), (parcels[6], "POS-6")] {
        let job = shop.queue_label(parcel_id);
        shop.report_print(job, 2);
        shop.report_print(job, 3);
        let airway_bill = airway_bill.to_string();
        shop.run(Command::AssignAirwayBill {
            parcel_id,
            airway_bill: airway_bill.clone(),
            courier_id: CourierId(0),
        });
        shop.run(Command::HandOverParcel { airway_bill, courier_id: CourierId(0) });
    }
    shop.run(Command::CreateManifest { parcel_ids: vec![parcels[5], parcels[6]] });
    shop.run(Command::DeliverParcel { parcel_id: parcels[6] });
    for (message, state) in [(1, 2), (2, 3), (3, 4)] {
        let message_id = MessageId(message);
        shop.run(Command::ReportMessage { message_id, state, detail: "gateway".into() });
    }
}

fn bank(shop: &mut Shop) {
    shop.money_in(12_345, "SOMEBODY", false);
    shop.money_in(12_346, "NOT YET", true);
    let posted_later = shop.money_in(500, "WAS PENDING", true);
    let row = MutationInput {
        date: "2026-11-24".into(),
        amount: minor(500),
        balance: minor(9_999),
        description: "WAS PENDING".into(),
        ..MutationInput::default()
    };
    let mutations = vec![row];
    shop.run(Command::ImportMutations {
        bank_account_id: ACCOUNT,
        file_hash: "aa".into(),
        file_ends: true,
        mutations,
    });
    let reason = "interest".to_string();
    shop.run(Command::IgnoreMutation { mutation_id: posted_later, reason });
    let mutation_id = shop.money_in(777, "PENDING, OF NO USE", true);
    shop.run(Command::IgnoreMutation { mutation_id, reason: "a test of the bank".into() });
    shop.hold(CUP, 4);
    let order = shop.book_item(TEA, 2);
    shop.money_in(order.payable_minor, "EXACT", false);
    shop.propose();
    let part = shop.book_item(TEA, 1);
    shop.pay(&part, 100, 0);
    let paid = shop.book_item(TEA, 3);
    shop.run(Command::RecordPayment {
        order_id: paid.order_id,
        amount: minor(700),
        method: "marketplace".into(),
        reference: "MP-1".into(),
    });
    let rest = paid.payable_minor - 700;
    shop.pay(&paid, rest, 250_000);
    let mutation_id = shop.money_in(300, "PAID TWICE", false);
    shop.run(Command::MatchMutation {
        mutation_id,
        allocations: vec![],
        credit_remainder: true,
        credit_customer_id: CUSTOMER,
    });
    let undone = shop.book_item(TEA, 1);
    let mutation = shop.pay(&undone, undone.payable_minor, 0);
    shop.run(Command::UndoMatch { mutation_id: mutation.mutation_id });
    let from_drop = shop.hand_over_drop();
    shop.book_drop(from_drop, CONNECTED);
}

fn till(shop: &mut Shop) {
    let shift_id = shop.open_shift();
    let sold = shop.sell_tea(shift_id, 3, vec![tender(2, 10_000), tender(1, 60_000)]);
    shop.refund(shift_id, &sold, &[(0, 1, false), (0, 1, true)], 1);
    let order = shop.book_item(CUP, 1);
    shop.pay(&order, order.payable_minor, 0);
    shop.sell(&[order.order_id], shift_id);
    shop.run(Command::RecordCashMovement { shift_id, amount: rupiah(-50_000), reason: "bank".into() });
    shop.run(Command::CloseShift { shift_id, counted_cash: rupiah(150_000) });
    let shift_id = shop.open_shift();
    let sold = shop.sell_tea(shift_id, 2, vec![tender(5, 100), tender(6, 2_000), tender(1, 50_000)]);
    shop.refund(shift_id, &sold, &[(0, 1, false)], 6);
}
