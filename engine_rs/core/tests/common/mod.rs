//! A shop in memory: asks the core as the sequencer would, keeps the journal, and checks after every command that what
//! was refused changed nothing.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod matches;

use kasir_core::command::{
    BankAccountInput, BookingInput, HoldInput, ItemInput, LineInput, LocationInput, MoneyInput,
    MutationInput, PriceInput, Source, StockLine, TaxClassInput,
};
use kasir_core::ids::{BankAccountId, DropOrderId, ItemId, LocationId, OrderId, TaxClassId};
use kasir_core::records::{Address, DropOrder, Item, Mutation, Order, find};
use kasir_core::reply::Each;
use kasir_core::{
    CLOCK_ACTOR, Command, Context, Event, Memory, Reason, Refusal, Reply, Stop, apply, execute, expire_due,
    expire_named, verify,
};

pub struct Entry {
    pub now_ms: i64,
    pub actor: String,
    pub events: Vec<Event>,
}

pub struct Shop {
    pub state: Memory,
    pub journal: Vec<Entry>,
    pub now_ms: i64,
}

pub const NOON: i64 = 1_767_243_600_000; // 2026-01-01T05:00:00Z, noon in Jakarta
pub const WAREHOUSE: LocationId = LocationId(1);
pub const DESK: LocationId = LocationId(2);
pub const STORE: LocationId = LocationId(3);
pub const BCA: BankAccountId = BankAccountId(1);
pub const MINUTE: i64 = 60_000;

impl Shop {
    pub fn empty() -> Self {
        Self { state: Memory::default(), journal: Vec::new(), now_ms: NOON }
    }

    /// A warehouse, a desk and a shop, PPN 11 % inclusive, a bank account.
    pub fn new() -> Self {
        let mut shop = Self::empty();
        for (code, kind) in [("GUDANG", 1), ("CS", 2), ("TOKO", 3)] {
            shop.ok(Command::CreateLocation(LocationInput { code: code.into(), name: code.into(), kind }));
        }
        let ppn =
            TaxClassInput { code: "PPN11".into(), name: "PPN 11%".into(), rate_basis_points: 1100, mode: 1 };
        shop.ok(Command::CreateTaxClass(ppn));
        shop.ok(Command::CreateBankAccount(BankAccountInput {
            bank: "BCA".into(),
            number: "0111222333".into(),
            holder: "Toko".into(),
            currency_code: "IDR".into(),
            ..BankAccountInput::default()
        }));
        shop
    }

    fn journalled(&mut self, actor: &str, events: Vec<Event>) {
        if !events.is_empty() {
            self.journal.push(Entry { now_ms: self.now_ms, actor: actor.into(), events });
        }
    }

    /// Makes something happened, as a journal of another day would.
    pub fn happened(&mut self, event: Event) {
        let context = Context { now_ms: self.now_ms, actor: "siti" };
        let events = vec![event];
        apply(&mut self.state, &events, &context).expect("the event fits");
        self.journalled("siti", events);
    }

    pub fn tick(&mut self) {
        let context = Context { now_ms: self.now_ms, actor: CLOCK_ACTOR };
        loop {
            let events = expire_due(&mut self.state, &context, 3).expect("deadlines end");
            if events.is_empty() {
                break;
            }
            self.journalled(CLOCK_ACTOR, events);
        }
    }

    pub fn wait(&mut self, ms: i64) {
        self.now_ms += ms;
        self.tick();
    }

    #[allow(clippy::needless_pass_by_value, reason = "a test asks and forgets")]
    pub fn ask(&mut self, command: Command) -> Result<Reply, Refusal> {
        let clock = Context { now_ms: self.now_ms, actor: CLOCK_ACTOR };
        let events = expire_named(&mut self.state, &command, &clock).expect("deadlines end");
        self.journalled(CLOCK_ACTOR, events);
        let before = self.state.clone();
        let context = Context { now_ms: self.now_ms, actor: "siti" };
        match execute(&mut self.state, &command, &context) {
            Ok(done) => {
                self.journalled("siti", done.events);
                Ok(done.reply)
            }
            Err(Stop::Refused(refusal)) => {
                assert_eq!(self.state, before, "a refused command changes nothing: {command:?}");
                Err(refusal)
            }
            Err(Stop::Fault(fault)) => panic!("{fault} by {command:?}"),
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "a test asks and forgets")]
    pub fn ok(&mut self, command: Command) -> Reply {
        self.ask(command.clone()).unwrap_or_else(|refusal| panic!("{refusal:?} for {command:?}"))
    }

    #[allow(clippy::needless_pass_by_value, reason = "a test asks and forgets")]
    pub fn refused(&mut self, command: Command) -> Reason {
        match self.ask(command.clone()) {
            Ok(reply) => panic!("{reply:?} for {command:?}"),
            Err(refusal) => refusal.reason,
        }
    }

    pub fn sound(&self) {
        let report = verify(&self.state).expect("memory is readable");
        assert!(report.violations.is_empty(), "{:#?}", report.violations);
    }

    /// The journal gives another state the same bytes.
    pub fn replays(&self) {
        let mut copy = Memory::default();
        for entry in &self.journal {
            let context = Context { now_ms: entry.now_ms, actor: &entry.actor };
            let bytes = kasir_core::records::encode(&entry.events).expect("events encode");
            let events: Vec<Event> = kasir_core::records::decode(&bytes).expect("events decode");
            apply(&mut copy, &events, &context).expect("the journal fits");
        }
        let (live, replayed): (Vec<_>, Vec<_>) = (self.state.entries().collect(), copy.entries().collect());
        assert!(live == replayed, "replay differs from live");
    }

    pub fn item(&mut self, sku: &str, price: i64, taxed: bool) -> ItemId {
        let reply = self.ok(Command::CreateItem(ItemInput {
            sku: sku.into(),
            name: format!("Kopi {sku}"),
            category: "kopi".into(),
            barcodes: vec![format!("BC-{sku}")],
            prices: vec![PriceInput {
                price_list: "retail".into(),
                min_quantity: 1,
                amount: Some(idr(price)),
            }],
            tax_class_id: TaxClassId(u64::from(taxed)),
            weight_grams: 250,
            ..ItemInput::default()
        }));
        match reply {
            Reply::Item(Item { item_id, .. }) => item_id,
            other => panic!("{other:?}"),
        }
    }

    pub fn receive(&mut self, item_id: ItemId, location_id: LocationId, quantity: i64) {
        let lines = vec![StockLine { item_id, quantity }];
        self.ok(Command::ReceiveStock { location_id, lines, reference: String::new() });
    }

    pub fn stock(&self, item_id: ItemId, location_id: LocationId) -> (i64, i64) {
        let level = kasir_core::stock::level(&self.state, item_id, location_id).expect("memory is readable");
        (level.on_hand, level.held)
    }

    pub fn order(&self, order_id: OrderId) -> Order {
        find(&self.state, order_id.0).expect("memory is readable").expect("the order is there")
    }

    pub fn drop_order(&self, id: DropOrderId) -> DropOrder {
        find(&self.state, id.0).expect("memory is readable").expect("the Drop Order is there")
    }

    pub fn booked(&mut self, lines: Vec<LineInput>) -> Order {
        match self.ok(Command::CreateBooking(booking(lines))) {
            Reply::Order(order) => order,
            other => panic!("{other:?}"),
        }
    }

    pub fn import(&mut self, rows: Vec<MutationInput>) -> kasir_core::reply::Imported {
        match self.ok(Command::ImportMutations {
            bank_account_id: BCA,
            file_hash: String::new(),
            file_ends: false,
            mutations: rows,
        }) {
            Reply::Imported(imported) => imported,
            other => panic!("{other:?}"),
        }
    }

    /// Proposes as a matcher that reads the whole account.
    pub fn propose(&mut self) -> kasir_core::reply::Proposed {
        let mut desk = kasir_core::matching::Desk::open(&self.state, BCA, 1).expect("the account is there");
        let command = desk.propose(&self.state).expect("memory is readable");
        match self.ok(command) {
            Reply::Proposed(proposed) => proposed,
            other => panic!("{other:?}"),
        }
    }

    /// Proposes and confirms everything AUTO.
    pub fn reconcile(&mut self) -> Vec<Each<kasir_core::states::OrderState>> {
        self.propose();
        let command = Command::ConfirmMatches { bank_account_id: BCA, mutation_ids: vec![], all_auto: true };
        match self.ok(command) {
            Reply::Confirmed { results, .. } => {
                results.into_iter().map(|result| result.result.map(|(_, state)| state)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn mutation(&self, id: u64) -> Mutation {
        find(&self.state, id).expect("memory is readable").expect("the mutation is there")
    }

    pub fn drop(&mut self, item_id: ItemId, quantity: i64) -> DropOrderId {
        match self.ok(request(item_id, quantity)) {
            Reply::DropOrder(drop_order) => drop_order.drop_order_id,
            other => panic!("{other:?}"),
        }
    }
}

pub fn request(item_id: ItemId, quantity: i64) -> Command {
    Command::RequestDropOrder {
        item_id,
        quantity,
        from_location_id: WAREHOUSE,
        to_location_id: DESK,
        note: String::new(),
        expire_ms: None,
    }
}

pub fn idr(minor_units: i64) -> MoneyInput {
    MoneyInput { currency_code: "IDR".into(), minor_units }
}

pub fn from(location_id: LocationId, item_id: ItemId, quantity: i64) -> LineInput {
    LineInput { source: Source::Location(location_id), item_id, quantity, discount: None, charge: None }
}

pub fn dropped(drop_order_id: DropOrderId, item_id: ItemId, quantity: i64) -> LineInput {
    LineInput { source: Source::DropOrder(drop_order_id), item_id, quantity, discount: None, charge: None }
}

pub fn booking(lines: Vec<LineInput>) -> BookingInput {
    BookingInput {
        customer_name: "Pelanggan".into(),
        customer_phone: "0812 3456 789".into(),
        address: Some(Address {
            recipient: "Pelanggan".into(),
            street: "Jl. Merdeka 1".into(),
            city: "Bandung".into(),
            ..Address::default()
        }),
        lines,
        channel: 1,
        bank_account_id: BCA,
        ..BookingInput::default()
    }
}

pub fn paid_in(amount: i64, text: &str) -> MutationInput {
    MutationInput {
        date: "2026-01-01".into(),
        amount: Some(idr(amount)),
        description: text.into(),
        ..MutationInput::default()
    }
}

pub fn hold(item_id: ItemId, location_id: LocationId, quantity: i64) -> Command {
    Command::CreateHold(HoldInput { item_id, location_id, quantity, ..HoldInput::default() })
}
