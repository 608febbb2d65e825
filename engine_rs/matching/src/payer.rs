//! Who paid, as the bank's text names them.

/// The words of a bank's text that name the payer, upper case and parted by one space; empty when there are none.
///
/// Stored with each alias that was learnt: what it gives for a text never changes.
pub fn payer_key(description: &str, counterparty: &str) -> String {
    let text = if counterparty.trim().is_empty() { description } else { counterparty };
    let words = text.split(|letter: char| !letter.is_alphabetic()).filter(|word| !word.is_empty());
    words.map(str::to_uppercase).collect::<Vec<_>>().join(" ")
}
