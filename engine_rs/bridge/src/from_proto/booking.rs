//! Book Orders.

use kasir_core::Refusal;
use kasir_core::command::{BookingInput, Command, LineInput, Source};
use kasir_core::ids::{
    BankAccountId, CourierId, CustomerId, DropOrderId, HoldId, ItemId, LocationId, OrderId,
};

use super::{all, commands, instant};
use crate::contract as pb;

commands! {
    CreateBookingRequest => |request| {
        Command::CreateBooking(booking_input(request.booking.unwrap_or_default(), format_args!("booking"))?)
    };
    BatchCreateBookingsRequest => |request| {
        let bookings = request.bookings.into_iter().enumerate();
        let bookings = bookings.map(|(index, booking)| booking_input(booking, format_args!("bookings[{index}]")));
        Command::BatchCreateBookings(bookings.collect::<Result<_, _>>()?)
    };
    ExtendBookingRequest => |request| Command::ExtendBooking {
        order_id: OrderId(request.order_id),
        version: request.version,
        expire_ms: instant(request.expire_time, format_args!("expire_time"))?,
    };
    CancelBookingRequest => |request| Command::CancelBooking {
        order_id: OrderId(request.order_id),
        reason: request.reason,
    };
}

/// What a client asks for, found at `path` of the request.
pub(crate) fn booking_input(
    booking: pb::BookingInput,
    path: std::fmt::Arguments<'_>,
) -> Result<BookingInput, Refusal> {
    Ok(BookingInput {
        customer_id: CustomerId(booking.customer_id),
        customer_name: booking.customer_name,
        customer_phone: booking.customer_phone,
        customer_email: booking.customer_email,
        address: booking.address.map(Into::into),
        lines: all(booking.lines),
        channel: booking.channel,
        price_list: booking.price_list,
        shipping: booking.shipping.map(Into::into),
        courier_id: CourierId(booking.courier_id),
        courier_service: booking.courier_service,
        bank_account_id: BankAccountId(booking.bank_account_id),
        expire_ms: instant(booking.expire_time, format_args!("{path}.expire_time"))?,
        note: booking.note,
    })
}

impl From<pb::OrderLineInput> for LineInput {
    fn from(line: pb::OrderLineInput) -> Self {
        Self {
            source: line.source.map_or(Source::Missing, Into::into),
            item_id: ItemId(line.item_id),
            quantity: line.quantity,
            discount: line.discount.map(Into::into),
            charge: None,
        }
    }
}

impl From<pb::order_line_input::Source> for Source {
    fn from(source: pb::order_line_input::Source) -> Self {
        use pb::order_line_input::Source as S;
        match source {
            S::LocationId(id) => Self::Location(LocationId(id)),
            S::DropOrderId(id) => Self::DropOrder(DropOrderId(id)),
            S::HoldId(id) => Self::Hold(HoldId(id)),
        }
    }
}
