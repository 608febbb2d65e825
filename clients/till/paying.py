"""How a cart is paid: what is left, which notes a customer gives, whose points and credit pay."""

from collections.abc import Iterable, Sequence

from clients.common.money import minor_digits, show_amount
from clients.common.problems import BadInput
from clients.till.limits import REFERENCE_MAX, is_printable
from clients.till.prices import looks_like_card_number
from kasir.v1.admin_pb2 import Settings
from kasir.v1.sale_pb2 import TENDER_KIND_CREDIT, TENDER_KIND_POINTS, Tender, TenderKind

# In whole units of the currency, the largest first. Rupiah as Bank Indonesia issues them (2022).
NOTES: dict[str, tuple[int, ...]] = {"IDR": (100_000, 50_000, 20_000, 10_000, 5_000, 2_000, 1_000)}
COINS: dict[str, tuple[int, ...]] = {"IDR": (1_000, 500, 200, 100)}
# Amounts offered beside the exact one
QUICK_MAX = 4


def rest(total_minor: int, tenders: Iterable[Tender]) -> int:
    """What the tenders leave to pay; negative for what goes back."""
    return total_minor - sum(tender.amount.minor_units for tender in tenders)


def quick_amounts(rest_minor: int, currency_code: str) -> Sequence[int]:
    """What somebody is likely to give in cash: the sum itself, and what notes round it up to; minor units."""
    unit = 10 ** minor_digits(currency_code)
    notes = [note * unit for note in NOTES.get(currency_code, ())]
    rounded = {-(-rest_minor // note) * note for note in notes} - {rest_minor}
    return [rest_minor, *sorted(rounded)[:QUICK_MAX]] if rest_minor > 0 else []


def counted(currency_code: str, notes: Iterable[tuple[int, int]]) -> int:
    """Value and number of notes and coins as minor units."""
    unit = 10 ** minor_digits(currency_code)
    return sum(value * number * unit for value, number in notes)


def check_reference(reference: str) -> None:
    """Raises BadInput for a reference that is never booked."""
    if len(reference) > REFERENCE_MAX:
        raise BadInput("A reference has at most {most} characters.", most=REFERENCE_MAX)
    if not is_printable(reference):
        raise BadInput("The reference holds characters that cannot be printed: type it.")
    check_no_card(reference)


def check_no_card(text: str) -> None:
    """Raises BadInput for what may be a card's number: it must not reach the disk either."""
    if looks_like_card_number(text):
        raise BadInput("That looks like a card number; those are never kept.")


def check_own(kind: TenderKind.ValueType, amount_minor: int, customer_id: int, settings: Settings) -> None:
    """Points and credit are somebody's, and points have a worth. An amount of 0 is not known yet. Raises
    BadInput.
    """
    if kind not in {TENDER_KIND_POINTS, TENDER_KIND_CREDIT}:
        return
    if kind == TENDER_KIND_CREDIT:
        if not customer_id:
            raise BadInput("Whose credit? Name the customer first.")
        return
    if not customer_id:
        raise BadInput("Whose points? Name the customer first.")
    worth = settings.point_value_minor_units
    if not worth:
        raise BadInput(
            "Points pay nothing in this shop: kasir admin settings --point-value sets their worth."
        )
    if amount_minor % worth:
        one = show_amount(worth, settings.currency_code)
        raise BadInput("A point is worth {worth}: points pay that, or a multiple of it.", worth=one)
