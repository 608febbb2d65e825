//! Bank accounts, and what their shop allows when money is matched.

use super::catalogue::{bounded, free_code};
use super::{Answer, Decided, check, next_id};
use crate::codes::CodeKind;
use crate::command::{BankAccountInput, MatchingRulesInput};
use crate::event::Event;
use crate::ids::BankAccountId;
use crate::kv::View;
use crate::records::{BankAccount, MatchingRules, need};
use crate::refusal::{Outcome, Reason, Refusal};

/// Most bank accounts of a shop.
const ACCOUNTS_MAX: u64 = 1_000;
/// Largest unique code.
const UNIQUE_CODE_MAX: i64 = 99_999;

/// Adds a bank account.
pub(crate) fn create_account(view: &dyn View, input: &BankAccountInput) -> Outcome<Decided> {
    let field = |part: &str| format!("bank_account.{part}");
    let number = check::code(&field("number"), &input.number, 40)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase()) {
        let message = "A bank account's number has digits and capital letters only.";
        return Err(Refusal::field(Reason::FieldMalformed, &field("number"), message).into());
    }
    free_code(view, CodeKind::BankAccount, &field("number"), &number)?;
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
        currency: check::currency(&field("currency_code"), &input.currency_code)?,
        unique_code_min: i32::try_from(min).unwrap_or(1),
        unique_code_max: i32::try_from(max).unwrap_or(999),
        unique_code_subtracts: input.unique_code_subtracts,
        matching_rules: MatchingRules::default(),
    };
    let answer = Answer::BankAccount(account.bank_account_id);
    Ok(Decided::one(Event::BankAccountCreated(account), answer))
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
        return Err(Refusal::field(Reason::FieldMalformed, &field("confirm_by_itself"), message).into());
    }
    let rules = MatchingRules {
        write_off_max_minor: check::optional_money(&field("write_off_max"), write_off_max, account.currency)?,
        propose_by_itself: input.propose_by_itself,
        confirm_by_itself: input.confirm_by_itself,
    };
    let event = Event::MatchingRulesSet { bank_account_id: account_id, rules };
    Ok(Decided::one(event, Answer::BankAccount(account_id)))
}
