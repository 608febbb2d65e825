//! Ids: engine-given, ascending from 1 per kind, so that new records are appended at the end of their tables.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[doc = $doc:literal])* $name:ident = $counter:literal,)*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
            #[serde(transparent)]
            pub struct $name(pub u64);

            impl $name {
                /// The key of this kind's counter.
                pub const COUNTER: u8 = $counter;

                /// Whether an id is given (0 means none in the contract).
                pub const fn is_some(self) -> bool {
                    self.0 != 0
                }
            }

            impl std::fmt::Display for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    self.0.fmt(f)
                }
            }
        )*
    };
}

ids! {
    /// A tax class.
    TaxClassId = 1,
    /// An item.
    ItemId = 2,
    /// A location.
    LocationId = 3,
    /// A hold.
    HoldId = 4,
    /// A Drop Order.
    DropOrderId = 5,
    /// A Book Order.
    OrderId = 6,
    /// A customer.
    CustomerId = 7,
    /// A bank account.
    BankAccountId = 8,
    /// A bank mutation.
    MutationId = 9,
    /// A sale.
    SaleId = 10,
    /// A till.
    TillId = 11,
    /// A shift.
    ShiftId = 12,
    /// A courier.
    CourierId = 13,
    /// A parcel.
    ParcelId = 14,
    /// A print job.
    PrintJobId = 15,
    /// A message.
    MessageId = 16,
    /// A column mapping of a bank account.
    ColumnMappingId = 17,
    /// A pick-up manifest.
    ManifestId = 18,
    /// A refund of a till's sale.
    RefundId = 19,
}
