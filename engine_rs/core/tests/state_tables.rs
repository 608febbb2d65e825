//! Goal: no state machine of the business changes unseen.
//!
//! Method: every legal step is written out here by hand from the flow's description ("States"), and every other pair of
//! state and action must be refused. A change of `states.rs` needs the same change here, made by somebody who means it.

use std::fmt::Debug;

use kasir_core::states::{
    AirwayBillAction, AirwayBillState, Channel, DocumentKind, DropOrderAction, DropOrderState, LabelState,
    LocationKind, MatchDecision, MessageKind, MessageState, MutationAction, MutationState, OrderAction,
    OrderState, PrintJobAction, PrintJobState, TaxMode, TenderKind,
};

/// Asserts that exactly the `legal` steps are possible, each to the state written there.
fn assert_machine<S, A>(states: &[S], actions: &[A], next: impl Fn(S, A) -> Option<S>, legal: &[(S, A, S)])
where
    S: Copy + Debug + PartialEq,
    A: Copy + Debug + PartialEq,
{
    let mut steps_seen = 0;
    for state in states {
        for action in actions {
            let mut written = legal.iter().filter(|(from, by, _)| from == state && by == action);
            let expected = written.next().map(|(_, _, to)| *to);
            assert!(written.next().is_none(), "{state:?} and {action:?} stand twice in the test's table");
            assert_eq!(next(*state, *action), expected, "{state:?}, {action:?}");
            steps_seen += usize::from(expected.is_some());
        }
    }
    assert_eq!(steps_seen, legal.len(), "a step of the test's table names no known state or action");
}

#[test]
fn drop_orders_go_to_the_desk_and_back() {
    use DropOrderAction as A;
    use DropOrderState as S;
    assert_machine(
        S::ALL,
        A::ALL,
        S::next,
        &[
            (S::Requested, A::HandOver, S::HandedOver),
            (S::Requested, A::Reject, S::Rejected),
            (S::Requested, A::Cancel, S::Cancelled),
            (S::Requested, A::Expire, S::Cancelled),
            (S::HandedOver, A::Book, S::Booked),
            (S::HandedOver, A::Release, S::ReturnDue),
            (S::HandedOver, A::Expire, S::ReturnDue),
            (S::Booked, A::Unbook, S::ReturnDue),
            (S::Booked, A::Consume, S::Consumed),
            (S::ReturnDue, A::Book, S::Booked),
            (S::ReturnDue, A::Return, S::Returned),
        ],
    );
}

#[test]
fn orders_are_paid_sold_and_delivered_or_end() {
    use OrderAction as A;
    use OrderState as S;
    assert_machine(
        S::ALL,
        A::ALL,
        S::next,
        &[
            // Waiting for money.
            (S::Booked, A::Pay, S::Paid),
            (S::Booked, A::PayPart, S::PartlyPaid),
            (S::Booked, A::Extend, S::Booked),
            (S::Booked, A::Cancel, S::Cancelled),
            (S::Booked, A::Expire, S::Expired),
            (S::PartlyPaid, A::Pay, S::Paid),
            (S::PartlyPaid, A::PayPart, S::PartlyPaid),
            (S::PartlyPaid, A::Extend, S::PartlyPaid),
            // Money that came for a claim that ends is owed back.
            (S::PartlyPaid, A::Cancel, S::RefundDue),
            (S::PartlyPaid, A::Expire, S::RefundDue),
            (S::Paid, A::Cancel, S::RefundDue),
            // Late money.
            (S::Expired, A::Rebook, S::Paid),
            (S::Expired, A::PayLate, S::RefundDue),
            (S::Cancelled, A::PayLate, S::RefundDue),
            (S::RefundDue, A::Rebook, S::Paid),
            (S::RefundDue, A::PayLate, S::RefundDue),
            // A match undone.
            (S::PartlyPaid, A::Unpay, S::Booked),
            (S::PartlyPaid, A::UnpayPart, S::PartlyPaid),
            (S::PartlyPaid, A::UnpayExpired, S::Expired),
            (S::PartlyPaid, A::UnpayDue, S::RefundDue),
            (S::Paid, A::Unpay, S::Booked),
            (S::Paid, A::UnpayPart, S::PartlyPaid),
            (S::Paid, A::UnpayExpired, S::Expired),
            (S::Paid, A::UnpayDue, S::RefundDue),
            (S::RefundDue, A::UnpayExpired, S::Expired),
            (S::RefundDue, A::UnpayCancelled, S::Cancelled),
            (S::RefundDue, A::UnpayDue, S::RefundDue),
            (S::RefundDue, A::Refund, S::Refunded),
            // Sold once, then on its way.
            (S::Paid, A::Sell, S::Sold),
            (S::Sold, A::HandOver, S::HandedToCourier),
            (S::HandedToCourier, A::Deliver, S::Delivered),
        ],
    );
}

#[test]
fn mutations_are_proposed_confirmed_or_ignored() {
    use MutationAction as A;
    use MutationState as S;
    assert_machine(
        S::ALL,
        A::ALL,
        S::next,
        &[
            (S::Pending, A::Post, S::Posted),
            (S::Pending, A::Ignore, S::Ignored),
            (S::Posted, A::Propose, S::Proposed),
            (S::Posted, A::Confirm, S::Confirmed),
            (S::Posted, A::Ignore, S::Ignored),
            (S::Proposed, A::Propose, S::Proposed),
            (S::Proposed, A::Withdraw, S::Posted),
            (S::Proposed, A::Confirm, S::Confirmed),
            (S::Proposed, A::Ignore, S::Ignored),
            (S::Confirmed, A::Undo, S::Posted),
            // A wrong click is taken back; what was set aside before the bank posted it is posted when it is.
            (S::Ignored, A::Undo, S::Posted),
            (S::Ignored, A::UndoPending, S::Pending),
            (S::Ignored, A::Post, S::Posted),
        ],
    );
}

#[test]
fn airway_bills_are_never_requested_twice_while_one_may_exist() {
    use AirwayBillAction as A;
    use AirwayBillState as S;
    assert_machine(
        S::ALL,
        A::ALL,
        S::next,
        &[
            (S::None, A::Request, S::Requested),
            (S::None, A::Enter, S::Assigned),
            (S::Requested, A::Assign, S::Assigned),
            (S::Requested, A::Fail, S::Failed),
            (S::Requested, A::Lose, S::Unknown),
            (S::Failed, A::Request, S::Requested),
            (S::Failed, A::Enter, S::Assigned),
            (S::Unknown, A::Assign, S::Assigned),
            (S::Unknown, A::Fail, S::Failed),
            (S::Unknown, A::Lose, S::Unknown),
        ],
    );
}

#[test]
fn print_jobs_that_may_be_on_paper_are_settled_by_a_person() {
    use PrintJobAction as A;
    use PrintJobState as S;
    assert_machine(
        S::ALL,
        A::ALL,
        S::next,
        &[
            (S::Queued, A::Send, S::Sent),
            (S::Queued, A::Confirm, S::Printed),
            (S::Queued, A::Fail, S::Failed),
            (S::Queued, A::Lose, S::Unknown),
            (S::Sent, A::Send, S::Sent),
            (S::Sent, A::Confirm, S::Printed),
            (S::Sent, A::Fail, S::Failed),
            (S::Sent, A::Lose, S::Unknown),
            (S::Sent, A::SettlePrinted, S::Printed),
            (S::Sent, A::SettleAgain, S::Failed),
            (S::Unknown, A::SettlePrinted, S::Printed),
            (S::Unknown, A::SettleAgain, S::Failed),
            (S::Failed, A::SettlePrinted, S::Printed),
            (S::Failed, A::SettleAgain, S::Failed),
        ],
    );
}

#[test]
fn messages_are_reported_once_they_left() {
    use MessageState as S;
    assert_machine(
        S::ALL,
        S::ALL,
        S::next,
        &[
            (S::Queued, S::Sent, S::Sent),
            (S::Queued, S::Failed, S::Failed),
            (S::Queued, S::Unknown, S::Unknown),
            (S::Unknown, S::Sent, S::Sent),
            (S::Unknown, S::Failed, S::Failed),
            (S::Unknown, S::Unknown, S::Unknown),
        ],
    );
}

/// Asserts which states of a machine a predicate names.
fn assert_only<S: Copy + Debug + PartialEq>(states: &[S], holds: impl Fn(S) -> bool, named: &[S]) {
    for state in states {
        assert_eq!(holds(*state), named.contains(state), "{state:?}");
    }
}

#[test]
fn claims_and_custody_are_two_things() {
    use DropOrderState as D;
    use OrderState as O;
    assert_only(D::ALL, D::claims, &[D::Requested, D::HandedOver]);
    assert_only(D::ALL, D::on_desk, &[D::HandedOver, D::Booked, D::ReturnDue]);
    assert_only(O::ALL, O::claims, &[O::Booked, O::PartlyPaid, O::Paid]);
    assert_only(O::ALL, O::is_open, &[O::Booked, O::PartlyPaid]);
    assert_only(O::ALL, O::is_sold, &[O::Sold, O::HandedToCourier, O::Delivered]);
}

/// Asserts the contract's numbers: from 1, in this order, nothing else.
macro_rules! assert_numbers {
    ($kind:ident: $($variant:ident)*) => {{
        let written = [$($kind::$variant,)*];
        assert_eq!($kind::ALL, written, concat!(stringify!($kind), " has other members"));
        for (number, member) in (1_i32..).zip(written) {
            assert_eq!(i32::from(member.number()), number, "{member:?}");
            assert_eq!($kind::from_number(number), Some(member), "{number}");
        }
        for unknown in [-1, 0, i32::try_from(written.len()).unwrap() + 1, i32::MAX] {
            assert_eq!($kind::from_number(unknown), None, "{unknown}");
        }
    }};
}

#[test]
fn numbers_are_the_contracts() {
    assert_numbers!(DropOrderState: Requested HandedOver Booked Consumed Rejected Cancelled ReturnDue Returned);
    assert_numbers!(
        OrderState: Booked PartlyPaid Paid Sold HandedToCourier Delivered Cancelled Expired RefundDue Refunded
    );
    assert_numbers!(MutationState: Pending Posted Proposed Confirmed Ignored);
    assert_numbers!(LabelState: Due Queued Labelled);
    assert_numbers!(AirwayBillState: None Requested Assigned Failed Unknown);
    assert_numbers!(PrintJobState: Queued Sent Printed Failed Unknown);
    assert_numbers!(MessageState: Queued Sent Failed Unknown);
    assert_numbers!(LocationKind: Warehouse CsDesk Shop);
    assert_numbers!(TaxMode: Inclusive Exclusive);
    assert_numbers!(Channel: Chat Phone Email Web Marketplace WalkIn Till);
    assert_numbers!(TenderKind: Cash Card Qr Transfer Points Credit External);
    assert_numbers!(DocumentKind: OrderSlip SalesReceipt AddressLabel ShiftReport PickupManifest RefundReceipt);
    assert_numbers!(
        MessageKind: BookingConfirmed PaymentReceived BookingExpired BookingCancelled AirwayBill RefundDue DeadlineReminder
    );
    assert_numbers!(MatchDecision: Auto Suggested Ambiguous);
}
