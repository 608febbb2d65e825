//! Every table of a store, in one list: its name on disk, its key, its value.
//!
//! Keys begin with the shard byte; numbers in keys are big-endian. "msgpack" values are named maps (see `records`);
//! "fixed" values are big-endian numbers, described here. `kasir inspect` reads this layout from outside.

/// How a table's values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// A msgpack map with field names.
    Msgpack,
    /// Big-endian 8-byte signed numbers, in the order described.
    Fixed,
    /// No value: the key says it all.
    Empty,
}

macro_rules! tables {
    ($($(#[doc = $doc:literal])* $name:ident = $disk:literal $codec:ident;)*) => {
        /// A table of the store.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table { $($(#[doc = $doc])* $name,)* }

        impl Table {
            /// Every table, in the order of their declaration.
            pub const ALL: &'static [Table] = &[$(Table::$name,)*];

            /// The name on disk.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $disk,)* }
            }

            /// How values are written.
            #[must_use]
            pub const fn codec(self) -> Codec {
                match self { $(Self::$name => Codec::$codec,)* }
            }

            /// Key and value in words, for `kasir inspect` and `docs/store.md`.
            #[must_use]
            pub const fn layout(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)*),)* }
            }
        }
    };
}

impl Table {
    /// Whether new rows nearly always come after all others: records whose id is the engine's, given in order.
    pub const fn grows_at_the_end(self) -> bool {
        matches!(
            self,
            Self::Orders
                | Self::DropOrders
                | Self::Holds
                | Self::Customers
                | Self::Mutations
                | Self::Sales
                | Self::Refunds
                | Self::Parcels
                | Self::Manifests
                | Self::PrintJobs
                | Self::Messages
        )
    }

    /// Whether its records are read by most commands and changed by few: those are worth keeping decoded.
    pub(crate) const fn is_kept(self) -> bool {
        matches!(self, Self::Settings | Self::Items | Self::Locations | Self::TaxClasses | Self::BankAccounts)
    }
}

tables! {
    /// (kind u8) -> last id given of that kind.
    Counters = "counters" Fixed;
    /// () -> the shop's settings.
    Settings = "settings" Msgpack;
    /// (kind u8, text) -> id that owns the code: SKUs, barcodes, phones, airway bills, names of locations, tills, …
    Codes = "codes" Fixed;
    /// (tax_class_id) -> tax class.
    TaxClasses = "tax_classes" Msgpack;
    /// (item_id) -> item.
    Items = "items" Msgpack;
    /// (word, 0, item_id) -> nothing: words of names, for finding.
    ItemWords = "item_words" Empty;
    /// (category, 0, item_id) -> nothing.
    ItemsByCategory = "items_by_category" Empty;
    /// (location_id) -> location.
    Locations = "locations" Msgpack;
    /// (item_id, location_id) -> on_hand, held.
    Stocks = "stocks" Fixed;
    /// (location_id, item_id) -> nothing.
    StocksByLocation = "stocks_by_location" Empty;
    /// (item_id) -> received, adjusted, sold: what the sum of on_hand must be.
    ItemFlows = "item_flows" Fixed;
    /// (hold_id) -> hold.
    Holds = "holds" Msgpack;
    /// (drop_order_id) -> Drop Order.
    DropOrders = "drop_orders" Msgpack;
    /// (state u8, drop_order_id) -> nothing.
    DropOrdersByState = "drop_orders_by_state" Empty;
    /// (order_id) -> Book Order.
    Orders = "orders" Msgpack;
    /// (state u8, order_id) -> nothing.
    OrdersByState = "orders_by_state" Empty;
    /// (customer_id, order_id) -> nothing.
    OrdersByCustomer = "orders_by_customer" Empty;
    /// (bank_account_id, payable_minor) -> order_id that reserves this amount to pay.
    Payables = "payables" Fixed;
    /// (due_ms, kind u8, id) -> nothing: what ends by itself, in the order of time.
    Deadlines = "deadlines" Empty;
    /// (customer_id) -> customer.
    Customers = "customers" Msgpack;
    /// (customer_id) -> nothing: customers with credit.
    Credits = "credits" Empty;
    /// (erase_ms, customer_id) -> create_ms: customers whose data were erased.
    Erasures = "erasures" Fixed;
    /// (bank_account_id) -> bank account.
    BankAccounts = "bank_accounts" Msgpack;
    /// (column_mapping_id) -> which column of a bank account's files means what.
    ColumnMappings = "column_mappings" Msgpack;
    /// (mutation_id) -> bank mutation.
    Mutations = "mutations" Msgpack;
    /// (bank_account_id, state u8, mutation_id) -> nothing.
    MutationsByState = "mutations_by_state" Empty;
    /// (32-byte BLAKE3 of account, row and occurrence) -> mutation_id: what was imported already.
    MutationKeys = "mutation_keys" Fixed;
    /// (32-byte BLAKE3 of account and file hash) -> import_ms: files all of whose rows were taken.
    StatementFiles = "statement_files" Fixed;
    /// (payer as learnt, 0, customer_id) -> confirmations: mutations of this payer that paid for this customer.
    Payers = "payers" Fixed;
    /// (bank_account_id, 1 if an order changed since u8, decision u8, mutation_id) -> nothing: PROPOSED ones.
    Proposals = "proposals" Empty;
    /// (order_id, mutation_id) -> nothing: PROPOSED ones.
    ProposalsByOrder = "proposals_by_order" Empty;
    /// (32-byte BLAKE3 of account and row without its occurrence, mutation_id) -> nothing: rows the bank has not posted yet.
    PendingMutations = "pending_mutations" Empty;
    /// (sale_id) -> sale.
    Sales = "sales" Msgpack;
    /// (shift_id, sale_id) -> nothing.
    SalesByShift = "sales_by_shift" Empty;
    /// (receipt, 0, sale_id) -> nothing: sales to whose receipt the till gave a number.
    SalesByReceipt = "sales_by_receipt" Empty;
    /// (refund_id) -> refund of a till's sale.
    Refunds = "refunds" Msgpack;
    /// (sale_id, refund_id) -> nothing.
    RefundsBySale = "refunds_by_sale" Empty;
    /// (till_id) -> till.
    Tills = "tills" Msgpack;
    /// (shift_id) -> shift.
    Shifts = "shifts" Msgpack;
    /// (courier_id) -> courier.
    Couriers = "couriers" Msgpack;
    /// (parcel_id) -> parcel.
    Parcels = "parcels" Msgpack;
    /// (label state u8, parcel_id) -> nothing.
    ParcelsByLabel = "parcels_by_label" Empty;
    /// (1 if it waits for its airway bill u8, parcel_id) -> nothing: parcels whose label is due.
    LabelsDue = "labels_due" Empty;
    /// (airway bill state u8, parcel_id) -> nothing.
    ParcelsByAirwayBill = "parcels_by_airway_bill" Empty;
    /// (manifest_id) -> what went with a courier at one pick-up.
    Manifests = "manifests" Msgpack;
    /// (print_job_id) -> print job.
    PrintJobs = "print_jobs" Msgpack;
    /// (state u8, print_job_id) -> nothing.
    PrintJobsByState = "print_jobs_by_state" Empty;
    /// (message_id) -> message.
    Messages = "messages" Msgpack;
    /// (state u8, message_id) -> nothing.
    MessagesByState = "messages_by_state" Empty;
    /// (day u32 as yyyymmdd, dimension u8, key, 0, currency, metric u8) -> count, amount_minor (two numbers where one does not hold it).
    Totals = "totals" Fixed;
    /// (kind u8, currency) -> count, amount_minor (two numbers where one does not hold it): what stands open now.
    OpenMoney = "open_money" Fixed;
}
