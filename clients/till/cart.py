"""A cart: what the customer puts on the counter, before it is paid. It has no prices of its own."""

from dataclasses import asdict, dataclass, field
from typing import Any

from clients.common.problems import BadInput
from clients.common.specs import QUANTITY_MAX, QUANTITY_MOST
from clients.till.limits import LINES_MAX


@dataclass(frozen=True)
class Permission:
    """Who allowed what a cashier may not do alone, and why; kept with the sale. `verified`: they gave their
    PIN, see approvers.
    """

    by: str
    reason: str = ""
    verified: bool = False


@dataclass
class CartLine:
    """So many of one item, and what is taken off."""

    item_id: int
    quantity: int
    discount_minor: int = 0
    permission: Permission | None = None


@dataclass
class Cart:
    """Lines in the order of the scans."""

    lines: list[CartLine] = field(default_factory=list)
    # Whose points they become, and that customer's name for the screen; 0 for nobody's.
    customer_id: int = 0
    customer_name: str = ""
    price_list: str = ""
    # Under which it is set aside, and whose it is; 0 for none.
    number: int = 0
    name: str = ""

    def add(self, item_id: int, quantity: int = 1) -> CartLine:
        """One more scan: it joins the line of its item, unless that one has a discount. Raises BadInput."""
        for line in self.lines:
            if line.item_id == item_id and not line.discount_minor:
                line.quantity = _quantity(line.quantity + quantity)
                return line
        if len(self.lines) == LINES_MAX:
            raise BadInput("A sale has at most {most} lines: begin another.", most=LINES_MAX)
        line = CartLine(item_id, _quantity(quantity))
        self.lines.append(line)
        return line

    def set_quantity(self, index: int, quantity: int) -> None:
        """How many a line is of; 0 takes it out. Raises BadInput."""
        if quantity == 0:
            del self.lines[index]
        else:
            self.lines[index].quantity = _quantity(quantity)

    def discount(self, index: int, discount_minor: int, permission: Permission) -> None:
        """Takes an amount off a line; somebody allowed it. 0 takes the discount back. Raises BadInput."""
        if discount_minor < 0:
            raise BadInput("A discount takes something off.")
        line = self.lines[index]
        line.discount_minor = discount_minor
        line.permission = permission if discount_minor else None

    def permissions(self) -> list[dict[str, Any]]:
        """Who allowed the discounts, as the journal keeps it."""
        return [
            {"what": "discount", "item": str(line.item_id)} | asdict(line.permission)
            for line in self.lines
            if line.permission is not None
        ]

    def to_row(self) -> dict[str, Any]:
        """As the store keeps it."""
        return asdict(self)

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Cart":
        """What `to_row` made."""
        lines = [
            CartLine(
                each["item_id"],
                each["quantity"],
                each["discount_minor"],
                Permission(**each["permission"]) if each["permission"] else None,
            )
            for each in row["lines"]
        ]
        return cls(
            lines,
            row["customer_id"],
            # Carts of earlier versions have none.
            row.get("customer_name", ""),
            row["price_list"],
            row["number"],
            row["name"],
        )


def _quantity(quantity: int) -> int:
    if not 1 <= quantity <= QUANTITY_MAX:
        raise BadInput("A quantity is from 1 to {most}.", most=QUANTITY_MOST)
    return quantity
