"""Every reason of the contract as windows tell it, and what its sentences name."""

from collections.abc import Iterable

import grpc

from clients.desktop.texts import marked
from clients.desktop.words import DROP_ORDER_STATES, MUTATION_STATES, ORDER_STATES
from kasir.v1.booking_pb2 import OrderState
from kasir.v1.drop_order_pb2 import DropOrderState
from kasir.v1.reconciliation_pb2 import MutationState

_AGAIN = marked("Try again in a moment.")
_OPERATOR = marked("Tell whoever runs the server.")
_LOGIN = marked("Press Log in, in this window.")
_IN_CHARGE = marked("Ask whoever is in charge.")
_VERSIONS = marked("Program and server may be of different versions.")
_NOTHING = marked("Nothing was imported.")

# Reason -> sentences, the one that says most first, and the next step. A sentence stands only when the server
# told all facts that it names; the last of each names none.
WORDS: dict[str, tuple[tuple[str, ...], str]] = {
    "FIELD_REQUIRED": ((marked("{where} is missing."), marked("Something that is needed is missing.")), ""),
    "FIELD_OUT_OF_RANGE": (
        (marked("{where} is too small or too large."), marked("A number is too small or too large.")),
        "",
    ),
    "FIELD_TOO_LONG": ((marked("{where} is too long."), marked("A text is too long.")), ""),
    "FIELD_MALFORMED": (
        (marked("{where} is not written as it must be."), marked("A field is not written as it must be.")),
        "",
    ),
    "TOO_MANY_ELEMENTS": (
        (marked("That is more than is taken at once."),),
        marked("Do it in several parts."),
    ),
    "CURRENCY_UNKNOWN": ((marked("There is no such currency."),), marked("Use a code like IDR.")),
    "CURRENCY_MISMATCH": ((marked("Amounts of different currencies meet here."),), ""),
    "AMOUNT_OUT_OF_RANGE": (
        (
            marked("{where} is {value}: it must lie between {min} and {max}."),
            marked("There is {expected_cash} in the drawer: no more can be taken, and zero moves nothing."),
            marked("{where} is too small or too large."),
            marked("The amount is too small or too large."),
        ),
        "",
    ),
    "BARCODE_CHECK_DIGIT": ((marked("The barcode's check digit is wrong."),), marked("Scan it again.")),
    "CARD_NUMBER_REFUSED": (
        (marked("That looks like a card number; those are never kept."),),
        marked("Enter the terminal's approval code instead."),
    ),
    "MESSAGE_MALFORMED": ((marked("The server could not read the request."),), _VERSIONS),
    "STATEMENT_UNRECOGNISED": (
        (marked("This is no bank statement that Kasir knows."),),
        marked("Nothing was imported. Download it again, or have its columns saved for the account."),
    ),
    "STATEMENT_BROKEN": ((marked("The statement's sums, days or amounts do not hold."),), _NOTHING),
    "ITEM_NOT_FOUND": ((marked("There is no such item."),), marked("Look it up: F2.")),
    "BARCODE_UNKNOWN": ((marked("No item has this barcode."),), marked("Look it up: F2.")),
    "TAX_CLASS_NOT_FOUND": ((marked("There is no such tax class."),), ""),
    "LOCATION_NOT_FOUND": ((marked("There is no such location."),), ""),
    "HOLD_NOT_FOUND": (
        (marked("There is no such hold."),),
        marked("It was released, used up or its deadline passed."),
    ),
    "DROP_ORDER_NOT_FOUND": (
        (marked("There is no Drop Order {id}."), marked("There is no such Drop Order.")),
        "",
    ),
    "ORDER_NOT_FOUND": ((marked("There is no order {id}."), marked("There is no such order.")), ""),
    "CUSTOMER_NOT_FOUND": ((marked("There is no such customer."),), ""),
    "BANK_ACCOUNT_NOT_FOUND": (
        (marked("The shop has no such bank account."),),
        marked("Check the number, or have the account added."),
    ),
    "COLUMN_MAPPING_NOT_FOUND": ((marked("No columns were saved under this name."),), ""),
    "MUTATION_NOT_FOUND": ((marked("There is no such mutation."),), ""),
    "SALE_NOT_FOUND": ((marked("There is no such sale."),), ""),
    "TILL_NOT_FOUND": ((marked("There is no such till."),), ""),
    "SHIFT_NOT_FOUND": ((marked("There is no such shift."),), ""),
    "COURIER_NOT_FOUND": ((marked("There is no such courier."),), ""),
    "PARCEL_NOT_FOUND": ((marked("There is no such parcel."),), marked("Check the number on the label.")),
    "REFUND_NOT_FOUND": ((marked("There is no such refund."),), ""),
    "MANIFEST_NOT_FOUND": ((marked("There is no such pick-up manifest."),), ""),
    "PRINT_JOB_NOT_FOUND": ((marked("There is no such print job."),), ""),
    "MESSAGE_NOT_FOUND": ((marked("There is no such message."),), ""),
    "METHOD_UNKNOWN": ((marked("The server does not know this command."),), _VERSIONS),
    "REQUEST_ID_REUSED": (
        (marked("The server has another request under this request's number."),),
        marked("Nothing was changed."),
    ),
    "SKU_TAKEN": ((marked("Another item has this SKU."),), ""),
    "BARCODE_TAKEN": ((marked("Another item has this barcode, or it stands here twice."),), ""),
    "CODE_TAKEN": ((marked("The code or number is used already."),), ""),
    "PHONE_TAKEN": ((marked("Another customer has this phone."),), ""),
    "AIRWAY_BILL_TAKEN": (
        (marked("Another parcel has this airway bill."),),
        marked("Check the number on the courier's slip."),
    ),
    "OUT_OF_STOCK": (
        (
            marked("Not enough of {item} at {location}: {wanted} wanted, {available} available."),
            marked("Less is available than is wanted."),
        ),
        "",
    ),
    "WRONG_STATE": (
        (
            marked("{thing} {id} is {stands}: that is not possible now."),
            marked("{thing} {id} is in a state in which that is not possible."),
            marked("That is not possible in the state it is in."),
        ),
        "",
    ),
    "DEADLINE_PASSED": ((marked("The deadline lies in the past."),), marked("Give a later time, like +3h.")),
    "NOT_PAID": (
        (
            marked("Order {order_id} is not paid: {due} is missing."),
            marked("Order {order_id} is not paid in full."),
            marked("The order is not paid in full."),
        ),
        marked("A sale is made only from a paid order."),
    ),
    "ORDER_SOLD": ((marked("The order was sold; its payment stays."),), ""),
    "OVER_ALLOCATED": (
        (
            marked("Order {order_id} has {due} to pay, and no more."),
            marked("The money is {available}, and {wanted} are given out."),
            marked("Order {order_id} has less to pay than that."),
            marked("The money is less than what is given out."),
        ),
        "",
    ),
    "WRITE_OFF_TOO_HIGH": (
        (
            marked(
                "Order {order_id} would have {left} left to pay; the account's rules write off {max} at most."
            ),
            marked("More would be written off than the account's rules allow, or other than is left to pay."),
        ),
        "",
    ),
    "PROPOSAL_AMBIGUOUS": ((marked("Several orders fit equally."),), marked("Say which: Ctrl+H.")),
    "REMAINDER_LEFT": (
        (marked("{remainder} is left over."), marked("Some of the money is left over.")),
        marked("Give it to another order, or keep it as the customer's credit."),
    ),
    "TENDERS_TOO_LOW": (
        (marked("{missing} is missing."), marked("The payments do not reach the total.")),
        "",
    ),
    "CHANGE_NOT_FROM_CASH": ((marked("Only cash gives change."),), marked("Lower the other payments.")),
    "SALE_OF_ORDER": (
        (marked("The sale was made from an order."),),
        marked("A till gives back what tills sold."),
    ),
    "REFUND_TOO_MUCH": (
        (
            marked("Only {left} of it can still be given back."),
            marked("That is more than the sale still has."),
        ),
        "",
    ),
    "DRAWER_TOO_LOW": (
        (
            marked("There is {expected_cash} in the drawer, and {wanted} would be paid out."),
            marked("The drawer has less cash than would be paid out."),
        ),
        marked("Pay it back another way."),
    ),
    "SHIFT_OPEN": ((marked("The till has an open shift."),), marked("Close it first.")),
    "SHIFT_CLOSED": ((marked("The shift is closed."),), marked("Open one first.")),
    "ITEM_MISMATCH": (
        (marked("Another item was scanned, or the quantity differs."),),
        marked("Nothing was moved."),
    ),
    "ITEM_INACTIVE": ((marked("{item} is not sold any more."), marked("The item is not sold any more.")), ""),
    "PRICE_MISSING": (
        (
            marked("{item} has no price for this quantity."),
            marked("The item has no price for this quantity."),
        ),
        "",
    ),
    "UNIQUE_CODES_EXHAUSTED": (
        (marked("Every unique code for this total is in use."),),
        marked("Wait until open orders close, or use another bank account."),
    ),
    "DROP_ORDER_REQUIRED": (
        (marked("Stock of a desk moves by Drop Orders only."),),
        marked("Ask the warehouse: F5."),
    ),
    "LOCATION_KIND_WRONG": ((marked("The location is not of the kind that this needs."),), ""),
    "COURIER_NOT_CONNECTED": (
        (marked("The courier has no connection."),),
        marked("Enter the number by hand."),
    ),
    "POINTS_TOO_LOW": ((marked("The customer has fewer points."),), ""),
    "CREDIT_TOO_LOW": (
        (
            marked("The customer's credit is {available}, not {wanted}."),
            marked("The customer has less credit."),
        ),
        "",
    ),
    "CUSTOMER_BUSY": (
        (marked("The customer has credit, or an order that is not closed."),),
        marked("Close what is open first."),
    ),
    "CUSTOMER_ERASED": (
        (marked("The customer's data were erased."),),
        marked("Take a new customer."),
    ),
    "REPLY_LOST": (
        (marked("It was done; what the server answered is lost."),),
        marked("Look it up before you do it again."),
    ),
    "SETTING_FIXED": ((marked("The setting cannot change any more."),), ""),
    "VERSION_STALE": (
        (marked("Somebody changed it meanwhile."),),
        marked("Look at it again, then repeat."),
    ),
    "QUEUE_FULL": ((marked("The server has too much to do."),), _AGAIN),
    "REVISION_COMPACTED": ((marked("The server's journal does not reach back that far."),), ""),
    "WRITER_STOPPED": ((marked("The server takes no commands now."),), _OPERATOR),
    "STORE_FULL": (
        (marked("The server's disk is full or cannot be written; nothing was changed."),),
        _OPERATOR,
    ),
    "STORE_CORRUPT": ((marked("A stored record cannot be trusted."),), _OPERATOR),
    "STORE_LOCKED": ((marked("Another program has the store open."),), _OPERATOR),
    "STORE_FORMAT": ((marked("The store is of a format that this program does not know."),), _OPERATOR),
    "STORE_UNUSABLE": ((marked("The store's folder cannot be used."),), _OPERATOR),
    "STORE_EXISTS": ((marked("The folder is not empty."),), _OPERATOR),
    "STORE_DIFFERS": ((marked("The two stores do not share one history."),), _OPERATOR),
    "SNAPSHOT_EXISTS": ((marked("A snapshot of that name is there already."),), _OPERATOR),
    "SNAPSHOT_BROKEN": ((marked("The snapshot is not whole."),), _OPERATOR),
    "JOURNAL_BROKEN": ((marked("A file of the backup is not whole."),), _OPERATOR),
    "BACKUP_NOT_REACHED": ((marked("The backup does not hold that moment."),), _OPERATOR),
    "STORE_NOT_CLOSED": ((marked("The store was not closed well."),), _OPERATOR),
    "STORE_REOPENED": ((marked("The store was opened anew while it was read."),), marked("Try again.")),
    "ACTOR_MALFORMED": (
        (marked("The user's name cannot be sent as it is."),),
        marked("Start the program with --as NAME."),
    ),
    "ACTOR_RESERVED": (
        (marked("That is the server's own name."),),
        marked("Start the program with --as NAME."),
    ),
    "ACCESS_NAME_TAKEN": ((marked("There is a user or a key of that name already."),), ""),
    "ACCESS_NOT_FOUND": ((marked("There is no user, device or key of that name."),), ""),
    "ACTOR_MISMATCH": ((marked("Somebody else is logged in at this device."),), _LOGIN),
    "DEVICE_UNKNOWN": (
        (marked("This machine was taken out of the shop, or was never in it."),),
        marked("Ask an owner or a manager for a code, then: kasir enrol CODE."),
    ),
    "ENROLMENT_REFUSED": (
        (marked("The code is wrong, used or too old."),),
        marked("Ask for a new one."),
    ),
    "LAST_OWNER": ((marked("The last owner cannot be taken out."),), ""),
    "LOCATION_DENIED": ((marked("You do not work at this location."),), _IN_CHARGE),
    "LOGIN_FAILED": ((marked("The name and the PIN do not fit together."),), ""),
    "LOGIN_LOCKED": (
        (
            marked("Too many wrong PINs: wait {seconds} seconds."),
            marked("Too many wrong PINs: wait a while."),
        ),
        "",
    ),
    "RATE_EXCEEDED": ((marked("That is too much at once."),), _AGAIN),
    "ROLE_MISSING": ((marked("Your role may not do this."),), _IN_CHARGE),
    "SESSION_REQUIRED": ((marked("Nobody is logged in at this device."),), _LOGIN),
    "BANK_ACCOUNT_AMBIGUOUS": (
        (marked("Several bank accounts have the file's number."),),
        marked("Choose the account, then import it again."),
    ),
    "COLUMN_MAPPING_AMBIGUOUS": (
        (marked("Several saved columns fit the file."),),
        marked("Choose the account, then import it again."),
    ),
    "ENGINE_FORKED": ((marked("The server was started in a way that it cannot work in."),), _OPERATOR),
    "ENGINE_OPEN": ((marked("The server has the store open already."),), _OPERATOR),
    "FILE_TOO_LARGE": ((marked("The file is too large."),), marked("Download a shorter period.")),
    "INTERNAL": ((marked("The server is at fault; its log says more."),), _OPERATOR),
    "MESSAGE_TOO_LARGE": (
        (marked("The request is larger than the server takes."),),
        marked("Do it in several parts."),
    ),
    "READER_TOO_SLOW": ((marked("This program did not keep up with the server."),), ""),
    "SERVER_STOPPING": ((marked("The server is being stopped."),), marked("Try again when it runs.")),
    "SNAPSHOT_UNWRITABLE": ((marked("The snapshot's folder cannot be written."),), _OPERATOR),
    "TOO_MANY_AGENTS": ((marked("Too many hardware agents report already."),), _OPERATOR),
    "TOO_MANY_CALLS": ((marked("The server has too many calls at once."),), _AGAIN),
    "TOO_MANY_STREAMS": ((marked("Too many programs watch the server at once."),), _AGAIN),
    "TOO_MANY_UPLOADS": ((marked("Too many files are being sent at once."),), _AGAIN),
    "UPLOAD_STALLED": (
        (marked("Nothing of the file came for a minute."),),
        marked("Nothing was imported. Try again."),
    ),
    "UPLOAD_UNWRITABLE": (
        (marked("The server's disk has no room for the file; nothing was imported."),),
        _OPERATOR,
    ),
}
# What the server says of these beyond our sentence is wanted in any language.
DETAILED = frozenset(
    {
        "AMOUNT_OUT_OF_RANGE",
        "BANK_ACCOUNT_AMBIGUOUS",
        "BANK_ACCOUNT_NOT_FOUND",
        "CODE_TAKEN",
        "COLUMN_MAPPING_AMBIGUOUS",
        "CURRENCY_MISMATCH",
        "FIELD_MALFORMED",
        "FIELD_OUT_OF_RANGE",
        "INTERNAL",
        "ITEM_NOT_FOUND",
        "LOCATION_KIND_WRONG",
        "STATEMENT_BROKEN",
        "TOO_MANY_ELEMENTS",
    }
)
# When the line failed before anybody decided anything
NO_ANSWER: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.UNAVAILABLE: marked("The server at {server} does not answer. Is it running?"),
    grpc.StatusCode.DEADLINE_EXCEEDED: marked("The server at {server} did not answer in time."),
    grpc.StatusCode.UNAUTHENTICATED: marked("The server at {server} does not know who you are."),
    grpc.StatusCode.PERMISSION_DENIED: marked("The server at {server} does not allow this to you."),
    grpc.StatusCode.UNIMPLEMENTED: marked(
        "The server at {server} does not know this command: another version?"
    ),
    grpc.StatusCode.RESOURCE_EXHAUSTED: marked("That is more than the server at {server} takes: {message}"),
}
ENTITIES: dict[str, str] = {
    "Order": marked("Order"),
    "Drop Order": marked("Drop Order"),
    "Mutation": marked("Mutation"),
    "Parcel": marked("Parcel"),
    "Print job": marked("Print job"),
    "Message": marked("Message"),
}


def _by_engines_name(states: dict[int, str], names: Iterable[tuple[str, int]]) -> dict[str, str]:
    """The engine says "HandedOver" of what the contract calls DROP_ORDER_STATE_HANDED_OVER."""
    camel = {
        number: "".join(part.capitalize() for part in name.split("_STATE_")[1].split("_"))
        for name, number in names
    }
    return {camel[number]: words for number, words in states.items()}


STATES: dict[str, dict[str, str]] = {
    "Order": _by_engines_name(ORDER_STATES, OrderState.items()),
    "Drop Order": _by_engines_name(DROP_ORDER_STATES, DropOrderState.items()),
    "Mutation": _by_engines_name(MUTATION_STATES, MutationState.items()),
}
# Fields that a window sends, by their names in the contract
FIELDS: dict[str, str] = {
    "address": marked("address"),
    "airway_bill": marked("airway bill"),
    "allocations": marked("order"),
    "amount": marked("amount"),
    "barcode": marked("barcode"),
    "bank_account_id": marked("account"),
    "booking": marked("order"),
    "city": marked("city"),
    "courier_id": marked("courier"),
    "courier_service": marked("service"),
    "customer_email": marked("e-mail"),
    "customer_name": marked("name"),
    "customer_phone": marked("phone"),
    "discount": marked("discount"),
    "district": marked("district"),
    "expire_time": marked("deadline"),
    "item_id": marked("item"),
    "lines": marked("line"),
    "location_id": marked("location"),
    "name": marked("name"),
    "note": marked("note"),
    "order_id": marked("order"),
    "phone": marked("phone"),
    "postal_code": marked("postal code"),
    "province": marked("province"),
    "quantity": marked("quantity"),
    "reason": marked("reason"),
    "recipient": marked("recipient"),
    "reference": marked("reference"),
    "shipping": marked("shipping"),
    "street": marked("street"),
    "write_off": marked("written off"),
}
