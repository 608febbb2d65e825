//! Goal: what a shop says of its bank accounts is kept as it was said, and nothing of it gets lost in a replay.

mod common;

use common::{BCA, Shop};
use kasir_core::command::{ColumnMappingInput, Command};
use kasir_core::ids::{BankAccountId, ColumnMappingId};
use kasir_core::query::{self, Page};
use kasir_core::records::ColumnMapping;
use kasir_core::{Reason, Reply};

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
