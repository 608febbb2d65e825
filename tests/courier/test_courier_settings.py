"""Goal: keys come from files or the environment, and never stand in a file that is shown or an error."""

from pathlib import Path

import pytest

from clients.common.problems import BadInput
from clients.couriers import registry, settings
from clients.couriers.carrier import TrackEvent, TrackingState, newest

WHOLE = """
[biteship]
url = "https://api.biteship.example"
courier = "JNE"
secrets.api_key.file = "biteship.key"
secrets.webhook.env = "KASIR_TEST_WEBHOOK"
sender.name = "Toko Melati"
options.courier_company = "jne"
"""


def test_a_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "couriers.toml"
    path.write_text(WHOLE)
    (tmp_path / "biteship.key").write_text("kunci-1\n")
    monkeypatch.setenv("KASIR_TEST_WEBHOOK", "kunci-2")
    found = settings.read(path, "biteship")
    assert (found.secret("api_key"), found.secret("webhook")) == ("kunci-1", "kunci-2")
    assert (found.courier, found.option("courier_company")) == ("JNE", "jne")
    assert "kunci" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not tell of biteship"),
        ("[biteship", "is no TOML|is not TOML"),
        ('[biteship]\nsecrets.api_key = "kunci-1"', "not the key itself"),
        ('[biteship]\nsecrets.api_key.file = "missing.key"', "cannot be read"),
        ('[biteship]\nsecrets.api_key.file = "empty.key"', "is empty"),
        ('[biteship]\nsecrets.api_key.env = "KASIR_NOT_SET"', "not set"),
        ('[biteship]\napi_key = "kunci-1"', "no setting api_key"),
        ('[biteship]\nsender.street = "x"', "no street"),
        ("[biteship]\noptions.a = 1", "table of texts"),
        ("[biteship]\nurl = 1", "are texts"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "couriers.toml"
    path.write_text(text)
    (tmp_path / "empty.key").write_text("\n")
    with pytest.raises(BadInput, match=words) as wrong:
        settings.read(path, "biteship")
    assert "kunci-1" not in str(wrong.value)


def test_a_carrier_that_is_none() -> None:
    with pytest.raises(BadInput, match="biteship, generic, jne, rajaongkir"):
        registry.make(settings.CarrierSettings("tiki"))


def test_where_a_parcel_is_whatever_the_order_of_its_steps() -> None:
    states = list(TrackingState)
    assert newest([]) is None
    assert newest([TrackEvent(None, "x")]) is None
    steps = [TrackEvent(state, state.value) for state in states[:7]]
    assert newest(reversed(steps)).state is states[6]
    delivered = TrackEvent(TrackingState.DELIVERED, "delivered")
    assert newest([delivered, *steps]) is delivered
