//! Goal: every encoding and line end a bank uses gives the same lines; what is no text is refused. Method: one file, written in all
//! of them, read in pieces of several sizes.

mod common;

use std::fmt::Write as _;
use std::io::Read;

use common::{MAX_BYTES, Pieces, options, read_in_pieces};
use encoding_rs::WINDOWS_1252;
use kasir_statements::{Options, Source, StatementError};

const SIZES: [usize; 5] = [1, 2, 3, 1_000, usize::MAX];

fn lines(data: &[u8], size: usize) -> Result<Vec<(u64, String)>, StatementError> {
    let mut source = Source::new(Pieces::new(data, size), MAX_BYTES)?;
    let mut found = Vec::new();
    while let Some(line) = source.next_line()? {
        found.push((line.number, line.text.to_owned()));
    }
    Ok(found)
}

fn utf16(text: &str, big: bool, mark: bool) -> Vec<u8> {
    let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
    units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

#[test]
fn lines_are_numbered_as_an_editor_does() {
    let text = format!("a\r\n\r\nb\rc\n\x0cd\x1c\n{}", "e".repeat(10));
    for size in SIZES {
        let found = lines(text.as_bytes(), size).expect("it is text");
        let expected = ["a", "", "b", "c", "\x0cd\x1c", "eeeeeeeeee"];
        assert_eq!(found, (1..).zip(expected.map(str::to_owned)).collect::<Vec<_>>());
    }
}

#[test]
fn encodings_and_line_ends() {
    let text = "RENÉ DOE\nline two\n\nthe last, with a lot of plain letters behind it\n";
    let plain: Vec<_> = (1..).zip(text.lines().map(str::to_owned)).collect();
    for end in ["\n", "\r\n", "\r"] {
        let text = text.replace('\n', end);
        let encoded = [
            text.clone().into_bytes(),
            [b"\xef\xbb\xbf", text.as_bytes()].concat(),
            utf16(&text, false, true),
            utf16(&text, true, true),
            utf16(&text, false, false),
            utf16(&text, true, false),
            WINDOWS_1252.encode(&text).0.into_owned(),
        ];
        for data in encoded {
            for size in SIZES {
                assert_eq!(lines(&data, size).expect("it is text"), plain);
                let mut whole = String::new();
                let mut source = Source::new(Pieces::new(&data, size), MAX_BYTES).expect("it opens");
                source.text().read_to_string(&mut whole).expect("it is text");
                assert_eq!(whole, text);
            }
        }
    }
}

#[test]
fn the_hash_is_of_the_bytes_whatever_was_read() {
    let data = b"Account No.,=,'1\n".repeat(30_000);
    let mut hashes = Vec::new();
    for lines in [0, 3, usize::MAX] {
        let mut source = Source::new(Pieces::new(&data, 777), MAX_BYTES).expect("it opens");
        for _ in 0..lines {
            if source.next_line().expect("it is text").is_none() {
                break;
            }
        }
        hashes.push(source.finish().expect("it is read"));
    }
    let mut source = Source::new(Pieces::new(&data, 777), MAX_BYTES).expect("it opens");
    let mut again = Vec::new();
    source.seekable().expect("it seeks").read_to_end(&mut again).expect("it is read");
    assert_eq!(again, data);
    source.seekable().expect("it seeks").read_exact(&mut [0; 100]).expect("it is read");
    hashes.push(source.finish().expect("it is read"));
    assert!(hashes.iter().all(|hash| *hash == hashes[0] && hash.len() == 64));
}

#[test]
fn the_hash_is_blake2b_256() {
    let mut source = Source::new(Pieces::new(b"abc", 1), MAX_BYTES).expect("it opens");
    let known = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";
    assert_eq!(source.finish().expect("it is read"), known);
}

#[test]
fn what_is_no_statement_is_refused_as_such() {
    let mut every_byte = String::new();
    write!(every_byte, "<html><table></table></html>").expect("a text takes everything");
    let all: Vec<u8> = (0..=255).cycle().take(2_560).collect();
    let zip = [b"PK\x03\x04".as_slice(), &[0; 500]].concat();
    let cases: [&[u8]; 10] = [
        b"",
        b"\n\n\n",
        &[0; 1_000],
        &all,
        b"\xff\xfe",
        b"\xfe\xff\xd8",
        &zip,
        b"%PDF-1.7\n",
        every_byte.as_bytes(),
        &vec![b'x'; 200_000],
    ];
    for data in cases {
        let refused = read_in_pieces(data, usize::MAX, &options());
        assert!(matches!(refused, Err(StatementError::Unrecognised(_))), "{refused:?}");
    }
}

#[test]
fn a_line_that_no_bank_writes_and_a_file_too_large_are_refused() {
    let long = [b"a\n".as_slice(), &vec![b'x'; 100_000]].concat();
    assert!(
        matches!(lines(&long, 4_096), Err(StatementError::Broken(words)) if words.starts_with("line 2 is longer"))
    );
    let mut source = Source::new(Pieces::new(&[b'\n'; 3_000], 1_000), 2_000).expect("it opens");
    while source.next_line().is_ok_and(|line| line.is_some()) {}
    assert!(matches!(source.finish(), Err(StatementError::Unrecognised(_))));
    assert!(matches!(lines(b"a\0b\0c\0d\0\0\xd8x\0y\0z\0", 3), Err(StatementError::Broken(_))));
}

#[test]
fn whether_a_file_says_its_currency_is_told() {
    let columns = "[columns]\ndate = 1\namount = 2\n";
    let named = format!("currency = \"USD\"\n{columns}");
    let by_row = format!("{columns}currency = 3\n");
    let bai = |currency: &str| {
        format!(
            "01,A,B,260502,0900,1,,,2/\n02,B,A,1,260502,0900,{currency},/\n03,123,,010,1000,,/\n\
             49,1000,2/\n98,1000,1,4/\n99,1000,1,6/\n"
        )
    };
    let bni = |above: &str| {
        format!(
            "{above}Post Date,Value Date,Branch,Journal No.,Description,Debit,Credit\n16/03/26,16/03/26,1,1,A,0,1.00\n"
        )
    };
    let csv = || "2026-05-02,7.00,USD\n".to_owned();
    for (data, mapping, currency, is_assumed) in [
        (csv(), Some(columns), "IDR", true),
        (csv(), Some(named.as_str()), "USD", false),
        (csv(), Some(by_row.as_str()), "USD", false),
        (bai(""), None, "USD", true),
        (bai("IDR"), None, "IDR", false),
        (bni(""), None, "IDR", true),
        (bni("Currency,USD\n"), None, "USD", false),
        (
            r#"[{"account_number":"1","date":"2026-05-02","amount":1,"type":"CR","mutation_id":"m"}]"#
                .to_owned(),
            None,
            "IDR",
            true,
        ),
    ] {
        let (_, found) =
            read_in_pieces(data.as_bytes(), 100, &Options { mapping, ..options() }).expect("it is read");
        let account = &found[0].account;
        assert_eq!(
            (account.currency.as_str(), account.is_currency_assumed),
            (currency, is_assumed),
            "{data}"
        );
    }
}
