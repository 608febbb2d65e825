"""A catalogue file is read row by row; a wrong row is told and stops no other."""

import pytest

from clients.common.items_csv import COLUMNS_HELP, OPTIONAL, REQUIRED, SAMPLE, Shop, read_rows
from clients.common.money import parse_money
from clients.common.problems import BadInput


def tax_class_id(code: str) -> int:
    if code != "PPN11":
        raise BadInput(f"There is no tax class '{code}'.")
    return 1


SHOP = Shop(lambda text: parse_money(text, "IDR"), tax_class_id)


def rows(tmp_path, content: str | bytes):
    path = tmp_path / "catalogue.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(read_rows(path, SHOP))


def check_digit_holds(gtin: str) -> bool:
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(gtin)))
    return gtin.isdigit() and weighted % 10 == 0


def test_the_sample_is_valid(tmp_path):
    found = rows(tmp_path, SAMPLE)
    assert [row.problem for row in found] == ["", "", ""]
    first = found[0].item
    assert first.sku == "KOPI-01"
    assert [(price.price_list, price.min_quantity, price.amount.minor_units) for price in first.prices] == [
        ("retail", 1, 10_840_000),
        ("retail", 12, 10_200_000),
        ("wholesale", 1, 9_500_000),
    ]
    assert first.tax_class_id == 1
    assert found[2].item.name == "Teh Melati, isi 25"
    assert all(check_digit_holds(code) for row in found for code in row.item.barcodes)
    assert list(found[1].item.barcodes) == ["8991234500003", "18991234500000"]


def test_every_column_is_explained():
    assert [column for column in REQUIRED + OPTIONAL if f"\n  {column} " not in COLUMNS_HELP] == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_of_every_country_are_read(tmp_path, delimiter):
    (row,) = rows(tmp_path, f"\ufeffSKU{delimiter}Name{delimiter} Price \r\nA{delimiter}B{delimiter}5000\r\n")
    assert (row.line, row.item.sku, row.item.prices[0].amount.minor_units) == (2, "A", 500_000)


def test_a_wrong_row_is_told_with_its_line_and_the_others_are_read(tmp_path):
    content = "sku,name,price,weight_grams,tax_class\nA,a,5000,,\n\nB,b,5.00,,\nC,c,1,x,\nD,d,1\n"
    content += "E,e,1,,PB1\nF,f,,,\nG,g,1,5,PPN11\n"
    found = rows(tmp_path, content)
    assert [(row.line, row.sku) for row in found if row.item] == [(2, "A"), (9, "G")]
    told = {row.line: row.problem for row in found if row.problem}
    assert "two ways" in told[4]
    assert told[5] == "weight_grams is 'x', not a whole number."
    assert told[6] == "The row does not have 5 columns."
    assert told[7] == "There is no tax class 'PB1'."
    assert told[8] == "The price is missing."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("sku,name\nA,a\n", "no column price"),
        ("", "no column sku, name, price"),
        ("sku,name,price,colour\n", "'colour'"),
        ("sku,name,price,name\n", "twice: name"),
        ("sku,name,price,price:retail:x\n", "price:retail:x"),
        (b"sku,name,price\nA,\xff\xfe,5\n", "not UTF-8"),
        ('sku,name,price\nA,"b,5\n', "not CSV"),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_whole(tmp_path, content, words):
    with pytest.raises(BadInput, match=words):
        rows(tmp_path, content)
