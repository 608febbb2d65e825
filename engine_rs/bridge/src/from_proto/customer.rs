//! Customers and what agents say of messages to them.

use kasir_core::command::{Command, CustomerInput};
use kasir_core::ids::{CustomerId, MessageId};

use super::commands;
use crate::contract as pb;

commands! {
    CreateCustomerRequest => |request| Command::CreateCustomer(request.customer.unwrap_or_default().into());
    UpdateCustomerRequest => |request| Command::UpdateCustomer(request.customer.unwrap_or_default().into());
    EraseCustomerRequest => |request| Command::EraseCustomer {
        customer_id: CustomerId(request.customer_id),
        version: request.version,
    };
    ReportMessageRequest => |request| Command::ReportMessage {
        message_id: MessageId(request.message_id),
        state: request.state,
        detail: request.detail,
    };
}

impl From<pb::Customer> for CustomerInput {
    fn from(customer: pb::Customer) -> Self {
        Self {
            customer_id: CustomerId(customer.customer_id),
            name: customer.name,
            phone: customer.phone,
            email: customer.email,
            address: customer.address.map(Into::into),
            version: customer.version,
        }
    }
}
