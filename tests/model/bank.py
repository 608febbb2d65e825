"""Bank accounts, mutations, and the money of orders."""

import tomllib
from collections import Counter
from typing import Any

from tests.model.base import Record, Refused, refuse_field
from tests.model.orders import OPEN
from tests.model.statements import Statements

NO_RULES: Record = {"write_off_max": 0, "propose_by_itself": False, "confirm_by_itself": False}
# Luhn-valid runs of digits are refused in free text; this is the one the tests try.
CARD_NUMBER = "4111 1111 1111 1111"


class Bank(Statements):
    """Which money pays which order."""

    def create_bank_account(self, request: Record) -> Record:
        asked = request["bank_account"]
        number = self.code("bank_account.number", asked["number"], 40)
        if not (number.isalnum() and number.upper() == number):
            raise refuse_field("FIELD_MALFORMED", "bank_account.number")
        # One account's in each currency.
        if any(
            (each["number"], each["currency_code"]) == (number, asked["currency_code"])
            for each in self.bank_accounts.values()
        ):
            raise refuse_field("CODE_TAKEN", "bank_account.number")
        lowest, highest = asked["unique_code_min"] or 1, asked["unique_code_max"] or 999
        self.within("bank_account.unique_code_min", lowest, 1, 99_999)
        self.within("bank_account.unique_code_max", highest, lowest, 99_999)
        account = {**asked, "bank_account_id": self.next_id("bank_account")}
        account |= {"unique_code_min": lowest, "unique_code_max": highest}
        account["matching_rules"] = dict(NO_RULES)
        self.bank_accounts[account["bank_account_id"]] = account
        return {"bank_account": account}

    def set_matching_rules(self, request: Record) -> Record:
        account = self.need(self.bank_accounts, request["bank_account_id"], "BANK_ACCOUNT")
        asked = request["matching_rules"] or dict(NO_RULES)
        if asked["confirm_by_itself"] and not asked["propose_by_itself"]:
            raise refuse_field("FIELD_MALFORMED", "matching_rules.confirm_by_itself")
        field, most = "matching_rules.write_off_max", asked["write_off_max"]
        account["matching_rules"] = asked | {"write_off_max": self.money(field, most, 0) if most else 0}
        return {"bank_account": account}

    def save_column_mapping(self, request: Record) -> Record:
        asked = request["column_mapping"] or {"bank_account_id": 0, "name": "", "mapping": ""}
        mapping = asked["mapping"].strip()
        try:
            tomllib.loads(mapping)
        except tomllib.TOMLDecodeError as error:
            raise refuse_field("FIELD_MALFORMED", "column_mapping.mapping") from error
        account_id = asked["bank_account_id"]
        if account_id not in self.bank_accounts:
            raise refuse_field("BANK_ACCOUNT_NOT_FOUND", "column_mapping.bank_account_id")
        name = self.code("column_mapping.name", asked["name"], 40)
        if not mapping:
            raise self.required("column_mapping.mapping")
        key = (account_id, name.lower())
        ids = [
            mapping_id
            for mapping_id, each in self.column_mappings.items()
            if (each["bank_account_id"], each["name"].lower()) == key
        ]
        mapping_id = ids[0] if ids else self.next_id("column_mapping")
        self.column_mappings[mapping_id] = {
            "column_mapping_id": mapping_id,
            "bank_account_id": account_id,
            "name": name,
            "mapping": mapping,
            "saved_by": self.actor,
            "save_time": self.now,
        }
        return {"column_mapping": self.column_mappings[mapping_id]}

    def delete_column_mapping(self, request: Record) -> Record:
        mapping = self.need(self.column_mappings, request["column_mapping_id"], "COLUMN_MAPPING")
        return {"column_mapping": self.column_mappings.pop(mapping["column_mapping_id"])}

    # --- Matching ---

    def propose_matches(self, request: Record) -> Record:
        """What a matcher proposes is its own business, and the test says it (`proposals_made`, by mutation).
        What any matcher must keep to is checked here.
        """
        account_id = request["bank_account_id"]
        self.need(self.bank_accounts, account_id, "BANK_ACCOUNT")
        made, self.proposals_made = self.proposals_made, {}
        reweighed, self.reweighed = self.reweighed, set()
        reply = {"auto": 0, "suggested": 0, "unmatched": 0, "withdrawn": 0, "more": False}
        promised: Counter[int] = Counter()
        for mutation_id, mutation in self.mutations.items():
            if mutation["bank_account_id"] != account_id or mutation["state"] not in {"POSTED", "PROPOSED"}:
                assert mutation_id not in made, f"mutation {mutation_id} cannot be proposed"
                continue
            before, proposal = mutation["proposal"], made.get(mutation_id)
            if proposal is None:
                reply["unmatched"] += 1
                reply["withdrawn"] += before is not None
                mutation |= {"state": "POSTED", "proposal": None}
                continue
            if proposal != before or mutation_id in reweighed:
                reply["auto" if proposal["decision"] == "AUTO" else "suggested"] += 1
            self._check_proposal(mutation, proposal, promised)
            mutation |= {"state": "PROPOSED", "proposal": proposal}
        for order_id, amount in promised.items():
            assert amount <= self.orders[order_id]["payable"] - self.orders[order_id]["paid"], order_id
        return reply

    def _check_proposal(self, mutation: Record, proposal: Record, promised: Counter[int]) -> None:
        """It gives no more than there is, for orders as they are that wait for money of this account."""
        allocations = proposal["allocations"]
        assert bool(allocations) != (proposal["decision"] == "AMBIGUOUS"), proposal
        given = sum(allocation["amount"] for allocation in allocations)
        assert given <= mutation["amount"], (mutation, proposal)
        sure = given == mutation["amount"] and not mutation["_undone"]
        assert sure or proposal["decision"] != "AUTO", (mutation, proposal)
        for allocation in allocations:
            order = self.orders[allocation["order_id"]]
            assert allocation["amount"] > 0, proposal
            assert order["version"] == allocation["order_version"], (order, proposal)
            assert order["bank_account_id"] == mutation["bank_account_id"], (order, mutation)
            assert order["state"] in OPEN | {"EXPIRED", "CANCELLED", "REFUND_DUE"}, order
            cancelled = order["state"] == "CANCELLED" or order["_cancelled"]
            assert not (cancelled and proposal["decision"] == "AUTO"), (order, proposal)
            promised[allocation["order_id"]] += allocation["amount"]

    def _is_stale(self, mutation: Record) -> bool:
        return any(
            self.orders[allocation["order_id"]]["version"] != allocation["order_version"]
            for allocation in mutation["proposal"]["allocations"]
        )

    def confirm_matches(self, request: Record) -> Record:
        account_id, ids = request["bank_account_id"], request["mutation_ids"]
        self.need(self.bank_accounts, account_id, "BANK_ACCOUNT")
        if request["all_auto"]:
            if ids:
                raise refuse_field("FIELD_MALFORMED", "mutation_ids")
            ids = [
                mutation_id
                for mutation_id, mutation in sorted(self.mutations.items())
                if mutation["bank_account_id"] == account_id
                and mutation["state"] == "PROPOSED"
                and mutation["proposal"]["decision"] == "AUTO"
            ]
        else:
            self.length("mutation_ids", ids, 1_000)
        results: list[Record] = []
        for mutation_id in ids:
            # One that stands twice, or was confirmed together with one before it, has its result.
            if any(each["mutation_id"] == mutation_id for each in results):
                continue
            result: Record = {"mutation_id": mutation_id, "order_ids": [], "order_state": "", "error": None}
            try:
                together, order_ids = self._confirm(account_id, mutation_id, all_auto=request["all_auto"])
            except Refused as refused:
                results.append(result | {"error": {"reason": refused.reason, "details": refused.details}})
                continue
            told = {"order_ids": order_ids, "order_state": self.orders[order_ids[0]]["state"]}
            results += [result | told | {"mutation_id": each} for each in together]
        return {"results": results, "more": False}

    def _confirm(self, account_id: int, mutation_id: int, *, all_auto: bool) -> tuple[list[int], list[int]]:
        """The mutations that were confirmed with this one, itself included, and the orders they pay."""
        mutation = self.need(self.mutations, mutation_id, "MUTATION")
        self.may(mutation_id, mutation["state"], "POSTED", "PROPOSED")
        if mutation["bank_account_id"] != account_id:
            raise Refused("MUTATION_NOT_FOUND")
        self.may(mutation_id, mutation["state"], "PROPOSED")
        if mutation["proposal"]["decision"] == "AMBIGUOUS":
            raise Refused("PROPOSAL_AMBIGUOUS")
        if self._is_stale(mutation):
            raise Refused("VERSION_STALE")
        proposal = mutation["proposal"]
        if proposal["joined_mutation_ids"]:
            together = {mutation_id, *proposal["joined_mutation_ids"]}
            return self._confirm_joined(together, proposal, all_auto=all_auto)
        payments = {
            allocation["order_id"]: (allocation["amount"], allocation["write_off"] or 0)
            for allocation in proposal["allocations"]
        }
        self._pay_by(mutation, payments)
        self._credit_rest(mutation, self.orders[next(iter(payments))]["customer_id"])
        return [mutation_id], list(payments)

    def _confirm_joined(
        self, ids: set[int], proposal: Record, *, all_auto: bool
    ) -> tuple[list[int], list[int]]:
        """Several mutations pay one order; what is written off is what is left when all have paid. With
        `all_auto` each of them has to be AUTO.
        """
        (named,) = proposal["allocations"]
        order, parts = self.orders[named["order_id"]], []
        for mutation_id in sorted(ids):
            other = self.mutations[mutation_id]
            proposed = other["proposal"] or {"joined_mutation_ids": [], "allocations": []}
            (part,) = proposed["allocations"] or [None]
            same = part and all(part[name] == named[name] for name in ("order_id", "order_version"))
            unsure = all_auto and proposed.get("decision") != "AUTO"
            if unsure or not same or {mutation_id, *proposed["joined_mutation_ids"]} != ids:
                raise Refused("VERSION_STALE", id=mutation_id)
            parts.append((other, part["amount"], part["write_off"] or 0))
        parts.sort(key=lambda part: (part[2], part[0]["mutation_id"]))
        self._check_join(order, parts)
        for mutation, amount, off in parts:
            payment = {order["order_id"]: (amount, off)}
            self._pay_by(mutation, payment, tell=mutation is parts[-1][0])
            self._credit_rest(mutation, order["customer_id"])
        return [mutation["mutation_id"] for mutation, _, _ in parts], [order["order_id"]]

    def match_mutation(self, request: Record) -> Record:
        mutation = self.need(self.mutations, request["mutation_id"], "MUTATION")
        self.may(mutation["mutation_id"], mutation["state"], "POSTED", "PROPOSED")
        credit_to = request["credit_customer_id"]
        if credit_to:
            self.known_customer(credit_to)
        if request["allocations"] or not credit_to:
            self.length("allocations", request["allocations"], 100)
        payments: dict[int, tuple[int, int]] = {}
        for index, allocation in enumerate(request["allocations"]):
            order = self.need(self.orders, allocation["order_id"], "ORDER")
            if order["order_id"] in payments:
                raise refuse_field("FIELD_MALFORMED", f"allocations[{index}].order_id")
            amount = self.money(f"allocations[{index}].amount", allocation["amount"], 1)
            off = self._write_off(f"allocations[{index}].write_off", allocation["write_off"])
            payments[order["order_id"]] = (amount, off)
        remainder = mutation["amount"] - sum(amount for amount, _ in payments.values())
        if remainder < 0:
            raise refuse_field("OVER_ALLOCATED", "allocations")
        if remainder and not request["credit_remainder"]:
            raise Refused("REMAINDER_LEFT", remainder_minor=remainder)
        self._pay_by(mutation, payments)
        if remainder:
            self._credit_rest(mutation, credit_to or self.orders[next(iter(payments))]["customer_id"])
        return {"mutation": mutation, "orders": [self.orders[order_id] for order_id in payments]}

    def join_mutations(self, request: Record) -> Record:
        ids = request["mutation_ids"]
        if len(ids) > 100:
            raise refuse_field("TOO_MANY_ELEMENTS", "mutation_ids")
        if len(ids) < 2:
            raise refuse_field("FIELD_OUT_OF_RANGE", "mutation_ids")
        order = self.need(self.orders, request["order_id"], "ORDER")
        off = self._write_off("write_off", request["write_off"])
        mutations: list[Record] = []
        for index, mutation_id in enumerate(ids):
            mutation = self.need(self.mutations, mutation_id, "MUTATION")
            self.may(mutation_id, mutation["state"], "POSTED", "PROPOSED")
            accounts = {each["bank_account_id"] for each in [*mutations, mutation]}
            if mutation in mutations or len(accounts) > 1:
                raise refuse_field("FIELD_MALFORMED", f"mutation_ids[{index}]")
            mutations.append(mutation)
        due = order["payable"] - order["paid"] - order["written_off"]
        parts = []
        for index, mutation in enumerate(mutations):
            last = mutation is mutations[-1]
            amount = min(mutation["amount"], due) if last else mutation["amount"]
            if not 0 < amount <= due:
                raise refuse_field("OVER_ALLOCATED", f"mutation_ids[{index}]")
            due -= amount
            if amount < mutation["amount"] and not request["credit_remainder"]:
                raise Refused("REMAINDER_LEFT", remainder_minor=mutation["amount"] - amount)
            parts.append((mutation, amount, off if last else 0))
        self._check_join(order, parts)
        for mutation, amount, written_off in parts:
            self._pay_by(mutation, {order["order_id"]: (amount, written_off)}, tell=mutation is mutations[-1])
            self._credit_rest(mutation, order["customer_id"])
        return {"mutations": mutations, "order": order}

    def _check_join(self, order: Record, parts: list[tuple[Record, int, int]]) -> None:
        """Refused before any of them has paid: the last, with what is written off, is held against the
        rest.
        """
        late = ("EXPIRED", "CANCELLED", "REFUND_DUE")
        self.may(order["order_id"], order["state"], "BOOKED", "PARTLY_PAID", *late)
        mutation, amount, off = parts[-1]
        before = sum(paid for _, paid, _ in parts[:-1])
        self._check_payment(order, before + amount, off, self._most_off(mutation))

    def _credit_rest(self, mutation: Record, customer_id: int) -> None:
        rest = mutation["amount"] - sum(each["amount"] for each in mutation["allocations"])
        if rest:
            mutation |= {"credited": rest, "credited_customer_id": customer_id}
            self.count("CREDITS", amount=rest)
            self.credit(customer_id, rest)

    def _write_off(self, field: str, amount: Any) -> int:
        return 0 if amount is None else self.money(field, amount, 0)

    def _most_off(self, mutation: Record) -> int:
        most: int = self.bank_accounts[mutation["bank_account_id"]]["matching_rules"]["write_off_max"]
        return most

    def _pay_by(self, mutation: Record, payments: dict[int, tuple[int, int]], *, tell: bool = True) -> None:
        for order_id, (amount, off) in payments.items():
            self._check_payment(self.orders[order_id], amount, off, self._most_off(mutation))
        mutation |= {"state": "CONFIRMED", "proposal": None}
        paying = {"mutation_id": mutation["mutation_id"], "tell": tell}
        mutation["allocations"] = [
            {
                "order_id": order_id,
                "amount": amount,
                "write_off": self._pay(self.orders[order_id], amount, off, **paying) or None,
            }
            for order_id, (amount, off) in payments.items()
        ]

    def credit(self, customer_id: int, amount: int) -> None:
        """A customer's credit grows or falls."""
        if amount:
            self.customers[customer_id]["credit"] += amount
            self.customers[customer_id]["version"] += 1

    # --- Payments ---

    def _check_payment(self, order: Record, amount: int, off: int = 0, most_off: int = 0) -> None:
        due = order["payable"] - order["paid"] - order["written_off"]
        if amount > due:
            raise Refused("OVER_ALLOCATED", order_id=order["order_id"], due_minor=due)
        if off and (order["written_off"] + off > most_off or amount + off != due):
            raise refuse_field("WRITE_OFF_TOO_HIGH", "write_off")
        late = ("EXPIRED", "CANCELLED", "REFUND_DUE")
        self.may(order["order_id"], order["state"], "BOOKED", "PARTLY_PAID", *late)

    def _pay(
        self,
        order: Record,
        amount: int,
        off: int = 0,
        *,
        mutation_id: int = 0,
        method: str = "",
        reference: str = "",
        tell: bool = True,
    ) -> int:
        """Pays an order and returns what was written off, which is nothing of what has to be paid back."""
        allocation = {"mutation_id": mutation_id, "method": method, "reference": reference, "amount": amount}
        order["allocations"].append(allocation | {"create_time": self.now, "write_off": None})
        order["paid"] += amount
        order["written_off"] += off
        self.count("PAYMENTS", amount=amount)
        full = order["paid"] + order["written_off"] == order["payable"]
        erased = self.customers[order["customer_id"]]["erase_time"] is not None
        if order["state"] not in OPEN:
            self.count("LATE_PAYMENTS", amount=amount)
        if order["state"] in OPEN:
            self.become(order, "PAID" if full else "PARTLY_PAID")
        elif full and not erased and self._ended_by_the_clock(order) and self._book_again(order):
            self.count("ORDERS_REBOOKED", amount=order["payable"])
            self.become(order, "PAID")
        else:
            if order["state"] == "REFUND_DUE":
                self.count("REFUNDS_DUE", count=0, amount=amount)
            order["written_off"] -= off
            off = 0
            self.become(order, "REFUND_DUE")
        if off:
            order["allocations"][-1]["write_off"] = off
            self.count("WRITE_OFFS", amount=off)
        if order["state"] == "PAID":
            self.count("ORDERS_PAID", amount=order["payable"])
            if tell:
                self.queue_message("PAYMENT_RECEIVED", order)
        elif order["state"] == "REFUND_DUE" and tell and not erased:
            self.queue_message("REFUND_DUE", order)
        return off

    @staticmethod
    def _ended_by_the_clock(order: Record) -> bool:
        return order["state"] in {"EXPIRED", "REFUND_DUE"} and not order["_cancelled"]

    def _book_again(self, order: Record) -> bool:
        """Claims an expired order's goods again, all or none: from the Drop Order that still waits on the
        desk, else from where they came.
        """
        wanted: Counter[tuple[int, int]] = Counter()
        places = []
        for line in order["lines"]:
            drop_order = self.drop_orders.get(line["drop_order_id"])
            if drop_order is not None and drop_order["state"] == "RETURN_DUE":
                places.append({"drop_order_id": drop_order["drop_order_id"]})
                continue
            origin = line["location_id"] if drop_order is None else drop_order["from_location_id"]
            places.append({"drop_order_id": 0, "location_id": origin})
            wanted[line["item_id"], origin] += line["quantity"]
        if any(self.available(*place) < units for place, units in wanted.items()):
            return False
        for line, place in zip(order["lines"], places, strict=True):
            line.update(place)
            if line["drop_order_id"]:
                self.book_drop_order(line["drop_order_id"], order["order_id"])
        self.reserve_again(order)
        return True

    def record_payment(self, request: Record) -> Record:
        order = self.need(self.orders, request["order_id"], "ORDER")
        if request["reference"] == CARD_NUMBER:
            raise refuse_field("CARD_NUMBER_REFUSED", "reference")
        method = self.text("method", request["method"], 30)
        amount = self.money("amount", request["amount"], 1)
        self._check_payment(order, amount)
        self._pay(order, amount, method=method, reference=request["reference"])
        return {"order": order}

    def undo_match(self, request: Record) -> Record:
        mutation = self.need(self.mutations, request["mutation_id"], "MUTATION")
        self.may(mutation["mutation_id"], mutation["state"], "CONFIRMED", "IGNORED")
        if mutation["state"] == "IGNORED":
            if not mutation["_ignored_pending"] and mutation["amount"] <= 0:
                raise Refused("WRONG_STATE", id=mutation["mutation_id"])
            mutation["state"] = "PENDING" if mutation["_ignored_pending"] else "POSTED"
            mutation |= {"_ignored_pending": False, "ignore_reason": ""}
            return {"mutation": mutation}
        orders = [self.orders[allocation["order_id"]] for allocation in mutation["allocations"]]
        for order in orders:
            if order["state"] in {"SOLD", "HANDED_TO_COURIER", "DELIVERED"}:
                raise Refused("ORDER_SOLD", order_id=order["order_id"])
            self.may(order["order_id"], order["state"], "PARTLY_PAID", "PAID", "REFUND_DUE")
        credited_to = mutation["credited_customer_id"]
        if credited_to and self.customers[credited_to]["credit"] < mutation["credited"]:
            raise Refused("CREDIT_TOO_LOW")
        for order in orders:
            self._unpay(order, mutation["mutation_id"])
        if credited_to:
            self.count("CREDITS", count=-1, amount=-mutation["credited"])
            self.credit(credited_to, -mutation["credited"])
        mutation |= {"state": "POSTED", "proposal": None, "allocations": [], "_undone": True}
        mutation |= {"credited": 0, "credited_customer_id": 0}
        return {"mutation": mutation}

    def _unpay(self, order: Record, mutation_id: int) -> None:
        taken = sum(each["amount"] for each in order["allocations"] if each["mutation_id"] == mutation_id)
        order["allocations"] = [each for each in order["allocations"] if each["mutation_id"] != mutation_id]
        order["paid"] -= taken
        off = order["written_off"] - sum(each["write_off"] or 0 for each in order["allocations"])
        if off:
            order["written_off"] -= off
            self.count("WRITE_OFFS", count=-1, amount=-off)
        self.count("PAYMENTS_UNDONE", amount=taken)
        in_time = order["state"] in {"PARTLY_PAID", "PAID"} and order["expire_time"] > self.now
        if in_time:
            self.become(order, "PARTLY_PAID" if order["paid"] else "BOOKED")
        elif order["state"] in {"PARTLY_PAID", "PAID"}:
            self.expire_order(order)
        elif order["paid"]:
            self.become(order, "REFUND_DUE")
        else:
            self.become(order, "CANCELLED" if order["_cancelled"] else "EXPIRED")

    def ignore_mutation(self, request: Record) -> Record:
        mutation = self.need(self.mutations, request["mutation_id"], "MUTATION")
        self.may(mutation["mutation_id"], mutation["state"], "PENDING", "POSTED", "PROPOSED")
        reason = self.text("reason", request["reason"], 200)
        mutation["_ignored_pending"] = mutation["state"] == "PENDING"
        mutation |= {"state": "IGNORED", "proposal": None, "ignore_reason": reason}
        return {"mutation": mutation}

    def refund_order(self, request: Record) -> Record:
        order = self.order_in(request["order_id"], "REFUND_DUE")
        order["refund_reference"] = self.text("reference", request["reference"], 60)
        self.count("REFUNDED", amount=order["paid"])
        self.become(order, "REFUNDED")
        return {"order": order}
