//! Goal: CAMT.052, CAMT.053 and CAMT.054 of every version are read right, or refused with the line named.

mod common;

use std::fmt::Write as _;

use common::{iso, options, problems, read_in_pieces, sample, sound, statements};
use kasir_statements::OwnedEntry;
use kasir_statements::ProblemKind::{Structure, Total, UnreadableRow};
use proptest::prelude::*;

const FORMAT: &str = "camt";

fn document(inner: &str) -> String {
    format!(
        "<Document><BkToCstmrStmt>\n<Stmt><Acct><Id><IBAN>DE89 3704</IBAN></Id><Ccy>EUR</Ccy></Acct>\n{inner}</Stmt></BkToCstmrStmt></Document>"
    )
}

fn balance(kind: &str, amount: &str, indicator: &str) -> String {
    format!(
        "<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{indicator}</CdtDbtInd></Bal>\n"
    )
}

fn entry(amount: &str, indicator: &str, more: &str) -> String {
    format!(
        "<Ntry><Amt Ccy=\"EUR\">{amount}</Amt><CdtDbtInd>{indicator}</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-11-25</Dt></BookgDt>{more}</Ntry>\n"
    )
}

#[test]
fn samples_hold_what_they_hold() {
    for (name, amounts, wrong) in [
        ("genkgo_camt053.v2.minimal.xml", vec![885], vec![(65, Structure)]),
        ("genkgo_camt053.v4.xml", vec![885], vec![(85, Structure)]),
        ("genkgo_camt053.v8.xml", vec![885], vec![(85, Structure)]),
        ("genkgo_camt054.v2.xml", vec![-20_000_000], vec![]),
        ("bsp_camt053_duplicate_same_day.xml", vec![-450, -450], vec![]),
        ("bsp_camt053_garbled_amount.xml", vec![], vec![(16, UnreadableRow)]),
    ] {
        let data = sample(&format!("camt/{name}"));
        let found = statements(&data, FORMAT);
        let read: Vec<i64> = found.iter().flat_map(|s| s.rows.iter().map(|row| row.amount_minor)).collect();
        assert_eq!((found.len(), read), (1, amounts), "{name}");
        assert_eq!(problems(&data, FORMAT), wrong, "{name}");
    }
}

#[test]
fn versions_name_parties_states_and_days_differently() {
    for (name, text) in [
        ("genkgo_camt053.v2.minimal.xml", "4654654654654654"),
        ("genkgo_camt053.v4.xml", "4654654654654654"),
        ("genkgo_camt053.v8.xml", "MUELL/FINP/RA12345 4654654654654654"),
    ] {
        let found = statements(&sample(&format!("camt/{name}")), FORMAT);
        let row = &found[0].rows[0];
        assert_eq!(
            (iso(row.date), row.value_date.map(iso)),
            ("2014-12-31".to_owned(), Some("2015-01-02".to_owned()))
        );
        assert_eq!(
            (row.counterparty.as_str(), row.description.as_str(), row.pending),
            ("NAME NAME", text, false),
            "{name}"
        );
        assert_eq!(found[0].account.number, "NL26VAYB8060476890");
    }
}

#[test]
fn two_equal_payments_of_one_day_stay_two() {
    let found = sound(&sample("camt/bsp_camt053_duplicate_same_day.xml"), FORMAT);
    assert_eq!(found.rows.iter().map(|row| row.occurrence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(found.rows[0].counterparty, "CITY COFFEE");
}

#[test]
fn a_reversal_says_its_own_direction() {
    let parties = "<RvslInd>true</RvslInd><NtryDtls><TxDtls><RltdPties><Dbtr><Nm>US</Nm></Dbtr><Cdtr><Nm>SHOP</Nm></Cdtr></RltdPties></TxDtls></NtryDtls>";
    let text = document(
        &(balance("OPBD", "1.00", "CRDT")
            + &balance("CLBD", "3.00", "CRDT")
            + &entry("5", "CRDT", parties)
            + &entry("3.00", "DBIT", "<RvslInd>false</RvslInd>")),
    );
    let found = sound(text.as_bytes(), FORMAT);
    assert_eq!(found.rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>(), [500, -300]);
    assert_eq!(found.rows[0].counterparty, "SHOP");
    assert!(found.end.sums_checked);
    assert_eq!(found.account.number, "DE893704");
}

/// The batch below, without its details.
fn whole_entry() -> String {
    entry("10.00", "CRDT", "<AcctSvcrRef>BATCH20261125001</AcctSvcrRef>")
}

#[test]
fn a_batch_is_taken_apart_when_its_details_add_up() {
    let detail = |amount: &str, name: &str| {
        format!(
            "<TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs><Amt Ccy=\"EUR\">{amount}</Amt><RltdPties><Dbtr><Pty><Nm>{name}</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>ORDER {name}</Ustrd></RmtInf></TxDtls>\n"
        )
    };
    let batch = |first: &str| {
        let details = detail(first, "A") + &detail("2.50", "B");
        document(&entry(
            "10.00",
            "CRDT",
            &format!(
                "<AcctSvcrRef>BATCH20261125001</AcctSvcrRef><NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch>{details}</NtryDtls>"
            ),
        ))
    };
    let found = sound(batch("7.50").as_bytes(), FORMAT);
    let parts: Vec<(u64, i64, &str, &str, &str)> = found
        .rows
        .iter()
        .map(|row| {
            (
                row.row,
                row.amount_minor,
                row.counterparty.as_str(),
                row.description.as_str(),
                row.bank_reference.as_str(),
            )
        })
        .collect();
    assert_eq!(
        parts,
        [(3, 750, "A", "ORDER A", "BATCH20261125001"), (4, 250, "B", "ORDER B", "BATCH20261125001")]
    );
    let whole = |occurrence| {
        let reference = "BATCH20261125001".to_owned();
        Some(OwnedEntry { reference, amount_minor: 1_000, occurrence })
    };
    assert!(found.rows.iter().all(|row| row.entry == whole(1)));
    let found =
        sound(batch("7.50").replace("<Ntry>", &format!("{}<Ntry>", whole_entry())).as_bytes(), FORMAT);
    assert_eq!(found.rows[0].entry, None);
    assert!(found.rows[1..].iter().all(|row| row.entry == whole(2)), "the entry before it is its equal");
    let found = sound(batch("7.00").as_bytes(), FORMAT);
    assert_eq!(found.rows.len(), 1);
    let row = &found.rows[0];
    assert_eq!(row.entry, None);
    assert_eq!(
        (row.amount_minor, row.counterparty.as_str(), row.description.as_str()),
        (1_000, "", "ORDER A ORDER B")
    );
}

#[test]
fn what_is_not_booked_waits_and_counts_in_no_balance() {
    let pending = entry("9.00", "CRDT", "").replace("<Sts>BOOK</Sts>", "<Sts><Cd>PDNG</Cd></Sts>").replace(
        "<BookgDt><Dt>2026-11-25</Dt></BookgDt>",
        "<ValDt><DtTm>2026-11-27T00:00:00+07:00</DtTm></ValDt>",
    );
    let text = document(
        &(balance("PRCD", "1.00", "DBIT")
            + &balance("CLBD", "4.00", "CRDT")
            + &entry("5.00", "CRDT", "")
            + &pending),
    );
    let found = sound(text.as_bytes(), FORMAT);
    assert_eq!(found.rows.iter().map(|row| row.pending).collect::<Vec<_>>(), [false, true]);
    assert_eq!(iso(found.rows[1].date), "2026-11-27");
    assert_eq!((found.end.opening_minor, found.end.closing_minor), (Some(-100), Some(400)));
}

#[test]
fn summaries_are_compared() {
    let with = |summary: &str| {
        document(
            &(format!("<TxsSummry>{summary}</TxsSummry>\n")
                + &entry("5.00", "CRDT", "")
                + &entry("2.00", "DBIT", "")),
        )
    };
    for right in [
        "<TtlNtries><NbOfNtries>2</NbOfNtries><Sum>7.00</Sum><TtlNetNtry><Amt>3.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></TtlNetNtry></TtlNtries>",
        "<TtlCdtNtries><NbOfNtries>1</NbOfNtries><Sum>5</Sum></TtlCdtNtries><TtlDbtNtries><NbOfNtries>001</NbOfNtries><Sum>2.0</Sum></TtlDbtNtries>",
        "<TtlNtries><TtlNetNtryAmt>3.00</TtlNetNtryAmt><CdtDbtInd>CRDT</CdtDbtInd></TtlNtries>",
    ] {
        assert!(sound(with(right).as_bytes(), FORMAT).end.sums_checked, "{right}");
    }
    for wrong in [
        "<TtlNtries><NbOfNtries>3</NbOfNtries></TtlNtries>",
        "<TtlNtries><Sum>7.01</Sum></TtlNtries>",
        "<TtlCdtNtries><Sum>x</Sum></TtlCdtNtries>",
        "<TtlNtries><TtlNetNtryAmt>3.00</TtlNetNtryAmt><CdtDbtInd>DBIT</CdtDbtInd></TtlNtries>",
    ] {
        assert_eq!(problems(with(wrong).as_bytes(), FORMAT), [(6, Total)], "{wrong}");
    }
}

#[test]
fn namespaces_prefixes_and_other_messages() {
    for (message, statement) in
        [("BkToCstmrAcctRpt", "Rpt"), ("BkToCstmrDbtCdtNtfctn", "Ntfctn"), ("BkToCstmrStmt", "Stmt")]
    {
        let text = format!(
            "<?xml version='1.0'?><n:Document xmlns:n='urn:x'><n:{message}><n:{statement}><n:Acct><n:Id><n:Othr><n:Id>77</n:Id></n:Othr></n:Id></n:Acct><n:Ntry><n:Amt Ccy='IDR'>1234.56</n:Amt><n:CdtDbtInd>CRDT</n:CdtDbtInd><n:BookgDt><n:Dt>2026-11-25Z</n:Dt></n:BookgDt><n:AddtlNtryInf>A &amp; B &#38; <![CDATA[<C>]]></n:AddtlNtryInf></n:Ntry></n:{statement}></n:{message}></n:Document>"
        );
        let found = sound(text.as_bytes(), FORMAT);
        assert_eq!(
            (found.rows[0].amount_minor, found.rows[0].description.as_str()),
            (123_456, "A & B & <C>")
        );
        let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(statements(&utf16, FORMAT)[0].rows, found.rows);
    }
}

#[test]
fn what_is_wrong_is_named() {
    let whole = document(
        &(balance("OPBD", "1.00", "CRDT") + &balance("CLBD", "7.00", "CRDT") + &entry("5.00", "CRDT", "")),
    );
    assert_eq!(problems(whole.as_bytes(), FORMAT), [(4, Total)]);
    for garbled in ["12..34", "-5.00", "5,00", "1e3", "", "5.001"] {
        let text = document(&(entry(garbled, "CRDT", "") + &entry("5", "CRDT", "")));
        assert_eq!(problems(text.as_bytes(), FORMAT), [(3, UnreadableRow)], "{garbled}");
    }
    let no_direction = document(&entry("5.00", "", ""));
    assert_eq!(problems(no_direction.as_bytes(), FORMAT), [(3, UnreadableRow)]);
    let other_currency = document(&entry("5.00", "CRDT", "").replace("EUR", "USD"));
    assert_eq!(problems(other_currency.as_bytes(), FORMAT), [(3, UnreadableRow)]);
    let cut = &whole[..whole.find("</Stmt>").expect("it ends")];
    assert!(problems(cut.as_bytes(), FORMAT).contains(&(0, Structure)));
    let damaged =
        document(&(entry("5.00", "CRDT", "") + &entry("5.00", "CRDT", "").replace("</Ntry>", "</Nary>")));
    let found = problems(damaged.as_bytes(), FORMAT);
    assert!(found.contains(&(4, Structure)), "{found:?}");
    let error = read_in_pieces(damaged.replacen("</Ntry>", "</Nary>", 1).as_bytes(), 9, &options())
        .expect_err("no row");
    assert!(error.to_string().starts_with("line 3: the XML is damaged"), "{error}");
}

#[test]
fn a_batch_of_more_than_is_held_is_one_mutation() {
    let details = "<TxDtls><Amt Ccy=\"EUR\">1.00</Amt></TxDtls>\n".repeat(400_000);
    let text = document(&entry("400000.00", "CRDT", &format!("<NtryDtls>{details}</NtryDtls>")));
    let (_, found) = read_in_pieces(text.as_bytes(), 65_536, &options()).expect("it can be read");
    assert_eq!(found[0].rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>(), [40_000_000]);
}

#[test]
fn declared_entities_are_refused() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>".to_owned()
        + &document(&entry("5.00", "CRDT", "<AddtlNtryInf>&b;</AddtlNtryInf>"));
    let error = read_in_pieces(bomb.as_bytes(), 100, &options()).expect_err("entities");
    assert!(error.to_string().contains("entities"), "{error}");
}

#[test]
fn an_element_without_an_end_is_refused() {
    let long =
        document(&entry("5.00", "CRDT", &format!("<AddtlNtryInf>{}</AddtlNtryInf>", "x".repeat(600_000))));
    let error = read_in_pieces(long.as_bytes(), 4_096, &options()).expect_err("too long");
    assert!(error.to_string().contains("longer than any bank writes"), "{error}");
    let deep = document(&"<a>".repeat(5_000));
    let error = read_in_pieces(deep.as_bytes(), 4_096, &options()).expect_err("too deep");
    assert!(
        error.to_string().contains("never") || error.to_string().contains("nothing is ever ended"),
        "{error}"
    );
}

#[test]
fn pages_open_and_close_with_interim_balances() {
    let page = |number: u8, inner: &str| {
        format!(
            "<Stmt><Id>7</Id><StmtPgntn><PgNb>{number}</PgNb></StmtPgntn><Acct><Id><IBAN>DE89</IBAN></Id><Ccy>EUR</Ccy></Acct>\n{inner}</Stmt>\n"
        )
    };
    let interim = |amount: &str| balance("ITBD", amount, "CRDT");
    let file = |closing: &str| {
        let pages = [
            page(1, &(balance("OPBD", "0.00", "CRDT") + &interim("100.00") + &entry("100.00", "CRDT", ""))),
            page(2, &(interim("100.00") + &interim("90.00") + &entry("10.00", "DBIT", ""))),
            page(3, &(interim("90.00") + &balance("CLBD", closing, "CRDT") + &entry("1.00", "CRDT", ""))),
        ];
        format!("<Document><BkToCstmrStmt>\n{}</BkToCstmrStmt></Document>", pages.concat())
    };
    let found = sound(file("91.00").as_bytes(), FORMAT);
    assert_eq!(
        (found.end.opening_minor, found.end.closing_minor, found.end.sums_checked),
        (Some(0), Some(9_100), true)
    );
    assert_eq!(problems(file("92.00").as_bytes(), FORMAT), [(14, Total)]);
    assert_eq!(problems(file("91.00").replacen("10.00", "20.00", 1).as_bytes(), FORMAT), [(9, Total)]);
}

#[test]
fn days_that_the_engine_does_not_keep() {
    let text = document(
        &(entry("1.00", "CRDT", "<ValDt><Dt>9999-12-31</Dt></ValDt>")
            + &entry("2.00", "CRDT", "").replace("2026", "3026")
            + &entry("3.00", "CRDT", "").replace("2026", "1026")),
    );
    let found = statements(text.as_bytes(), FORMAT);
    assert_eq!(
        found[0].rows.iter().map(|row| (row.amount_minor, row.value_date)).collect::<Vec<_>>(),
        [(100, None)]
    );
    assert_eq!(problems(text.as_bytes(), FORMAT), [(4, UnreadableRow), (5, UnreadableRow)]);
}

#[test]
fn a_statement_that_stands_there_twice_is_named() {
    let inner = "<Id>7</Id>".to_owned()
        + &balance("OPBD", "5.00", "CRDT")
        + &balance("CLBD", "5.00", "CRDT")
        + &entry("3.00", "CRDT", "")
        + &entry("3.00", "DBIT", "");
    let statement = document(&inner);
    let twice = statement
        .replace("</Stmt>", "</Stmt>\n<Stmt><Acct><Id><IBAN>DE89 3704</IBAN></Id></Acct>\nX</Stmt>")
        .replace('X', &inner);
    assert_eq!(problems(twice.as_bytes(), FORMAT), [(10, Structure)]);
    sound(twice.replacen("<Id>7</Id>", "<Id>8</Id>", 1).as_bytes(), FORMAT);
}

#[test]
fn elements_outside_a_statement_may_not_nest_without_end() {
    let deep = "<Document><BkToCstmrStmt>".to_owned() + &"<a>".repeat(5_000);
    let error = read_in_pieces(deep.as_bytes(), 4_096, &options()).expect_err("too deep");
    assert!(error.to_string().contains("nothing is ever ended"), "{error}");
}

proptest! {
    #[test]
    fn what_is_written_is_read(amounts in prop::collection::vec(-99_999_999..99_999_999_i64, 0..20), opening in 0..1_000_i64) {
        let written = |minor: i64| (format!("{}.{:02}", minor.abs() / 100, minor.abs() % 100), if minor < 0 { "DBIT" } else { "CRDT" });
        let closing = opening + amounts.iter().sum::<i64>();
        let mut inner = String::new();
        for (kind, minor) in [("OPBD", opening), ("CLBD", closing)] {
            let (amount, indicator) = written(minor);
            inner += &balance(kind, &amount, indicator);
        }
        for minor in &amounts {
            let (amount, indicator) = written(*minor);
            write!(inner, "{}", entry(&amount, indicator, "")).expect("a text takes everything");
        }
        let found = sound(document(&inner).as_bytes(), FORMAT);
        prop_assert_eq!(found.rows.iter().map(|row| row.amount_minor).collect::<Vec<_>>(), amounts);
        prop_assert_eq!(found.end.closing_minor, Some(closing));
    }

    #[test]
    fn no_damage_is_more_than_a_refusal(at in 0..8_000_usize, byte in any::<u8>(), cut in 0..7_000_usize) {
        let mut data = sample("camt/genkgo_camt054.v2.xml");
        let at = at % data.len();
        data[at] = byte;
        data.truncate(data.len() - cut);
        let _ = read_in_pieces(&data, 64, &options());
    }
}
