"""What people do: Book Orders and the money for them."""

from kasir.v1 import booking_pb2, common_pb2, reconciliation_pb2
from tests.model.base import Record
from tests.properties.driver import now_ms
from tests.properties.inputs import (
    ADDRESS,
    EMAILS,
    NO_EMAILS,
    PHONES,
    UNKNOWN_ID,
    Choice,
    day,
    in_state,
    money,
    timestamp,
)
from tests.properties.shop_base import DESK, SHOP, WAREHOUSE, ShopBase, action

MAPPING = 'columns = { date = "Tanggal", amount = "Jumlah" }\n'


def is_owing(order: Record) -> bool:
    in_part = order["state"] == "REFUND_DUE" and order["paid"] < order["payable"]
    return in_part or order["state"] in {"BOOKED", "PARTLY_PAID", "EXPIRED", "CANCELLED"}


class OrderActions(ShopBase):
    """What is set aside, and what pays it."""

    # --- Book Orders ---

    def _line(self, choice: Choice) -> booking_pb2.OrderLineInput:
        kind = choice.of(["place", "place", "drop", "drop", "hold"], ["nothing"])
        fields: Record = {"item_id": choice.one(self.model.items), "quantity": choice.quantity()}
        on_desk = in_state("HANDED_OVER", "RETURN_DUE")
        drops = {
            drop_id: drop
            for drop_id, drop in self.model.drop_orders.items()
            if on_desk(drop) or choice.careless
        }
        claims = {"drop": drops, "hold": self.model.holds}.get(kind)
        if claims:
            claim_id = choice.one(claims)
            fields["drop_order_id" if kind == "drop" else "hold_id"] = claim_id
            claim = claims.get(claim_id)
            if claim and not choice.wrong():
                fields |= {"item_id": claim["item_id"], "quantity": claim["quantity"]}
        elif kind != "nothing":
            fields["location_id"] = choice.of([WAREHOUSE, SHOP], [DESK, 0])
        return booking_pb2.OrderLineInput(**fields, **choice.discount())

    def _booking(self, choice: Choice) -> booking_pb2.BookingInput:
        who: Record = {"customer_name": "Dewi", "customer_phone": choice.of(PHONES, [""])}
        if self.model.customers and choice.maybe():
            who = {"customer_id": choice.one(self.model.customers)}
        who["customer_email"] = choice.of(["", "", *EMAILS], NO_EMAILS)
        courier_id = choice.of([0, 1, 1, 2], [UNKNOWN_ID])
        return booking_pb2.BookingInput(
            **who,
            address=ADDRESS if courier_id else None,
            lines=[self._line(choice) for _ in range(choice.of([1, 1, 1, 2, 3], [0]))],
            channel=choice.of([common_pb2.CHANNEL_CHAT, common_pb2.CHANNEL_WEB], [0]),
            price_list=choice.of(["", "retail"], ["wholesale"]),
            shipping=choice.of([money(18_000_00), None], [money(1, "XXX"), money(-5)])
            if courier_id
            else None,
            courier_id=courier_id,
            courier_service="REG",
            bank_account_id=choice.of([0, 1, 1, 2, 2], [UNKNOWN_ID]),
            **choice.expiry(),
        )

    @action(5)
    def books(self, choice: Choice) -> None:
        booking = self._booking(choice)
        if choice.seldom():
            self.driver.ask_both("QuoteBooking", booking=booking)
        self.send(choice, "CreateBooking", booking=booking)

    @action(2)
    def books_many(self, choice: Choice) -> None:
        bookings = [self._booking(choice) for _ in range(choice.of([1, 2, 3]))]
        self.send(choice, "BatchCreateBookings", bookings=bookings)

    @action(2, when=lambda self: bool(self.model.orders))
    def changes_an_order(self, choice: Choice) -> None:
        order_id = choice.one(self.model.orders, in_state("BOOKED", "PARTLY_PAID", "PAID"))
        if choice.maybe():
            self.send(choice, "CancelBooking", order_id=order_id, reason="changed their mind")
            return
        version = self.model.orders.get(order_id, {"version": 1})["version"] - choice.stale()
        expire_time = timestamp(now_ms() + choice.of([200, 7_200_000], [-1_000]))
        self.send(choice, "ExtendBooking", order_id=order_id, version=version, expire_time=expire_time)

    # --- Money ---

    def _due(self, choice: Choice, order_id: int) -> int:
        """An amount for an order: all that is due, a part, or too much."""
        order = self.model.orders.get(order_id, {"payable": 100, "paid": 0})
        due = order["payable"] - order["paid"]
        short = max(due - 500, 1)
        return choice.of([due or 100, due or 100, due or 100, due // 2 or 1, short], [due + 100, 0, -1])

    @action(3, when=lambda self: any(map(is_owing, self.model.orders.values())))
    def pays_otherwise(self, choice: Choice) -> None:
        order_id = choice.one(self.model.orders, is_owing)
        self.send(
            choice,
            "RecordPayment",
            order_id=order_id,
            amount=money(self._due(choice, order_id), choice.of(["IDR"], ["USD"])),
            method=choice.of(["marketplace", "COD"], [""]),
            reference=choice.reference(),
        )

    @action(4)
    def imports_mutations(self, choice: Choice) -> None:
        orders = self.model.orders
        rows = []
        account_ids = [1, 2]
        for _ in range(choice.of([1, 1, 2, 3])):
            amount = 50_000_00
            if orders and not choice.seldom():
                order_id = choice.one(orders, lambda order: is_owing(order) and order["bank_account_id"] > 0)
                amount = self._due(choice, order_id)
                account_ids = [orders.get(order_id, {"bank_account_id": 1})["bank_account_id"] or 1]
            balance = choice.of([None, None, money(1_000_000_00)])
            reference = choice.of(["", "", "", "FT1", "m1"])
            rows.append(
                reconciliation_pb2.MutationInput(
                    date=choice.of([day(0), day(1)], [day(-3)]),
                    amount=money(amount * choice.of([1], [-1]), choice.of(["IDR"], ["USD"])),
                    balance=balance,
                    description=choice.of(
                        ["TRSF  E-BANKING CR", "trsf e-banking cr", "SETORAN", "Trsf e-banking CR SITI"]
                    ),
                    bank_reference=reference,
                    reference_is_unique=reference == "m1",
                    pending=choice.of([False, False, True]),
                )
            )
        account_id = choice.of(account_ids, [1, 2, UNKNOWN_ID])
        file = {"file_hash": choice.of(["", "", "a1", "b2"]), "file_ends": choice.of([False, True])}
        self.send(choice, "ImportMutations", bank_account_id=account_id, mutations=rows, **file)

    @action(3, when=lambda self: bool(self.model.mutations))
    def matches(self, choice: Choice) -> None:
        # The account with the newest mutation has news.
        newest = self.model.mutations[max(self.model.mutations)]["bank_account_id"]
        account_id = choice.of([newest, newest, 1, 2])
        if not choice.seldom():
            self.send(choice, "ProposeMatches", bank_account_id=account_id)
        if choice.seldom():
            return
        proposed = in_state("PROPOSED")
        ids = [choice.one(self.model.mutations, proposed) for _ in range(choice.of([1, 2]))]
        ids = [] if choice.maybe() else ids
        self.send(
            choice,
            "ConfirmMatches",
            bank_account_id=account_id,
            mutation_ids=ids,
            all_auto=choice.of([not ids], [bool(ids)]),
        )

    def _joins(self, choice: Choice) -> None:
        """Several mutations for one order, most of them small enough."""
        ids = [choice.one(self.model.mutations, in_state("POSTED", "PROPOSED")) for _ in range(2)]
        self.send(
            choice,
            "JoinMutations",
            mutation_ids=ids,
            order_id=choice.one(self.model.orders, is_owing),
            write_off=choice.of([None, None, money(500)]),
            credit_remainder=choice.of([True, True, False]),
        )

    @action(1)
    def sets_matching_rules(self, choice: Choice) -> None:
        rules = reconciliation_pb2.MatchingRules(
            write_off_max=choice.of([None, money(500), money(5_000_00)], [money(-1)]),
            confirm_by_itself=choice.of([False], [True]),
        )
        account_id = choice.of([1, 2], [UNKNOWN_ID])
        self.send(choice, "SetMatchingRules", bank_account_id=account_id, matching_rules=rules)

    @action(1)
    def keeps_column_mappings(self, choice: Choice) -> None:
        if self.model.column_mappings and choice.seldom():
            mapping_id = choice.one(self.model.column_mappings)
            self.send(choice, "DeleteColumnMapping", column_mapping_id=mapping_id)
            return
        mapping = reconciliation_pb2.ColumnMapping(
            bank_account_id=choice.of([1, 2], [UNKNOWN_ID]),
            name=choice.of(["jago", "Jago", "seabank"], ["", "bank jago", "x" * 41]),
            mapping=choice.of([MAPPING, MAPPING + 'currency = "USD"\n'], ["", "columns ="]),
        )
        self.send(choice, "SaveColumnMapping", column_mapping=mapping)

    @action(3, when=lambda self: bool(self.model.mutations))
    def matches_by_hand(self, choice: Choice) -> None:
        mutations = self.model.mutations
        settled = any(map(in_state("CONFIRMED", "IGNORED"), mutations.values()))
        match choice.of(["match", "match", "join", "undo" if settled else "match", "ignore"], ["undo"]):
            case "join":
                self._joins(choice)
            case "undo":
                mutation_id = choice.one(mutations, in_state("CONFIRMED", "IGNORED"))
                self.send(choice, "UndoMatch", mutation_id=mutation_id)
            case "ignore":
                mutation_id = choice.one(mutations, in_state("PENDING", "POSTED", "PROPOSED"))
                reason = choice.of(["interest"], [""])
                self.send(choice, "IgnoreMutation", mutation_id=mutation_id, reason=reason)
            case _:
                mutation_id = choice.one(mutations, in_state("POSTED", "PROPOSED"))
                left = mutations.get(mutation_id, {"amount": 100})["amount"]
                credit_to = choice.one(self.model.customers) if choice.seldom() else 0
                self.send(
                    choice,
                    "MatchMutation",
                    mutation_id=mutation_id,
                    allocations=[] if credit_to and choice.maybe() else self._allocations(choice, left),
                    credit_remainder=choice.of([True], [False]),
                    credit_customer_id=credit_to,
                )

    def _allocations(self, choice: Choice, left: int) -> list[reconciliation_pb2.MutationAllocation]:
        allocations = []
        for _ in range(choice.of([1, 1, 2], [0])):
            order_id = choice.one(self.model.orders, is_owing)
            amount = min(self._due(choice, order_id), left)
            left -= amount
            off = choice.of([None, None, None, money(500)])
            allocation = reconciliation_pb2.MutationAllocation(
                order_id=order_id, amount=money(amount), write_off=off
            )
            allocations.append(allocation)
        return allocations

    @action(1, when=lambda self: any(order["state"] == "REFUND_DUE" for order in self.model.orders.values()))
    def refunds(self, choice: Choice) -> None:
        order_id = choice.one(self.model.orders, in_state("REFUND_DUE"))
        reference = choice.of(["TRF-9"], [""])
        self.send(choice, "RefundOrder", order_id=order_id, reference=reference)
