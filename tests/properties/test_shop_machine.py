"""The shop against its model.

Goal: whatever clients ask, in whatever order, sent once, twice or with another body, and whatever falls due
between two calls, the server answers, refuses and shows exactly what a small model of plain dicts does.
Method: Hypothesis chooses calls; the real server takes them over gRPC, then the model at the time that the
journal gives; after each rule every list, every stock and the day's report are compared.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.properties.actions_goods import GoodsActions
from tests.properties.actions_orders import OrderActions
from tests.properties.actions_selling import SellingActions
from tests.properties.inputs import CHOICES, Choice
from tests.properties.shop_base import ACTIONS, ShopBase, action

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
EXAMPLES, STEPS = (400, 150) if LONG else (16, 100)


class TimeActions(ShopBase):
    """Time passes, and what was sent before is sent again."""

    @action(2)
    def waits(self, _choice: Choice) -> None:
        self.driver.wait(500)

    @action(1, when=lambda self: bool(self.driver.accepted))
    def sends_an_old_request_again(self, choice: Choice) -> None:
        self.driver.repeat(choice.of(self.driver.accepted[-40:]))


def everything() -> list[str]:
    """The names of all actions, each as often as its weight; first what does least, as shrinking likes it."""
    named = sorted(ACTIONS, key=lambda each: each.name != "waits")
    return [each.name for each in named for _ in range(each.weight)]


class ShopMachine(GoodsActions, OrderActions, SellingActions, TimeActions):
    """Everything that people do, one thing a step."""

    @rule(what=st.sampled_from(everything()), choices=CHOICES)
    def somebody(self, what: str, choices: bytes) -> None:
        """One rule, not one for each action: which of them make sense now depends on the shop and so on the
        clock, and Hypothesis must find the same rules when it plays a run again. What makes no sense is left
        out, so that every other step stays what it was when a story shrinks.
        """
        (action,) = [each for each in ACTIONS if each.name == what]
        if action.when(self):
            action.act(self, Choice(choices))


@pytest.mark.slow
@pytest.mark.timeout(6 * 3_600 if LONG else 900)
class TestShop(ShopMachine.TestCase):
    settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        print_blob=True,
        # Every step is a call or several to a real server: slow by nature.
        suppress_health_check=list(HealthCheck),
    )
