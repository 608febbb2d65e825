"""What both KlikBCA exports share: the pieces of a row, the trailer, and what is checked at the end.

Layouts were read from public parsers and their fixtures, not from bank documents.
"""

import datetime as dt
import re
from dataclasses import dataclass, field, replace

from server.statements.checks import Totals, check_sums
from server.statements.dates import DateError, DateReader
from server.statements.klikbca_text import counterparty, day_in_text
from server.statements.model import Problem, ProblemKind, StatementRow, tidy
from server.statements.money import AmountError, parse_amount, shown

# Every amount is written with two decimals, whatever the currency: one that has fewer was cut off.
DECIMALS = 2

# Pieces of the patterns of rows. A leading ' or ` keeps spreadsheets from turning text into numbers.
_PENDING = "PEND"
_DATE = r"['`]?(?P<date>PEND|[0-9]{1,2}/[0-9]{1,2}(?:/[0-9]{4}|/[0-9]{2})?)\s*"
_BRANCH = r"['`]?(?:[0-9]{4})?\s*"
# Grouped thousands must be in quotes: without them their commas could not be told from those between columns.
_MONEY = r"(?:[0-9]+\.[0-9]{2}|\"[0-9,]+\.[0-9]{2}\")"
_BALANCE = r"(?P<balance>-?[0-9]+\.[0-9]{2}|\"-?[0-9,]+\.[0-9]{2}\"|(?:\"\s*\")?)"

# Six columns, the direction in one without a name. The text is not quoted and may hold commas, so that the
# columns behind it are found from the right.
ROW_OF_SIX = re.compile(
    rf"\"?{_DATE}\"?,['`]?(?P<description>.*),\"?{_BRANCH}\"?,(?P<amount>{_MONEY}),\"?(?P<direction>CR|DB)\"?,"
    rf"{_BALANCE}\s*,?"
)
# Five columns in quotes, the direction behind the amount.
ROW_OF_FIVE = re.compile(
    rf"\"{_DATE}\",\"(?P<description>.*)\",\"{_BRANCH}\","
    rf"\"(?P<amount>[0-9,]+\.[0-9]{{2}}) (?P<direction>CR|DB)\",{_BALANCE}\s*,?"
)

# The trailer's lines in both languages. The Individual export puts "=" where the Bisnis export has ":".
_TRAILER_LABELS = {
    "opening": r"Start(?:ing)? Balance|Saldo Awal",
    "credit": r"Credit|Kredit|Mutasi (?:Kredit|Credit|CR)|Credit Mutation",
    "debit": r"Deb[ei]t|Mutasi (?:Deb[ei]t|DB)|Deb[ei]t Mutation",
    "closing": r"Ending Balance|Last Balance|Closing Balance|Saldo Akhir",
}
_TRAILER_WORDS = {
    "opening": "the opening balance",
    "credit": "the total of money in",
    "debit": "the total of money out",
    "closing": "the closing balance",
}
# Possessive repeats (`*+`): a line of nothing but blanks must not be tried in every way of sharing them out.
_TRAILER_LABEL = re.compile(
    r"\"?\s*+(?:"
    + "|".join(f"(?P<{name}>{label})" for name, label in _TRAILER_LABELS.items())
    + r")\s*+\"?\s*+(?=[:,])",
    re.IGNORECASE,
)
_TRAILER_REST = re.compile(
    r"(?::|,\s*+\"?=\"?\s*+,|,)\s*+\"?(?P<amount>-?[0-9][0-9,]*\.[0-9]{2})?+\s*+\"?"
    r"(?:,\s*+\"?(?P<count>[0-9]{1,9})\"?)?+[\s,]*+"
)

# What BCA keeps accounts in, by what its exports call it. No more than that: one damaged letter would make
# another of the world's currencies out of most.
_CURRENCIES = {
    code: "IDR" if code == "RP" else code
    for code in (
        *("RP", "IDR", "AUD", "CAD", "CHF", "CNH", "CNY", "DKK", "EUR"),
        *("GBP", "HKD", "JPY", "NZD", "SAR", "SEK", "SGD", "THB", "USD"),
    )
}


@dataclass
class Body:
    """Rows and trailer of one file, taken line by line."""

    dates: DateReader
    currency: str
    rows: list[StatementRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    amounts: dict[str, int] = field(default_factory=dict)
    """What the trailer says, in minor units, by the names of _TRAILER_LABELS."""
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, number: int, line: str, pattern: re.Pattern[str]) -> None:
        """Takes one line below the header: a row, a line of the trailer, nothing, or a problem."""
        if not line.strip(' \t,"'):
            return
        label = _TRAILER_LABEL.match(line)
        if label:
            self._add_trailer(number, line, label)
            return
        match = pattern.fullmatch(line)
        if match is None:
            self.problem(number, f"{shown(line)} is not a row of this format", ProblemKind.UNREADABLE_ROW)
            return
        if self.amounts:
            self.problem(number, "a row stands behind the trailer", ProblemKind.STRUCTURE)
        try:
            self.rows.append(self._row(number, match))
        except (AmountError, DateError) as error:
            self.problem(number, str(error), ProblemKind.UNREADABLE_ROW)

    def finish(self) -> None:
        """Checks the whole once the file is at its end."""
        missing = [words for name, words in _TRAILER_WORDS.items() if name not in self.amounts]
        if missing:
            reason = f"the file is cut off: its end should give {', '.join(missing)}"
            self.problem(0, reason, ProblemKind.STRUCTURE)
        totals = Totals(
            opening_minor=self.amounts.get("opening"),
            closing_minor=self.amounts.get("closing"),
            credit_minor=self.amounts.get("credit"),
            debit_minor=self.amounts.get("debit"),
            credit_count=self.counts.get("credit"),
            debit_count=self.counts.get("debit"),
        )
        breaks, pending_counted = check_sums(self.rows, totals, self.currency)
        self.problems += breaks
        if not pending_counted:
            # What stands in such a row's balance column is not the balance after it.
            self.rows = [replace(row, balance_minor=None) if row.pending else row for row in self.rows]

    def problem(self, number: int, reason: str, kind: ProblemKind) -> None:
        """Notes what is wrong in line `number`; 0 is the file as a whole."""
        self.problems.append(Problem(number, reason, kind))

    def _add_trailer(self, number: int, line: str, label: re.Match[str]) -> None:
        name = next(name for name in _TRAILER_LABELS if label[name])
        rest = _TRAILER_REST.fullmatch(line, label.end())
        if rest is None:
            self.problem(number, f"{shown(line)} does not give an amount", ProblemKind.STRUCTURE)
        elif name in self.amounts:
            self.problem(number, f"{_TRAILER_WORDS[name]} is given twice", ProblemKind.STRUCTURE)
        elif not rest["amount"] and name in {"opening", "closing"}:
            self.problem(number, f"{_TRAILER_WORDS[name]} is empty", ProblemKind.STRUCTURE)
        else:
            try:
                # A total of no rows is left empty by the bank.
                self.amounts[name] = self._money(rest["amount"]) if rest["amount"] else 0
            except AmountError as error:
                self.problem(number, str(error), ProblemKind.STRUCTURE)
            if rest["count"]:
                self.counts[name] = int(rest["count"])

    def _row(self, number: int, match: re.Match[str]) -> StatementRow:
        description = match["description"]
        pending = match["date"] == _PENDING
        amount = self._money(match["amount"])
        balance = match["balance"].strip('" ')
        if not balance and not pending:
            raise AmountError("the row has no balance")
        return StatementRow(
            row=number,
            date=self._pending_date(description) if pending else self.dates.read(match["date"]),
            amount_minor=amount if match["direction"] == "CR" else -amount,
            balance_minor=self._money(balance) if balance else None,
            description=tidy(description),
            pending=pending,
            counterparty=tidy(counterparty(description)),
        )

    def _money(self, text: str) -> int:
        return parse_amount(text.strip('" '), self.currency, decimals=DECIMALS)

    def _pending_date(self, description: str) -> dt.date:
        """The day that a pending row's text names; else the latest day that the file tells.

        Taken from the file where possible, so that the same row has the same date in tomorrow's export.
        """
        day = day_in_text(description)
        if day:
            try:
                return self.dates.read(day)
            except DateError:
                # It is text, not a column: anything may stand there.
                pass
        if self.rows:
            return self.rows[-1].date
        return self.dates.period[1] if self.dates.period else self.dates.today


def cells(line: str) -> tuple[str, ...]:
    """The cells of a header line, to be compared: lower case, no quotes, no empty ones at the end."""
    found = [cell.strip(' "').lower() for cell in line.split(",")]
    while found and not found[-1]:
        found.pop()
    return tuple(found)


def currency_of(text: str) -> str | None:
    """ISO 4217 code of what an export calls its currency, e.g. "Rp"; None when BCA has no such accounts."""
    return _CURRENCIES.get(text.strip(" '`\"").upper())
