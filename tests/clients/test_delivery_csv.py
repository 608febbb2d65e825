"""A delivery's file: every row is goods, or the file is refused."""

from pathlib import Path

import pytest

from clients.common.delivery_csv import BYTES_MAX, read_delivery
from clients.common.problems import BadInput
from clients.common.specs import LineSpec

GOODS = [LineSpec("KOPI-01", 24), LineSpec("GULA-5", 10)]


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "delivery.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    "content",
    [
        "KOPI-01,24\nGULA-5,10\n",
        "code,quantity\nKOPI-01,24\nGULA-5,10\n",
        "SKU, Qty\r\nKOPI-01 ,24\r\n\r\nGULA-5, 10",
        "\ufeffCode;QTY\nKOPI-01;24\nGULA-5;10\n",
        "KOPI-01\t24\nGULA-5\t10\n",
        '"KOPI-01","24"\n,\nGULA-5,10\n',
    ],
)
def test_every_row_of_goods_is_read_with_and_without_names_of_columns(file, content):
    assert read_delivery(file(content)) == GOODS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("KOPI-01,24 pcs\nGULA-5,10\n", "row 1: '24 pcs' is no quantity"),
        ("KOPI-01,-3\nGULA-5,10\n", "row 1: '-3' is no quantity"),
        ("KOPI-01,\nGULA-5,10\n", "row 1: '' is no quantity"),
        ("Kopi,Luwak\nGULA-5,10\n", "row 1: 'Luwak' is no quantity"),
        ("KOPI-01,24,5\nGULA-5,10\n", "row 1 has 3 columns"),
        ("KOPI-01\nGULA-5\n", "row 1 has 1 columns"),
        ("code,quantity\ncode,quantity\nGULA-5,10\n", "row 2: 'quantity' is no quantity"),
        ("KOPI-01,24\nGULA-5,1.5\n", "row 2: '1.5' is no quantity"),
        ("KOPI-01,24\nGULA-5,0\n", "row 2: '0' is no quantity"),
        ("KOPI-01,24\nGULA-5,²\n", "row 2: '²' is no quantity"),
        ("KOPI-01,24\nGULA-5,1000001\n", "whole number from 1 to 1.000.000"),
        ("KOPI-01,24\n,5\n", "row 2 has no code"),
        (b"KOPI-01,24\n\xff,5\n", "not UTF-8"),
        (b'KOPI-01,24\n"GULA"x,5\n', "not CSV"),
    ],
)
def test_a_row_that_is_no_goods_is_named_with_the_reason(file, content, words):
    with pytest.raises(BadInput) as refused:
        read_delivery(file(content))
    assert words in str(refused.value)


def test_what_is_no_delivery_by_its_size_is_not_read(tmp_path):
    path = tmp_path / "disk.img"
    with path.open("wb") as file:
        file.truncate(BYTES_MAX + 1)
    with pytest.raises(BadInput, match="larger than 4 MiB"):
        read_delivery(path)
    with pytest.raises(BadInput, match="larger than 4 MiB"):
        read_delivery(Path("/dev/zero"))
