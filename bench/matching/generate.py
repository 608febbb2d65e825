"""Plays a shop for a seed and writes down orders, mutations and truth."""

from bench.matching import behaviour, evidence, unrelated
from bench.matching.files import Mutation, TestSet, Truth
from bench.matching.shop import Draft, Shop, pick

SETS = ("easy", "hard")
DEFAULT_SIZE = 2_000


def generate(name: str, seed: int, size: int = DEFAULT_SIZE, *, judged: bool = True) -> TestSet:
    """A set of about `size` orders; the same for the same name, seed and size. `judged` False leaves out what
    a person could know: enough for timing.
    """
    assert name in SETS, name
    shop = Shop(name, seed, size)
    kinds = behaviour.EASY if name == "easy" else behaviour.HARD
    by_name = {each.__name__: each for each in kinds}
    weights = {each.__name__: weight for each, weight in kinds.items()}
    while len(shop.orders) < size:
        by_name[pick(shop.rng, weights)](shop)
    unrelated.add(shop, name)
    drafts = _as_a_statement(shop)
    shop.orders.sort(key=lambda order: order.order_id)
    mutations = [_mutation(index, draft) for index, draft in enumerate(drafts, 1)]
    truth = [
        Truth(mutation.mutation_id, draft.kind, draft.allocations)
        for mutation, draft in zip(mutations, drafts, strict=True)
    ]
    made = TestSet(name, seed, shop.orders, mutations, truth)
    if judged:
        evidence.judge(made, [draft.text.reading for draft in drafts])
    return made


def _as_a_statement(shop: Shop) -> list[Draft]:
    """By day, within a day in any order."""
    shop.rng.shuffle(shop.drafts)
    return sorted(shop.drafts, key=lambda draft: draft.date)


def _mutation(index: int, draft: Draft) -> Mutation:
    return Mutation(
        mutation_id=f"m{index:06}",
        account=draft.account,
        date=draft.date,
        amount_minor=draft.amount_minor,
        direction=draft.direction,
        status=draft.status,
        description=draft.text.description,
    )
