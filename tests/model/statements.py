"""Rows of bank statements: each once, however often and in whichever form it comes."""

import datetime as dt
from collections import Counter
from typing import Any

from tests.model.base import AMOUNT_MAX, Record
from tests.model.orders import Orders

MONEY_OUT = "Money out pays no order."
# The bank posts a row whose text it changes within so many days.
POSTED_WITHIN_DAYS = 7


class Statements(Orders):
    """What becomes of the rows of a file."""

    def import_mutations(self, request: Record) -> Record:
        account = self.need(self.bank_accounts, request["bank_account_id"], "BANK_ACCOUNT")
        rows = request["mutations"]
        self.length("mutations", rows, 5_000)
        for index, row in enumerate(rows):
            self.money(f"mutations[{index}].amount", row["amount"], -AMOUNT_MAX)
        file = account["bank_account_id"], request.get("file_hash", "")
        run = _Import(self, account, file in self.statement_files)
        for row in rows:
            run.take(row)
        if request.get("file_ends") and file[1]:
            self.statement_files.add(file)
        counted = {
            "new_rows": len(run.reply["mutation_ids"]),
            "known_rows": len(rows) - len(run.reply["mutation_ids"]),
            "pending_rows": len(run.reply["pending_mutation_ids"]),
            "file_known": run.file_known,
        }
        return run.reply | counted

    def add_mutation(self, account: Record, row: Record, key: tuple[Any, ...]) -> int:
        mutation_id = self.next_id("mutation")
        mutation = {
            "mutation_id": mutation_id,
            "bank_account_id": account["bank_account_id"],
            "date": row["date"],
            "amount": row["amount"],
            "balance": row["balance"],
            "description": row["description"],
            "bank_reference": row["bank_reference"],
            "value_date": row["value_date"],
            "counterparty": row["counterparty"],
            "state": "PENDING",
            "proposal": None,
            "allocations": [],
            "credited": 0,
            "credited_customer_id": 0,
            "ignore_reason": "",
            "occurrence": row["occurrence"],
            "create_time": self.now,
            # Set aside before the bank posted it, which it may still do.
            "_ignored_pending": False,
            # A match of it was undone: what is proposed for it is for a person.
            "_undone": False,
            "_keys": [key],
        }
        if not row["pending"]:
            self.post_mutation(mutation)
        self.mutations[mutation_id] = mutation
        return mutation_id

    @staticmethod
    def post_mutation(mutation: Record) -> None:
        money_in = mutation["amount"] > 0
        mutation["state"] = "POSTED" if money_in else "IGNORED"
        mutation["_ignored_pending"] = False
        mutation["ignore_reason"] = "" if money_in else MONEY_OUT


class _Import:
    """One call under way."""

    def __init__(self, shop: Statements, account: Record, file_known: bool) -> None:
        self.shop, self.account, self.file_known = shop, account, file_known
        mutations = shop.mutations.values()
        self.known = {key: mutation for mutation in mutations for key in mutation["_keys"]}
        self.pending = [mutation for mutation in mutations if is_unposted(mutation)]
        lists = ("mutation_ids", "known_mutation_ids", "pending_mutation_ids", "posted_mutation_ids")
        self.reply: Record = {name: [] for name in lists}
        self.equal_rows: Counter[Any] = Counter()
        self.here: dict[Any, int] = {}
        self.posted: set[int] = set()
        self.met: set[int] = set()
        self.done: dict[Any, int] = {}

    def take(self, row: Record) -> None:
        same = row_key(self.account, row, 0)
        self.equal_rows[same] += not row["occurrence"]
        row = row | {"occurrence": row["occurrence"] or self.equal_rows[same]}
        if is_given_once(row):
            row["occurrence"] = 1
        if self.file_known:
            before = self.known.get(row_key(self.account, row, row["occurrence"]))
            self.reply["known_mutation_ids"] += [before["mutation_id"]] if before else []
        elif row["pending"]:
            self._take_pending(row, same)
        else:
            self._take_posted(row)

    def _take_posted(self, row: Record) -> None:
        key = row_key(self.account, row, row["occurrence"])
        before = self.known.get(key)
        # A pending row is the same one when the bank has posted it, whatever date and balance it has.
        waiting = before
        if waiting is None and key not in self.here:
            waiting = self._waiting(row)
        if waiting and is_unposted(waiting) and waiting["mutation_id"] not in self.posted:
            self._post(waiting, row, key)
        elif before or key in self.here:
            mutation_id = before["mutation_id"] if before else self.here[key]
            self.met.add(mutation_id)
            self.reply["known_mutation_ids"].append(mutation_id)
        else:
            self._add(row, key)

    def _take_pending(self, row: Record, same: Any) -> None:
        if not is_given_once(row):
            if same not in self.done:
                self.done[same] = self._count_done(row)
            row["occurrence"] += self.done[same]
        key = row_key(self.account, row, row["occurrence"])
        before = self.known.get(key)
        if before or key in self.here:
            self.reply["known_mutation_ids"].append(before["mutation_id"] if before else self.here[key])
        else:
            self._add(row, key)
            self.reply["pending_mutation_ids"].append(self.here[key])

    def _add(self, row: Record, key: Any) -> None:
        self.here[key] = self.shop.add_mutation(self.account, row, key)
        self.reply["mutation_ids"].append(self.here[key])

    def _count_done(self, row: Record) -> int:
        """How many rows equal to this pending one the bank posted on an earlier day, or in this very file."""
        count = 0
        seen = self.posted | self.met
        while before := self.known.get(row_key(self.account, row, count + 1)):
            is_waiting = is_unposted(before) or before["date"] >= row["date"]
            if is_waiting and before["mutation_id"] not in seen:
                break
            count += 1
        return count

    def _waiting(self, row: Record) -> Record | None:
        """The first of the equal pending rows, whichever occurrence each is: by its id, else by its text;
        else the only one that the bank gave another text since.
        """
        alike = (self.account["bank_account_id"], row["amount"])
        waiting = [
            mutation
            for mutation in self.pending
            if mutation["mutation_id"] not in self.posted
            and (mutation["bank_account_id"], mutation["amount"]) == alike
        ]
        for looked_for in (row, row | {"bank_reference": ""}):
            same = row_key(self.account, looked_for | {"pending": True}, 0)
            for mutation in waiting:
                if row_key(self.account, mutation | {"pending": True}, 0) == same:
                    return mutation
        fitting = [each for each in waiting if each["state"] == "PENDING" and are_alike(each, row)]
        return fitting[0] if len(fitting) == 1 else None

    def _post(self, mutation: Record, row: Record, key: Any) -> None:
        """The bank posts a pending row. It keeps its old key too: the file that had it pending may come
        again.
        """
        mutation_id = mutation["mutation_id"]
        self.posted.add(mutation_id)
        changed = {name: row[name] for name in ("date", "balance", "occurrence")}
        texts = "description", "bank_reference"
        if any(folded(mutation[name]) != folded(row[name]) for name in texts):
            changed |= {name: row[name] for name in texts}
            changed |= {name: row[name] or mutation[name] for name in ("value_date", "counterparty")}
        mutation |= changed | {"_keys": [*mutation["_keys"], key]}
        self.shop.post_mutation(mutation)
        self.here[key] = mutation_id
        self.reply["known_mutation_ids"].append(mutation_id)
        self.reply["posted_mutation_ids"].append(mutation_id)


def is_unposted(mutation: Record) -> bool:
    """The bank has not posted it yet."""
    return mutation["state"] == "PENDING" or mutation["_ignored_pending"]


def folded(text: str) -> str:
    """A text as it is compared: banks pad the same one differently."""
    return " ".join(text.split()).upper()


def are_alike(pending: Record, row: Record) -> bool:
    """The posted row may be the pending one with its text cut off or completed."""
    days = (dt.date.fromisoformat(pending["date"]) - dt.date.fromisoformat(row["date"])).days
    texts = sorted((folded(pending["description"]), folded(row["description"])), key=len)
    has_other_id = bool(pending["bank_reference"] and row["bank_reference"])
    return (
        not has_other_id
        and abs(days) <= POSTED_WITHIN_DAYS
        and bool(texts[0])
        and texts[1].startswith(texts[0])
    )


def is_given_once(row: Record) -> bool:
    """Its id is the whole of what makes it the same row."""
    return bool(row["bank_reference"]) and bool(row.get("reference_is_unique"))


def row_key(account: Record, row: Record, occurrence: int) -> tuple[Any, ...]:
    """What makes a row the same row: the bank's own id and its day, or date, amount, text and balance; and
    which of equal ones.
    """
    text = folded(row["description"])
    same: tuple[Any, ...] = (account["bank_account_id"], row["amount"])
    if row["bank_reference"]:
        same += (row["bank_reference"],)
        # The bank may give it again on another day, unless it promises not to.
        if not row["pending"] and not is_given_once(row):
            same += (row["date"],)
    elif row["pending"]:
        same += (text,)
    else:
        same += (text, row["date"], row["balance"])
    return (*same, occurrence)
