//! Goal: what a shop says of its bank accounts is kept as it was said, and nothing of it gets lost in a replay.

mod common;

use common::{BCA, Shop};
use kasir_core::command::{BankAccountInput, ColumnMappingInput, Command};
use kasir_core::ids::{BankAccountId, ColumnMappingId};
use kasir_core::kv::Key;
use kasir_core::query::{self, Page};
use kasir_core::records::ColumnMapping;
use kasir_core::{Reason, Reply, State, Table, verify};

fn save(account: BankAccountId, name: &str, mapping: &str) -> Command {
    Command::SaveColumnMapping(ColumnMappingInput {
        bank_account_id: account,
        name: name.to_owned(),
        mapping: mapping.to_owned(),
    })
}

fn saved(shop: &Shop) -> Vec<ColumnMapping> {
    let page = Page::list(0, "").expect("a page");
    query::list_column_mappings(&shop.state, BCA, &page).expect("the account's").rows
}

#[test]
fn column_mappings_are_saved_replaced_and_deleted() {
    let mut shop = Shop::new();
    let Reply::ColumnMapping(first) = shop.ok(save(BCA, "jago", " a = 1\n")) else { panic!("a mapping") };
    assert_eq!((first.mapping.as_str(), first.saved_by.as_str()), ("a = 1", "siti"));
    shop.wait(5);
    let Reply::ColumnMapping(again) = shop.ok(save(BCA, "JAGO", "b = 2")) else { panic!("a mapping") };
    assert_eq!(again.column_mapping_id, first.column_mapping_id);
    assert_eq!(again.save_ms, first.save_ms + 5);
    assert_eq!(saved(&shop), [again]);
    shop.ok(save(BCA, "other", "c = 3"));
    shop.sound();
    let delete = Command::DeleteColumnMapping { column_mapping_id: first.column_mapping_id };
    shop.ok(delete.clone());
    assert_eq!(shop.refused(delete), Reason::ColumnMappingNotFound);
    assert_eq!(saved(&shop).len(), 1);
    shop.ok(save(BCA, "jago", "d = 4"));
    assert_eq!(saved(&shop)[0].column_mapping_id, ColumnMappingId(3), "an id is given once");
    shop.sound();
    shop.replays();
}

#[test]
fn column_mappings_are_checked() {
    let mut shop = Shop::new();
    for (command, reason) in [
        (save(BankAccountId(9), "jago", "a = 1"), Reason::BankAccountNotFound),
        (save(BCA, "", "a = 1"), Reason::FieldRequired),
        (save(BCA, "bank jago", "a = 1"), Reason::FieldMalformed),
        (save(BCA, &"x".repeat(41), "a = 1"), Reason::FieldTooLong),
        (save(BCA, "jago", " \n"), Reason::FieldRequired),
        (save(BCA, "jago", &"x".repeat(16 * 1024 + 1)), Reason::FieldTooLong),
    ] {
        assert_eq!(shop.refused(command), reason);
    }
    for number in 0..1_000 {
        shop.ok(save(BCA, &format!("m{number}"), "a = 1"));
    }
    assert_eq!(shop.refused(save(BCA, "jago", "a = 1")), Reason::TooManyElements);
    shop.ok(save(BCA, "m7", "b = 2"));
    shop.ok(Command::DeleteColumnMapping { column_mapping_id: ColumnMappingId(7) });
    shop.ok(save(BCA, "jago", "a = 1"));
    shop.sound();
}

fn account(number: &str, currency: &str) -> Command {
    Command::CreateBankAccount(BankAccountInput {
        bank: "BCA".into(),
        number: number.into(),
        holder: "Toko".into(),
        currency_code: currency.into(),
        ..BankAccountInput::default()
    })
}

#[test]
fn a_number_is_one_accounts_in_each_currency() {
    let mut shop = Shop::new();
    for currency in ["USD", "SGD"] {
        shop.ok(account("0111222333", currency));
    }
    for currency in ["IDR", "USD", "SGD"] {
        assert_eq!(shop.refused(account("0111222333", currency)), Reason::CodeTaken);
    }
    shop.ok(account("55", "USD"));
    assert_eq!(shop.refused(account("55", "USD")), Reason::CodeTaken);
    shop.ok(account("55", "IDR"));
    shop.sound();
    shop.replays();
    // Codes are kept by kind 5 and text: which account has which is part of what must hold.
    let code = Key::new().u8(5).bytes(b"0111222333 USD");
    let mut damaged = shop.state.clone();
    damaged.delete(Table::Codes, code.as_slice()).expect("memory");
    let violations = verify(&damaged).expect("memory").violations;
    assert_eq!(violations, ["Bank account 2 has no row in codes."]);
    damaged.put(Table::Codes, code.as_slice(), &3_u64.to_be_bytes()).expect("memory");
    let violations = verify(&damaged).expect("memory").violations;
    assert!(violations.iter().any(|said| said == "Bank account 2 has no row in codes."), "{violations:?}");
    assert!(
        violations.iter().any(|said| said.starts_with("codes has a row for bank account 3")),
        "{violations:?}"
    );
    let mut damaged = shop.state.clone();
    let other = Key::new().u8(5).bytes(b"0111222333 IDR");
    damaged.put(Table::Codes, other.as_slice(), &1_u64.to_be_bytes()).expect("memory");
    assert_eq!(verify(&damaged).expect("memory").violations, ["Bank account 1 has 2 rows in codes."]);
}
