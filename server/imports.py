"""ReconciliationService.ImportStatement: a bank's file comes in pieces and is kept on disk while it is read
twice, first to check it and then for its rows, which go to the engine. Memory holds a batch of rows at a
time.

A request sent twice has one effect: the rows travel in commands whose request ids are derived from the
client's, and the engine answers a repeated one with its first reply.
"""

import asyncio
import datetime as dt
import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from tempfile import TemporaryFile
from typing import BinaryIO

from engine import Code, Engine, EngineError
from kasir.v1 import admin_pb2, common_pb2, reconciliation_pb2
from server.arriving import Arriving
from server.calls import Call, check_size, field_error, parse
from server.mappings import choose
from server.statements import (
    FORMATS,
    ProblemKind,
    StatementBrokenError,
    StatementEntry,
    StatementError,
    StatementRow,
    StatementSummary,
    StatementUnrecognisedError,
    check,
    rows,
)

MAX_CHUNK_BYTES = 1024 * 1024
MAX_FILE_BYTES = 1024 * 1024 * 1024
# Room for the field's tag and length around a chunk of the largest size.
MAX_MESSAGE_BYTES = MAX_CHUNK_BYTES + 64
# Files of the largest size that the disk holds at once.
MAX_UPLOADS = 8
UPLOADS_RETRY_MS = 2_000
# A client that sends nothing for this long has gone away.
UPLOAD_STALL_S = 60.0
# Rows of one command: the contract's bound.
ROWS_PER_COMMAND = 5_000
# The contract takes no longer name of who paid.
MAX_COUNTERPARTY_CHARS = 100
# So many of a broken file's problems are told one by one.
PROBLEMS_TOLD = 8
# So many saved mappings are named beside a file that none of them fits.
MAPPINGS_TOLD = 10
# So many mutations are listed by each list of the reply.
LISTED_MAX = 100_000

IMPORT_MUTATIONS = "/kasir.v1.ReconciliationService/ImportMutations"
LIST_BANK_ACCOUNTS = "/kasir.v1.ReconciliationService/ListBankAccounts"
GET_SETTINGS = "/kasir.v1.AdminService/GetSettings"

Header = reconciliation_pb2.ImportStatementRequest.Header
Request = reconciliation_pb2.ImportStatementRequest


class StatementImporter:
    """The handler of ImportStatement. `executor` runs the readers of files beside the event loop; `arriving`
    is told while a file's rows come in.
    """

    def __init__(self, engine: Engine, executor: Executor, arriving: Arriving) -> None:
        self.engine = engine
        self.executor = executor
        self.arriving = arriving
        self.uploads = 0

    async def handle(self, call: Call, requests: AsyncIterator[bytes]) -> bytes:
        """Takes the file, refuses it whole or imports its rows, and says what was new."""
        if self.uploads >= MAX_UPLOADS:
            raise EngineError(
                Code.RESOURCE_EXHAUSTED,
                "TOO_MANY_UPLOADS",
                f"{MAX_UPLOADS} files are being uploaded already. Try again in a moment.",
                {"limit": str(MAX_UPLOADS), "retry_ms": str(UPLOADS_RETRY_MS)},
            )
        self.uploads += 1
        try:
            header = await _header(requests)
            with self._place() as file:
                await _receive(requests, file)
                return await self._import(call, header, file)
        finally:
            self.uploads -= 1

    async def import_bytes(
        self, actor: str, data: bytes, format_name: str
    ) -> tuple[list[reconciliation_pb2.ImportStatementResponse], list[str]]:
        """Imports a small file into each account of the shop's that it tells of, once however often it comes.
        Returns what became of each, and the numbers that are none of the shop's.

        Rows of an account are committed together; one after which another account is refused stays. Raises
        EngineError: BANK_ACCOUNT_NOT_FOUND when no account is the shop's, BANK_ACCOUNT_AMBIGUOUS when it
        cannot be told which is meant.
        """
        loop = asyncio.get_running_loop()
        with self._place() as file:
            try:
                file.write(data)
                file.flush()
            except OSError as error:
                raise _unwritable(error) from error
            reading = _Reading(file, format_name, None, self._today())
            try:
                statements = await loop.run_in_executor(self.executor, reading.check)
                if broken := [statement for statement in statements if not statement.adds_up]:
                    raise StatementBrokenError.of(broken[0])
            except StatementError as error:
                raise _refusal(error) from error
            accounts = self._accounts()
            found = [(statement.account_number, _own(statement, accounts)) for statement in statements]
            own = [account for _, account in found if account]
            if not own and any(statement.row_count for statement in statements):
                raise _not_the_shops(", ".join(number for number, _ in found))
            taken = []
            for account in own:
                header = Header(bank_account_id=account.bank_account_id, format=format_name)
                name = f"{IMPORT_MUTATIONS}/{account.bank_account_id}/{statements[0].file_hash}"
                header.request_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
                reply = await self._import(Call(IMPORT_MUTATIONS, actor), header, file)
                taken.append(reconciliation_pb2.ImportStatementResponse.FromString(reply))
        return taken, [number for number, account in found if not account]

    def _accounts(self) -> Sequence[reconciliation_pb2.BankAccount]:
        """The shop's bank accounts."""
        answer = self.engine.query(LIST_BANK_ACCOUNTS, b"")
        return reconciliation_pb2.ListBankAccountsResponse.FromString(answer).bank_accounts

    def _place(self) -> BinaryIO:
        """Where the file lies while it is read: beside the store, without a name, gone when it is closed."""
        try:
            return TemporaryFile(dir=self.engine.path)
        except OSError as error:
            raise _unwritable(error) from error

    async def _import(self, call: Call, header: Header, file: BinaryIO) -> bytes:
        loop = asyncio.get_running_loop()
        accounts = self._accounts()
        if header.format and header.format not in FORMATS:
            raise field_error(
                "FIELD_OUT_OF_RANGE",
                "header.format",
                f"There is no format {header.format!r}; known are {', '.join(FORMATS)}.",
            )
        choice = await loop.run_in_executor(self.executor, choose, self.engine, header, file)
        reading = _Reading(file, header.format or None, choice.mapping or None, self._today())
        try:
            statements = await loop.run_in_executor(self.executor, reading.check)
            place, account = _choose(statements, accounts, choice.bank_account_id)
            statement = statements[place]
            # Rows of an account without a number may be the shop's.
            lost = [other for other in statements if other is not statement and _is_lost(other, accounts)]
            for read in (statement, *lost):
                if not read.adds_up and not header.allow_broken:
                    raise StatementBrokenError.of(read)
        except StatementError as error:
            raise _refusal(error, choice.unfit) from error
        if statement.currency and statement.currency != account.currency_code:
            raise field_error(
                "CURRENCY_MISMATCH",
                "header.bank_account_id",
                f"The file is {'read as' if statement.is_currency_assumed else 'in'} {statement.currency},"
                f" account {account.number} in {account.currency_code}.",
            )
        response = _begun([statement, *lost], account)
        response.mapping_name = choice.name
        file_hash = _read_as(statement.file_hash, choice.mapping)
        if statement.row_count > ROWS_PER_COMMAND:
            # What one command takes is all or nothing by itself.
            await loop.run_in_executor(
                self.executor, self._check_rows, call, account, file_hash, reading.rows(place)
            )
        batches = reading.rows(place)
        start = 0
        with self.arriving.rows_of(account.bank_account_id):
            while (batch := await loop.run_in_executor(self.executor, next, batches, None)) is not None:
                request_id = uuid.uuid5(uuid.UUID(header.request_id), f"{IMPORT_MUTATIONS}/{start}")
                start += len(batch)
                # A file with rows that could not be read may be read better one day.
                ends = start == statement.row_count and not statement.unreadable_count
                command = await loop.run_in_executor(
                    self.executor, _command, str(request_id), account, file_hash, batch, ends
                )
                await self._commit(call, command, batch, response)
        return response.SerializeToString()

    def _check_rows(
        self,
        call: Call,
        account: reconciliation_pb2.BankAccount,
        file_hash: str,
        batches: Iterator[list[StatementRow]],
    ) -> None:
        """Raises what the engine would refuse any of the rows with, before the first is imported."""
        for batch in batches:
            command = _command(str(uuid.uuid4()), account, file_hash, batch, False)
            try:
                self.engine.check(IMPORT_MUTATIONS, command, call.actor)
            except EngineError as error:
                raise _with_line(error, batch) from error

    async def _commit(
        self,
        call: Call,
        command: bytes,
        rows: Sequence[StatementRow],
        response: reconciliation_pb2.ImportStatementResponse,
    ) -> None:
        """Imports some rows and adds what became of them to `response`."""
        try:
            reply = reconciliation_pb2.ImportMutationsResponse.FromString(
                await self.engine.submit(IMPORT_MUTATIONS, command, call.actor)
            )
        except EngineError as error:
            raise _with_line(error, rows) from error
        response.new_rows += reply.new_rows
        response.known_rows += reply.known_rows
        response.pending_rows += reply.pending_rows
        response.posted_rows += len(reply.posted_mutation_ids)
        response.file_known |= reply.file_known
        for listed, more in (
            (response.mutation_ids, reply.mutation_ids),
            (response.known_mutation_ids, reply.known_mutation_ids),
            (response.pending_mutation_ids, reply.pending_mutation_ids),
            (response.posted_mutation_ids, reply.posted_mutation_ids),
        ):
            listed.extend(more[: LISTED_MAX - len(listed)])

    def _today(self) -> dt.date:
        """The day it is in the shop, for dates that a file writes without a year."""
        settings = admin_pb2.GetSettingsResponse.FromString(self.engine.query(GET_SETTINGS, b"")).settings
        return (dt.datetime.now(dt.UTC) + settings.utc_offset.ToTimedelta()).date()


class _Reading:
    """A file that is read twice, in the same way."""

    def __init__(self, file: BinaryIO, format_name: str | None, mapping: str | None, today: dt.date) -> None:
        self.file, self.format_name, self.mapping, self.today = file, format_name, mapping, today

    def check(self) -> list[StatementSummary]:
        return check(self.file, format=self.format_name, mapping=self.mapping, today=self.today)

    def rows(self, account: int) -> Iterator[list[StatementRow]]:
        return rows(
            self.file,
            format=self.format_name,
            mapping=self.mapping,
            today=self.today,
            account=account,
            batch=ROWS_PER_COMMAND,
        )


def _begun(
    read: Sequence[StatementSummary], account: reconciliation_pb2.BankAccount
) -> reconciliation_pb2.ImportStatementResponse:
    """The reply before any row was taken. `read`: the account's statement, and what may be of it."""
    statement = read[0]
    refused = [
        problem
        for each in read
        for problem in each.problems
        if problem.row == 0 or problem.kind is ProblemKind.UNREADABLE_ROW
    ]
    return reconciliation_pb2.ImportStatementResponse(
        format=statement.format,
        bank_account_id=account.bank_account_id,
        rows=statement.row_count,
        refused_rows=[
            reconciliation_pb2.RefusedRow(row=problem.row, reason=problem.reason) for problem in refused
        ],
        refused_count=sum(each.unreadable_count for each in read),
    )


async def _next(requests: AsyncIterator[bytes]) -> Request | None:
    """The next message of the upload; None at its end."""
    try:
        async with asyncio.timeout(UPLOAD_STALL_S):
            data = await anext(requests, None)
    except TimeoutError as error:
        raise EngineError(
            Code.DEADLINE_EXCEEDED,
            "UPLOAD_STALLED",
            f"Nothing of the file came for {UPLOAD_STALL_S:g} seconds. Send it again.",
        ) from error
    if data is None:
        return None
    check_size(data, MAX_MESSAGE_BYTES)
    return parse(Request, data)


async def _header(requests: AsyncIterator[bytes]) -> Header:
    first = await _next(requests)
    if first is None or first.WhichOneof("part") != "header":
        raise field_error("FIELD_REQUIRED", "header", "The first message must be the header.")
    header = first.header
    if not header.request_id:
        raise field_error(
            "FIELD_REQUIRED", "header.request_id", "The request needs an id, a UUID made by the client."
        )
    try:
        uuid.UUID(header.request_id)
    except ValueError as error:
        raise field_error("FIELD_MALFORMED", "header.request_id", "The request id is not a UUID.") from error
    return header


async def _receive(requests: AsyncIterator[bytes], file: BinaryIO) -> None:
    """Writes the pieces that come into `file`."""
    size = 0
    while (request := await _next(requests)) is not None:
        if request.WhichOneof("part") != "chunk":
            raise field_error(
                "FIELD_REQUIRED", "chunk", "Every message after the first must be a piece of the file."
            )
        size += len(request.chunk)
        if size > MAX_FILE_BYTES:
            raise EngineError(
                Code.RESOURCE_EXHAUSTED,
                "FILE_TOO_LARGE",
                f"The file is larger than {MAX_FILE_BYTES:,} bytes. Export a shorter period.",
                {"limit": str(MAX_FILE_BYTES)},
            )
        try:
            file.write(request.chunk)
        except OSError as error:
            raise _unwritable(error) from error
    try:
        file.flush()
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> EngineError:
    return EngineError(
        Code.UNAVAILABLE,
        "UPLOAD_UNWRITABLE",
        f"The file cannot be kept while it is read: {error.strerror}. Nothing was imported.",
    )


def _plain(number: str) -> str:
    """An account number without what people and banks part it by."""
    return "".join(character for character in number.upper() if character.isalnum())


def _not_the_shops(numbers: str) -> EngineError:
    return EngineError(
        Code.NOT_FOUND,
        "BANK_ACCOUNT_NOT_FOUND",
        f"The file is of account {numbers}, which is none of the shop's. Add it, or name one.",
        {"field": "header.bank_account_id", "number": numbers},
    )


def _is_lost(statement: StatementSummary, accounts: Sequence[reconciliation_pb2.BankAccount]) -> bool:
    """Whether nobody can say whose rows these are: no number stands there, or one that is not to be trusted
    since no row under it could be read.
    """
    number = _plain(statement.account_number)
    of_shop = any(_plain(account.number) == number for account in accounts)
    return not number or (statement.row_count == 0 and not of_shop)


def _own(
    statement: StatementSummary, accounts: Sequence[reconciliation_pb2.BankAccount]
) -> reconciliation_pb2.BankAccount | None:
    """The shop's account of a statement's number and currency; without one the first of its number.

    Raises BANK_ACCOUNT_AMBIGUOUS: several have the number, and the file does not say the currency.
    """
    of_number = [
        account for account in accounts if _plain(account.number) == _plain(statement.account_number)
    ]
    if len(of_number) > 1 and statement.is_currency_assumed:
        currencies = ", ".join(account.currency_code for account in of_number)
        raise EngineError(
            Code.INVALID_ARGUMENT,
            "BANK_ACCOUNT_AMBIGUOUS",
            f"The file is of account {statement.account_number} and does not say its currency; the shop has"
            f" that number in {currencies}. Say which account it is of.",
            {
                "field": "header.bank_account_id",
                "number": statement.account_number,
                "currencies": currencies,
            },
        )
    return next((account for account in of_number if _is_in(statement, account)), next(iter(of_number), None))


def _choose(
    statements: Sequence[StatementSummary],
    accounts: Sequence[reconciliation_pb2.BankAccount],
    bank_account_id: int,
) -> tuple[int, reconciliation_pb2.BankAccount]:
    """Which statement of the file is meant, and its account. Raises BANK_ACCOUNT_NOT_FOUND,
    BANK_ACCOUNT_AMBIGUOUS and StatementError.
    """
    in_file = ", ".join(_named(statement, statements) for statement in statements)
    if bank_account_id == 0:
        own = [
            (place, account)
            for place, statement in enumerate(statements)
            if (account := _own(statement, accounts))
        ]
        # Where none is in the right currency the first tells which it is.
        found = [(place, account) for place, account in own if _is_in(statements[place], account)] or own[:1]
        if not found:
            raise _not_the_shops(in_file)
        if len(found) > 1:
            raise StatementBrokenError(
                f"the file holds mutations of several accounts ({in_file}): say which is meant"
            )
        return found[0]
    account = next((account for account in accounts if account.bank_account_id == bank_account_id), None)
    if account is None:
        raise EngineError(
            Code.NOT_FOUND,
            "BANK_ACCOUNT_NOT_FOUND",
            f"There is no bank account {bank_account_id}.",
            {"field": "header.bank_account_id", "id": str(bank_account_id)},
        )
    places = [
        place
        for place, statement in enumerate(statements)
        if _plain(statement.account_number) == _plain(account.number)
    ]
    if places:
        return next((place for place in places if _is_in(statements[place], account)), places[0]), account
    if len(statements) == 1 and not statements[0].account_number:
        # The file does not say whose it is, the client does.
        return 0, account
    raise StatementBrokenError(f"the file is of account {in_file}, not of {account.number}")


def _named(statement: StatementSummary, statements: Sequence[StatementSummary]) -> str:
    """A statement by its account, with the currency where others have the same number."""
    number = statement.account_number or "(no number)"
    alike = [other for other in statements if other.account_number == statement.account_number]
    return f"{number} {statement.currency}" if len(alike) > 1 else number


def _is_in(statement: StatementSummary, account: reconciliation_pb2.BankAccount) -> bool:
    """Whether the statement is in the account's currency, as far as it says."""
    return not statement.currency or statement.currency == account.currency_code


def _refusal(error: StatementError, unfit: Sequence[str] = ()) -> EngineError:
    """What is wrong with a file, the first rows by name. `unfit`: the saved mappings that do not fit it."""
    message = str(error)
    if unfit and isinstance(error, StatementUnrecognisedError):
        message = f"{message}, and no saved mapping fits its header ({', '.join(unfit[:MAPPINGS_TOLD])})"
    details = {"field": "chunk", "problems": str(error.problem_count)}
    for problem in error.problems[:PROBLEMS_TOLD]:
        name = f"line_{problem.row}" if problem.row else "file"
        details[name] = f"{details[name]}; {problem.reason}" if name in details else problem.reason
    return EngineError(Code.INVALID_ARGUMENT, error.reason, f"{message[:1].upper()}{message[1:]}.", details)


def _with_line(error: EngineError, rows: Sequence[StatementRow]) -> EngineError:
    """`error` with the line of the file, where it names a row of the command."""
    field = error.field or ""
    if not field.startswith("mutations["):
        return error
    index = int(field.removeprefix("mutations[").partition("]")[0])
    line = rows[index].row
    return EngineError(
        error.code,
        error.reason,
        f"Line {line} of the file: {error.message}",
        {**error.details, "line": str(line)},
    )


def _read_as(file_hash: str, mapping: str) -> str:
    """What a file is known by: read by another mapping it is another one."""
    if not mapping:
        return file_hash
    return hashlib.blake2b(f"{file_hash}\n{mapping}".encode(), digest_size=32).hexdigest()


def _command(
    request_id: str,
    account: reconciliation_pb2.BankAccount,
    file_hash: str,
    rows: Sequence[StatementRow],
    file_ends: bool,
) -> bytes:
    """The serialized ImportMutationsRequest of some rows."""

    def money(minor_units: int) -> common_pb2.Money:
        return common_pb2.Money(currency_code=account.currency_code, minor_units=minor_units)

    def entry(whole: StatementEntry) -> reconciliation_pb2.StatementEntry:
        return reconciliation_pb2.StatementEntry(
            reference=whole.reference, amount=money(whole.amount_minor), occurrence=whole.occurrence
        )

    request = reconciliation_pb2.ImportMutationsRequest(
        request_id=request_id,
        bank_account_id=account.bank_account_id,
        file_hash=file_hash,
        file_ends=file_ends,
    )
    for row in rows:
        request.mutations.add(
            date=row.date.isoformat(),
            amount=money(row.amount_minor),
            balance=None if row.balance_minor is None else money(row.balance_minor),
            description=row.description,
            bank_reference=row.bank_reference,
            pending=row.pending,
            occurrence=row.occurrence,
            value_date=row.value_date.isoformat() if row.value_date else "",
            counterparty=row.counterparty[:MAX_COUNTERPARTY_CHARS],
            reference_is_unique=row.reference_is_unique,
            entry=None if row.entry is None else entry(row.entry),
        )
    return request.SerializeToString()
