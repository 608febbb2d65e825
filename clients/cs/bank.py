"""Bank mutations: a bank's file imported, what the matcher makes of it, confirmed."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from clients.common.bank import check_size, confirm_all, is_kept, messages_of, propose, send_statement
from clients.common.bank_views import mutation_view, mutations_table
from clients.common.commands import Refused, command
from clients.common.money import show_money
from clients.common.numbers import id_argument
from clients.common.output import facts, state_number, state_words, table
from clients.common.problems import BadInput, CallFailed
from clients.common.request_ids import new_request_id
from clients.common.shop import PAGE_SIZE_MAX, Shop
from clients.cs.desk import BANK, Account, OnlyAccount, app
from kasir.v1.booking_pb2 import OrderState
from kasir.v1.reconciliation_pb2 import (
    BankAccount,
    ConfirmMatchesRequest,
    ConfirmMatchesResponse,
    ConfirmMatchesResult,
    GetMutationRequest,
    GetMutationResponse,
    ImportStatementRequest,
    ImportStatementResponse,
    ListMutationsRequest,
    ListMutationsResponse,
    MutationState,
    SetMatchingRulesRequest,
    SetMatchingRulesResponse,
)

MAPPING_BYTES_MAX = 64 * 1024
# So many of the rows that were not taken are shown to people; scripts get them all.
ROWS_SHOWN_MAX = 200


@command(
    app,
    "import",
    [
        "kasir cs import mutasi-bca.csv",
        "kasir cs import mutasi.csv --account 1234567890 --format klikbca-individual",
        "kasir cs import mutasi.csv --mapping columns.toml --account BCA",
        "kasir cs import mutasi.xls --saved bank-jago",
    ],
    BANK,
)
def import_statement(
    shop: Shop,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The bank's mutation file as downloaded.")
    ],
    account: Annotated[
        str, typer.Option(metavar="NUMBER|BANK", help="Whose file it is; else the number in the file says.")
    ] = "",
    format_: Annotated[str, typer.Option("--format", help="What it is; else its content says.")] = "",
    mapping: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="For a free CSV: a file that says which column means what."
        ),
    ] = None,
    saved: Annotated[
        str, typer.Option(metavar="NAME", help="A saved mapping (kasir cs mappings); else the one that fits.")
    ] = "",
    allow_broken: Annotated[
        bool, typer.Option("--allow-broken", help="Import although sums or balances do not add up.")
    ] = False,
) -> None:
    """Import a bank statement. The same file again, or one that overlaps, adds only what is new."""
    size = check_size(file)
    header = ImportStatementRequest.Header(
        request_id=new_request_id(),
        bank_account_id=shop.account(account).bank_account_id if account else 0,
        format=format_,
        allow_broken=allow_broken,
        mapping=read_mapping(mapping) if mapping else "",
        mapping_name=saved,
    )
    reply = _sent(shop, file, size, header)
    shop.output.emit(reply, lambda: _import_view(shop, reply))
    if reply.new_rows + reply.posted_rows and not shop.output.as_json:
        shop.output.say("Next: kasir cs match, then kasir cs confirm --all-auto.", "dim")


def read_mapping(file: Path) -> str:
    """A file that says which column means what. Raises BadInput."""
    if file.stat().st_size > MAPPING_BYTES_MAX:
        raise BadInput(f"{file} is too long to say which column means what.")
    try:
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{file} holds bytes that are no text.") from None


def _sent(
    shop: Shop, file: Path, size: int, header: ImportStatementRequest.Header
) -> ImportStatementResponse:
    with shop.progress(f"Sending {file.name}", messages_of(size)) as advance:
        sent = 0

        def on_sent(count: int) -> None:
            nonlocal sent
            advance(count - sent)
            sent = count

        try:
            return send_statement(shop, file, header, on_sent)
        except CallFailed as failed:
            if not failed.settled and not is_kept(size):
                shop.output.say("Send the file again: rows that were imported are not imported twice.")
            raise


def _import_view(shop: Shop, reply: ImportStatementResponse) -> Group:
    pairs = [
        ("Format", reply.format),
        ("Mapping", reply.mapping_name),
        ("Account", shop.account_words(reply.bank_account_id)),
        ("Rows", str(reply.rows)),
        ("File", "imported before, nothing taken" if reply.file_known else ""),
        ("New", str(reply.new_rows)),
        ("  not posted yet", str(reply.pending_rows or "")),
        ("Known already", str(reply.known_rows)),
        ("  posted now", str(reply.posted_rows or "")),
        ("Not taken", str(reply.refused_count or "")),
    ]
    parts: list[RenderableType] = [facts("Imported", pairs)]
    if reply.refused_rows:
        shown = reply.refused_rows[:ROWS_SHOWN_MAX]
        rows = ((str(each.row or "file"), each.reason) for each in shown)
        parts.append(table("Rows not taken", (">Row", "Why"), rows))
        if len(shown) < len(reply.refused_rows):
            parts.append("More: add --json.")
    return Group(*parts)


@command(
    app,
    "mutations",
    ["kasir cs mutations", "kasir cs mutations --state posted", "kasir cs mutations --account BCA --json"],
    BANK,
)
def mutations(
    shop: Shop,
    account: OnlyAccount = "",
    state: Annotated[
        str, typer.Option(help="Only these: pending, posted, proposed, confirmed, ignored.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
) -> None:
    """List bank mutations, newest first, with what each pays or may pay."""
    request = ListMutationsRequest(state=state_number(MutationState, state, "MUTATION_STATE"))
    if account:
        request.bank_account_id = shop.account(account).bank_account_id
    found = shop.pages(request, ListMutationsResponse, "mutations", limit)
    shop.output.emit({"mutations": found}, lambda: mutations_table(shop, found, "Bank mutations"))


@command(app, "mutation", ["kasir cs mutation 31", "kasir cs mutation 31 --json"], BANK)
def mutation(shop: Shop, mutation: Annotated[int, id_argument("The mutation's number.")]) -> None:
    """Show one bank mutation in full: who paid, what it pays or may pay, and why."""
    found = shop.call(GetMutationRequest(mutation_id=mutation), GetMutationResponse)
    shop.output.emit(found, lambda: mutation_view(shop, found.mutation))


@command(app, "match", ["kasir cs match", "kasir cs match --account BCA --json"], BANK)
def match(shop: Shop, account: Account = "") -> None:
    """Propose which Book Order each new mutation pays. Nothing is paid before somebody confirms."""
    total = propose(shop, shop.account(account).bank_account_id)
    pairs = [
        ("Sure", f"{total.auto}  (kasir cs confirm --all-auto)"),
        ("To be looked at", f"{total.suggested}  (kasir cs proposals)"),
        ("Without a match", f"{total.unmatched}  (kasir cs mutations --state posted)"),
        ("Taken back", f"{total.withdrawn}  proposals that fit no more" if total.withdrawn else ""),
    ]
    shop.output.emit(total, lambda: facts("Proposed matches", pairs))


@command(app, "confirm", ["kasir cs confirm --all-auto", "kasir cs confirm 31 32 --account BCA"], BANK)
def confirm(
    shop: Shop,
    mutation: Annotated[list[int] | None, id_argument("Numbers of proposed mutations.")] = None,
    all_auto: Annotated[bool, typer.Option("--all-auto", help="All that the matcher is sure of.")] = False,
    account: Account = "",
) -> None:
    """Confirm proposed matches: the orders are paid. Each one is accepted or refused by itself.

    Ends with status 1 when one was refused.
    """
    if bool(mutation) == all_auto:
        raise BadInput("Name the mutations, or say --all-auto.")
    account_id = shop.account(account).bank_account_id
    results: list[ConfirmMatchesResult] = []
    if mutation:
        for start in range(0, len(mutation), PAGE_SIZE_MAX):
            # What was confirmed together with one before it is done.
            done = {each.mutation_id for each in results if not each.HasField("error")}
            part = [each for each in mutation[start : start + PAGE_SIZE_MAX] if each not in done]
            if not part:
                continue
            request = ConfirmMatchesRequest(bank_account_id=account_id, mutation_ids=part)
            results.extend(
                shop.call(request, ConfirmMatchesResponse, note=f"confirm {len(part)} matches").results
            )
    else:
        results.extend(confirm_all(shop, account_id))
    shop.output.emit({"results": results}, lambda: _confirm_view(shop, results))
    if any(each.HasField("error") for each in results):
        raise Refused


def _confirm_view(shop: Shop, results: list[ConfirmMatchesResult]) -> Group:
    done = [each for each in results if not each.HasField("error")]
    states: dict[str, int] = {}
    for each in done:
        words = state_words(OrderState, each.order_state, "ORDER_STATE")
        states[words] = states.get(words, 0) + 1
    pairs = [("Confirmed", str(len(done)))] + [
        (f"  now {words}", str(count)) for words, count in states.items()
    ]
    parts = [facts("Matches", pairs)]
    if together := _together(done):
        parts.append(table("Paid together", ("Mutations", ">Order"), together))
    refused = [(str(each.mutation_id), shop.why(each.error)) for each in results if each.HasField("error")]
    if refused:
        parts.append(table("Refused", (">Mutation", "Why"), refused))
    return Group(*parts)


def _together(done: list[ConfirmMatchesResult]) -> list[tuple[str, str]]:
    """Orders that several of the mutations pay, with those."""
    by_order: dict[int, list[str]] = {}
    for each in done:
        for order_id in each.order_ids:
            by_order.setdefault(order_id, []).append(str(each.mutation_id))
    return [(" + ".join(ids), str(order_id)) for order_id, ids in by_order.items() if len(ids) > 1]


@command(
    app,
    "rules",
    [
        "kasir cs rules",
        "kasir cs rules --write-off-max 6.500 --propose",
        "kasir cs rules --account BCA --propose --confirm",
        "kasir cs rules --no-confirm",
    ],
    BANK,
)
def rules(
    shop: Shop,
    account: Account = "",
    write_off_max: Annotated[
        str, typer.Option(metavar="AMOUNT", help="Most of an order that is written off; 0 for nothing.")
    ] = "",
    propose: Annotated[
        bool | None, typer.Option("--propose/--no-propose", help="The server matches by itself.")
    ] = None,
    confirm: Annotated[
        bool | None, typer.Option("--confirm/--no-confirm", help="And confirms what is sure.")
    ] = None,
) -> None:
    """Show how an account's money is matched, or change it. What is not named stays as it is."""
    found = shop.account(account)
    if not write_off_max and propose is None and confirm is None:
        shop.output.emit({"bank_account": found}, lambda: _rules_view(found))
        return
    request = SetMatchingRulesRequest(
        bank_account_id=found.bank_account_id, matching_rules=found.matching_rules
    )
    wanted = request.matching_rules
    if write_off_max:
        wanted.write_off_max.CopyFrom(shop.money(write_off_max, found.currency_code))
    if propose is not None:
        wanted.propose_by_itself = propose
    if confirm is not None:
        wanted.confirm_by_itself = confirm
    if wanted.confirm_by_itself and not wanted.propose_by_itself:
        raise BadInput(
            "Only what the server proposes by itself can it confirm: add --propose or --no-confirm."
        )
    reply = shop.call(request, SetMatchingRulesResponse, note=f"matching rules of account {found.number}")
    shop.output.emit(reply, lambda: _rules_view(reply.bank_account))


def _rules_view(account: BankAccount) -> RenderableType:
    rules = account.matching_rules
    pairs = [
        (
            "Written off at most",
            show_money(rules.write_off_max) if rules.write_off_max.minor_units else "nothing",
        ),
        ("Proposes by itself", "yes" if rules.propose_by_itself else "no: kasir cs match"),
        ("Confirms by itself", "what is sure" if rules.confirm_by_itself else "no: kasir cs confirm"),
    ]
    return facts(f"Matching rules of {account.bank} {account.number}", pairs)
