//! Which field of a command names what the command is about.

use crate::command::Command;

/// The field that a refusal is about when whoever refuses does not name another: the id of what is not there, or is in
/// the wrong state. None where a command is about nothing that stands already.
pub(super) fn subject(command: &Command) -> Option<&'static str> {
    match command {
        Command::ReleaseHold { .. } => Some("hold_id"),
        Command::HandOverDropOrder { .. }
        | Command::RejectDropOrder { .. }
        | Command::CancelDropOrder { .. }
        | Command::ReleaseDropOrder { .. }
        | Command::ReturnDropOrder { .. } => Some("drop_order_id"),
        Command::ExtendBooking { .. }
        | Command::CancelBooking { .. }
        | Command::RecordPayment { .. }
        | Command::RefundOrder { .. } => Some("order_id"),
        Command::EraseCustomer { .. } => Some("customer_id"),
        Command::ReportMessage { .. } => Some("message_id"),
        Command::SetMatchingRules { .. } => Some("bank_account_id"),
        Command::DeleteColumnMapping { .. } => Some("column_mapping_id"),
        Command::JoinMutations { .. } => Some("mutation_ids"),
        Command::MatchMutation { .. } | Command::UndoMatch { .. } | Command::IgnoreMutation { .. } => {
            Some("mutation_id")
        }
        Command::OpenShift { .. } => Some("till_id"),
        Command::RecordCashMovement { .. } | Command::CloseShift { .. } => Some("shift_id"),
        Command::PrintLabels { .. } | Command::CreateManifest { .. } => Some("parcel_ids"),
        Command::RequestAirwayBill { .. }
        | Command::AssignAirwayBill { .. }
        | Command::ReportAirwayBill { .. }
        | Command::DeliverParcel { .. } => Some("parcel_id"),
        Command::HandOverParcel { .. } => Some("airway_bill"),
        Command::ReportPrintJob(_) => Some("report.print_job_id"),
        Command::SettlePrintJob { .. } | Command::ReprintDocument { .. } => Some("print_job_id"),
        Command::UpdateSettings(_)
        | Command::CreateTaxClass(_)
        | Command::CreateItem(_)
        | Command::UpdateItem(_)
        | Command::BatchCreateItems(_)
        | Command::CreateLocation(_)
        | Command::ReceiveStock { .. }
        | Command::AdjustStock { .. }
        | Command::TransferStock { .. }
        | Command::CreateHold(_)
        | Command::BatchCreateHolds(_)
        | Command::RequestDropOrder { .. }
        | Command::CreateBooking(_)
        | Command::BatchCreateBookings(_)
        | Command::CreateCustomer(_)
        | Command::UpdateCustomer(_)
        | Command::CreateBankAccount(_)
        | Command::SaveColumnMapping(_)
        | Command::ImportMutations { .. }
        | Command::ProposeMatches { .. }
        | Command::ConfirmMatches { .. }
        | Command::CreateSales { .. }
        | Command::CreateTill { .. }
        | Command::CreateTillSale { .. }
        | Command::RefundSale(_)
        | Command::CreateCourier { .. }
        | Command::BatchReportPrintJobs(_) => None,
    }
}
