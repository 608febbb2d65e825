//! Bank accounts, how their files are read, and what their shop allows when money is matched.

use super::catalogue::{bounded, free_code};
use super::{Answer, Decided, check, next_id};
use crate::codes::{CodeKind, account_code, column_mapping_code, find_code};
use crate::command::{BankAccountInput, ColumnMappingInput, MatchingRulesInput};
use crate::event::Event;
use crate::execute::Context;
use crate::ids::{BankAccountId, ColumnMappingId};
use crate::kv::{Key, View};
use crate::records::{BankAccount, ColumnMapping, MatchingRules, need};
use crate::refusal::{Named, Outcome, Reason, Refusal};
use crate::reply::Reply;
use crate::tables::Table;

/// Most bank accounts of a shop.
const ACCOUNTS_MAX: u64 = 1_000;
/// Most column mappings of a shop.
const MAPPINGS_MAX: u64 = 1_000;
const MAPPING_MAX_BYTES: usize = 16 * 1024;
/// Largest unique code.
const UNIQUE_CODE_MAX: i64 = 99_999;

/// Adds a bank account.
pub(crate) fn create_account(view: &dyn View, input: &BankAccountInput) -> Outcome<Decided> {
    let field = |part: &str| format!("bank_account.{part}");
    let number = check::code(&field("number"), &input.number, 40)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        let message = "A bank account's number has digits and capital letters only.";
        return Err(Refusal::field(Reason::FieldMalformed, field("number"), message).into());
    }
    let currency = check::currency(&field("currency_code"), &input.currency_code)?;
    free_code(view, CodeKind::BankAccount, &field("number"), &account_code(view, &number, currency)?)?;
    let id = next_id(view, BankAccountId::COUNTER)?;
    bounded(id, ACCOUNTS_MAX, "bank accounts")?;
    let or = |value: i32, default: i32| if value == 0 { default } else { value };
    let min =
        check::range(&field("unique_code_min"), or(input.unique_code_min, 1).into(), 1, UNIQUE_CODE_MAX)?;
    let max =
        check::range(&field("unique_code_max"), or(input.unique_code_max, 999).into(), min, UNIQUE_CODE_MAX)?;
    let account = BankAccount {
        bank_account_id: BankAccountId(id),
        bank: check::text(&field("bank"), &input.bank, 20)?,
        number,
        holder: check::text(&field("holder"), &input.holder, 100)?,
        currency,
        unique_code_min: i32::try_from(min).unwrap_or(1),
        unique_code_max: i32::try_from(max).unwrap_or(999),
        unique_code_subtracts: input.unique_code_subtracts,
        matching_rules: MatchingRules::default(),
    };
    let answer = Answer::BankAccount(account.bank_account_id);
    Ok(Decided::one(Event::BankAccountCreated(account), answer))
}

/// Keeps which column of an account's files means what, in place of the mapping that has the name already.
pub(crate) fn save_mapping(
    view: &dyn View,
    input: &ColumnMappingInput,
    context: &Context<'_>,
) -> Outcome<Decided> {
    let field = |part: &str| format!("column_mapping.{part}");
    need::<BankAccount>(view, input.bank_account_id.0).named(field("bank_account_id"))?;
    let name = check::code(&field("name"), &input.name, 40)?;
    let mapping = input.mapping.trim();
    if mapping.is_empty() {
        return Err(check::required(&field("mapping")).into());
    }
    if mapping.len() > MAPPING_MAX_BYTES {
        let message = format!("A column mapping has at most {MAPPING_MAX_BYTES} bytes.");
        let refusal = Refusal::field(Reason::FieldTooLong, field("mapping"), message);
        return Err(refusal.with("max", MAPPING_MAX_BYTES).into());
    }
    let code = column_mapping_code(input.bank_account_id, &name);
    let id = if let Some(id) = find_code(view, CodeKind::ColumnMapping, &code)? {
        id
    } else {
        // They can be deleted: what counts is how many there are.
        let mut there = 1;
        let all = Key::new();
        view.scan(Table::ColumnMappings, all.as_slice(), all.end().as_slice(), &mut |_, _| {
            there += 1;
            Ok(true)
        })?;
        bounded(there, MAPPINGS_MAX, "column mappings")?;
        next_id(view, ColumnMappingId::COUNTER)?
    };
    let mapping = ColumnMapping {
        column_mapping_id: ColumnMappingId(id),
        bank_account_id: input.bank_account_id,
        name,
        mapping: mapping.to_owned(),
        saved_by: context.actor.to_owned(),
        save_ms: context.now_ms,
    };
    let answer = Answer::Made(Box::new(Reply::ColumnMapping(mapping.clone())));
    Ok(Decided::one(Event::ColumnMappingSaved(mapping), answer))
}

/// Forgets a column mapping.
pub(crate) fn delete_mapping(view: &dyn View, id: ColumnMappingId) -> Outcome<Decided> {
    let mapping: ColumnMapping = need(view, id.0)?;
    let event =
        Event::ColumnMappingDeleted { column_mapping_id: id, bank_account_id: mapping.bank_account_id };
    Ok(Decided::one(event, Answer::Made(Box::new(Reply::ColumnMapping(mapping)))))
}

/// Says what an account's shop allows when money is matched.
pub(crate) fn set_rules(
    view: &dyn View,
    account_id: BankAccountId,
    input: &MatchingRulesInput,
) -> Outcome<Decided> {
    let account: BankAccount = need(view, account_id.0)?;
    let field = |part: &str| format!("matching_rules.{part}");
    let write_off_max = input.write_off_max.as_ref();
    if input.confirm_by_itself && !input.propose_by_itself {
        let message = "Nothing is confirmed by itself that is not proposed by itself.";
        return Err(Refusal::field(Reason::FieldMalformed, field("confirm_by_itself"), message).into());
    }
    let rules = MatchingRules {
        write_off_max_minor: check::optional_money(&field("write_off_max"), write_off_max, account.currency)?,
        propose_by_itself: input.propose_by_itself,
        confirm_by_itself: input.confirm_by_itself,
    };
    let event = Event::MatchingRulesSet { bank_account_id: account_id, rules };
    Ok(Decided::one(event, Answer::BankAccount(account_id)))
}
