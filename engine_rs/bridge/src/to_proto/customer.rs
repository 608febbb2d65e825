//! Customers and messages to them.

use kasir_core::Reply;
use kasir_core::money::Currency;
use kasir_core::records::{Customer, Message, Settings};

use super::{money, number, response, responses, time, time_if};
use crate::contract as pb;

responses! {
    ReportMessageResponse = Reply::Message(message) => Self { message: Some(message.into()) };
}
response!(CreateCustomerResponse, Reply::Customer(record), view, {
    Self { customer: Some(customer(record, Settings::load(view)?.currency)) }
});
response!(UpdateCustomerResponse, Reply::Customer(record), view, {
    Self { customer: Some(customer(record, Settings::load(view)?.currency)) }
});
response!(EraseCustomerResponse, Reply::Customer(record), view, {
    Self { customer: Some(customer(record, Settings::load(view)?.currency)) }
});

/// A customer, whose credit is in the shop's currency.
pub(crate) fn customer(customer: Customer, shop_currency: Currency) -> pb::Customer {
    pb::Customer {
        customer_id: customer.customer_id.0,
        name: customer.name,
        phone: customer.phone,
        email: customer.email,
        address: customer.address.map(Into::into),
        points: customer.points,
        credit: money(customer.credit_minor, shop_currency),
        version: customer.version,
        create_time: time(customer.create_ms),
        erase_time: time_if(customer.erase_ms),
    }
}

impl From<Message> for pb::Message {
    fn from(message: Message) -> Self {
        Self {
            message_id: message.message_id.0,
            kind: number(message.kind.number()),
            state: number(message.state.number()),
            order_id: message.order_id.0,
            customer_id: message.customer_id.0,
            phone: message.phone,
            email: message.email,
            facts: message.facts.into_iter().collect(),
            create_time: time(message.create_ms),
            detail: message.detail,
        }
    }
}
