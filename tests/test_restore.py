"""Goal: what a snapshot held is served again from a new directory; a damaged snapshot is refused in words.

Method: the real engine writes a snapshot; the `kasir` command restores it.
"""

import subprocess
import sys
from pathlib import Path

from engine import Engine
from kasir.v1.stock_pb2 import CreateLocationRequest, ListLocationsRequest, ListLocationsResponse, Location

CREATE = "/kasir.v1.StockService/CreateLocation"
LIST = "/kasir.v1.StockService/ListLocations"


def kasir(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kasir.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def snapshot_of_a_shop(folder: Path) -> Path:
    request = CreateLocationRequest(
        request_id="018f4e2a-0000-7000-8000-000000000001",
        location=Location(code="TOKO", name="Toko", kind="LOCATION_KIND_SHOP"),
    )
    with Engine.open(folder / "live") as engine:
        engine.submit_blocking(CREATE, request.SerializeToString(), "test")
        engine.snapshot(folder / "monday")
    return folder / "monday"


def test_a_restored_store_has_what_the_snapshot_held(tmp_path: Path) -> None:
    done = kasir("restore", str(snapshot_of_a_shop(tmp_path)), "--data", str(tmp_path / "again"))
    assert done.returncode == 0, done.stderr
    assert "revision 1" in done.stdout
    with Engine.open(tmp_path / "again") as engine:
        listed = ListLocationsResponse.FromString(
            engine.query(LIST, ListLocationsRequest().SerializeToString())
        )
    assert [location.code for location in listed.locations] == ["TOKO"]


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    snapshot = snapshot_of_a_shop(tmp_path)
    damaged = bytearray(snapshot.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    snapshot.write_bytes(damaged)
    done = kasir("restore", str(snapshot), "--data", str(tmp_path / "again"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    assert not (tmp_path / "again" / "data.mdb").exists()


def test_a_store_is_never_overwritten(tmp_path: Path) -> None:
    snapshot = snapshot_of_a_shop(tmp_path)
    done = kasir("restore", str(snapshot), "--data", str(tmp_path / "live"))
    assert done.returncode == 1
    assert done.stderr.strip()
