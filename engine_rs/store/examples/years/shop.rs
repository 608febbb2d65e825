//! The shop: its places, its catalogue, what its customers order. The same as `bench/work.py` makes, so that its requests
//! find here what they name.

use kasir_core::Command;
use kasir_core::command::{
    BankAccountInput, BookingInput, ItemInput, LineInput, LocationInput, MoneyInput, PriceInput, Source,
    StockLine, TaxClassInput,
};
use kasir_core::ids::{BankAccountId, CourierId, ItemId, LocationId, OrderId, TaxClassId};
use kasir_core::records::Address;

const WAREHOUSE: LocationId = LocationId(1);
const ACCOUNT: BankAccountId = BankAccountId(1);
const COURIER: CourierId = CourierId(1);
/// Items that one command adds, or receives.
const BATCH: u64 = 1_000;
const STOCK_PER_ITEM: i64 = 1_000_000;
/// So many customers a new shop knows at least; later one of ten orders is a new customer's.
const CUSTOMERS_LEAST: u64 = 10_000;
const ORDERS_PER_CUSTOMER: u64 = 10;
/// What may be said of channels, in the contract's numbers.
const CHANNEL_CHAT: i32 = 1;
const WAREHOUSE_KIND: i32 = 1;
const CS_DESK_KIND: i32 = 2;
const SHOP_KIND: i32 = 3;

/// Numbers that look like chance and are the same in every run: `SplitMix64`.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number from 0 to `bound` - 1.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn rupiah(amount: i64) -> MoneyInput {
    MoneyInput { currency_code: "IDR".into(), minor_units: amount * 100 }
}

/// What makes the shop, in order.
pub(crate) fn opening(items: u64) -> impl Iterator<Item = Command> {
    let ppn =
        TaxClassInput { code: "PPN11".into(), name: "PPN 11%".into(), rate_basis_points: 1_100, mode: 1 };
    let place = |code: &str, kind| {
        Command::CreateLocation(LocationInput { code: code.into(), name: code.into(), kind })
    };
    let account = BankAccountInput {
        bank: "BCA".into(),
        number: "1234567890".into(),
        holder: "Toko Kasir".into(),
        currency_code: "IDR".into(),
        unique_code_min: 1,
        unique_code_max: 999,
        unique_code_subtracts: false,
    };
    let places = [
        Command::CreateTaxClass(ppn),
        place("GUDANG", WAREHOUSE_KIND),
        place("CS", CS_DESK_KIND),
        place("TOKO", SHOP_KIND),
        Command::CreateBankAccount(account),
        Command::CreateCourier { code: "JNE".into(), name: "JNE".into(), connected: true },
    ];
    let goods = (1..=items).step_by(usize::try_from(BATCH).unwrap_or(1)).flat_map(move |first| {
        let numbers = first..(first + BATCH).min(items + 1);
        let lines = numbers.clone().map(|n| StockLine { item_id: ItemId(n), quantity: STOCK_PER_ITEM });
        let received = Command::ReceiveStock {
            location_id: WAREHOUSE,
            lines: lines.collect(),
            reference: "SJ-1".into(),
        };
        [Command::BatchCreateItems(numbers.map(item).collect()), received]
    });
    places.into_iter().chain(goods)
}

fn item(number: u64) -> ItemInput {
    let price = 15_000 + (number * 7_919 % 1_485_000).cast_signed();
    ItemInput {
        sku: format!("SKU-{number:05}"),
        name: format!("Tas selempang {number}"),
        category: format!("tas {}", number % 50),
        barcodes: vec![format!("B{number:08}")],
        prices: vec![PriceInput {
            price_list: "retail".into(),
            min_quantity: 1,
            amount: Some(rupiah(price)),
        }],
        tax_class_id: TaxClassId(1),
        weight_grams: 200 + (number % 800).cast_signed(),
        ..ItemInput::default()
    }
}

/// An order of two lines, one of `items` each, to be paid until `expire_ms`; `made` came before it.
pub(crate) fn booking(chance: &mut Chance, items: u64, made: u64, expire_ms: i64) -> Command {
    let customer = chance.below(CUSTOMERS_LEAST.max(made / ORDERS_PER_CUSTOMER));
    let first = 1 + chance.below(items);
    let second = 1 + chance.below(items - 1);
    let second = second + u64::from(second >= first);
    let line = |item, quantity| LineInput {
        source: Source::Location(WAREHOUSE),
        item_id: ItemId(item),
        quantity,
        discount: None,
        charge: None,
    };
    let name = format!("Siti Rahmawati {customer}");
    let phone = format!("0812{customer:08}");
    let address = Address {
        recipient: name.clone(),
        phone: phone.clone(),
        street: format!("Jl. Merdeka No. {customer}, RT 03/RW 07"),
        district: "Coblong".into(),
        city: "Bandung".into(),
        province: "Jawa Barat".into(),
        postal_code: "40132".into(),
        country_code: String::new(),
    };
    let shipping = 1_000 * (8 + chance.below(53).cast_signed());
    Command::CreateBooking(BookingInput {
        customer_name: name,
        customer_phone: phone,
        address: Some(address),
        lines: vec![line(first, 1), line(second, 1 + chance.below(3).cast_signed())],
        channel: CHANNEL_CHAT,
        shipping: Some(rupiah(shipping)),
        courier_id: COURIER,
        courier_service: "REG".into(),
        bank_account_id: ACCOUNT,
        expire_ms: Some(expire_ms),
        ..BookingInput::default()
    })
}

/// All the money for an order.
pub(crate) fn payment(order_id: OrderId, amount_minor: i64) -> Command {
    Command::RecordPayment {
        order_id,
        amount: Some(MoneyInput { currency_code: "IDR".into(), minor_units: amount_minor }),
        method: "transfer".into(),
        reference: String::new(),
    }
}
