"""A till that sells until it is killed: a process of its own, as a shop's till is.

    python -m tests.till.worker STATE SERVER [SALES SEED]

Sells random carts of the items that it leased, one after the other, and says of each on standard output
what a customer would have in hand: entry, receipt, total, change. What was said is on the disk; the reader
may kill it at any time. It looks at what the till has already and goes on from there. The server is not
needed. Without a number of sales it sends what waits.
"""

import random
import sys
from pathlib import Path

from clients.common.connection import Connection
from clients.till.journal import Kind
from clients.till.line import till_client
from clients.till.till import Till, open_till
from tests.till.world import CODE, cart, cash

TENDER_MINOR = 100_000_000


def sell_on(till: Till, sales: int, chance: random.Random) -> None:
    while sum(entry.kind == Kind.SALE for entry in till.journal.entries()) < sales:
        held = till.leases.available(till.now_ms())
        items = [item_id for item_id, units in held.items() if units >= 2]
        wanted = [(item_id, chance.randint(1, 2)) for item_id in chance.sample(items, chance.randint(1, 2))]
        sold = till.sell(cart(*wanted), cash(TENDER_MINOR))
        totals = sold.sale.totals.total.minor_units, sold.sale.change.minor_units
        print(sold.entry.seq, sold.entry.receipt, *totals, flush=True)


def main() -> None:
    state, server, *words = sys.argv[1:]
    client = till_client(Connection(server, "siti"), timeout_s=5.0)
    till = open_till(Path(state), client, CODE)
    if not words:
        till.send()
        return
    sales, seed = words
    sell_on(till, int(sales), random.Random(int(seed)))


if __name__ == "__main__":
    main()
