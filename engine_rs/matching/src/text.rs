//! A bank's text taken apart: words that may name the payer, numbers that may name an order.

/// Words of banks' own, beside which nobody's name stands.
const BANK_WORDS: [&str; 44] = [
    "ATM",
    "BANK",
    "BANKING",
    "BCA",
    "BI",
    "BIFAST",
    "BNI",
    "BRI",
    "BSI",
    "BTN",
    "CABANG",
    "CIMB",
    "CR",
    "DANAMON",
    "DARI",
    "DB",
    "DR",
    "EBANKING",
    "FAST",
    "FROM",
    "FTFVA",
    "FTSCY",
    "IBNK",
    "KE",
    "KR",
    "KREDIT",
    "LLG",
    "MBANKING",
    "MCM",
    "MOBILE",
    "NIAGA",
    "OCBC",
    "ONLINE",
    "OTOMATIS",
    "RTGS",
    "SETOR",
    "SETORAN",
    "SKN",
    "SWITCHING",
    "TRANSFER",
    "TRF",
    "TRSF",
    "TUNAI",
    "WS",
];

/// Words that customers write beside their name.
const NOTE_WORDS: [&str; 48] = [
    "ATAS",
    "BARANG",
    "BAYAR",
    "BELANJA",
    "BELI",
    "BIAYA",
    "BUAT",
    "BYR",
    "CICIL",
    "CICILAN",
    "DP",
    "FAKTUR",
    "INV",
    "INVOICE",
    "JUAL",
    "KAOS",
    "KODE",
    "KONFIRMASI",
    "LUNAS",
    "NO",
    "NOMOR",
    "NOTA",
    "ORD",
    "ORDER",
    "ORDERAN",
    "PAYMENT",
    "PELUNASAN",
    "PEMBAYARAN",
    "PEMBELIAN",
    "PESAN",
    "PESANAN",
    "PO",
    "PSN",
    "SEPATU",
    "SHOP",
    "SISA",
    "SO",
    "TAGIHAN",
    "TERIMA",
    "KASIH",
    "TOKOPEDIA",
    "TRANS",
    "TRX",
    "TTP",
    "UNTUK",
    "UTK",
    "VIA",
    "WA",
];

/// Titles and forms of firms: they tell nobody from anybody.
const TITLES: [&str; 39] = [
    "ADIK", "BANG", "BU", "BUNDA", "DR", "KAK", "KAKAK", "MAS", "MBA", "MBAK", "OM", "RADEN", "TANTE",
    "BAPAK", "BP", "BPK", "CV", "DRA", "DRG", "DRS", "FA", "HJ", "IBU", "IR", "KEL", "KELUARGA", "MR", "MRS",
    "MS", "NN", "NY", "PAK", "PT", "SDR", "SDRI", "TBK", "TN", "TOKO", "UD",
];

/// Words after which a number names an order.
const MARKS: [&str; 17] = [
    "BO", "BOOKING", "FAKTUR", "INV", "INVOICE", "KODE", "NO", "NOMOR", "NOTA", "ORD", "ORDER", "ORDERAN",
    "PESANAN", "PO", "PSN", "SO", "TRX",
];

/// What comes after these is the payer's name and nothing else.
const NAME_FOLLOWS: [&str; 5] = ["BIFAST", "LLG", "RTGS", "SKN", "SWITCHING"];

/// Wallets and payment services that pay in their customers' place: their name is nobody's.
const SERVICES: [&str; 14] = [
    "AIRPAY", "DANA", "DOKU", "DOMPET", "ESPAY", "FINNET", "FLIP", "FLIPTECH", "GOPAY", "LINKAJA",
    "MIDTRANS", "OVO", "VISIONET", "XENDIT",
];

/// Numbers with more digits are accounts and references, not orders.
const NUMBER_DIGITS_MAX: usize = 12;

/// Most words of one text that are looked at.
pub(crate) const WORDS_MAX: usize = 24;
/// Most numbers of one text that are looked at.
const NUMBERS_MAX: usize = 8;

/// A word that may be part of a name or of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Upper case, accents taken off.
    pub(crate) letters: String,
    /// Which field of the text it stands in: banks part them by several blanks.
    pub(crate) field: u8,
    /// It stands at the end of its field, where banks cut names off.
    pub(crate) last: bool,
    /// Customers write it beside their name.
    pub(crate) note: bool,
    /// In small letters.
    small: bool,
}

/// A number that may name an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    pub(crate) value: u64,
    /// Digits as written, zeros in front among them.
    pub(crate) digits: u8,
    /// A word like INV or a # stands before it.
    pub(crate) marked: bool,
}

/// A text taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text {
    pub(crate) words: Vec<Word>,
    pub(crate) numbers: Vec<Number>,
    /// The words are a name and nothing else.
    pub(crate) name_only: bool,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Kind {
    Letters,
    Digits,
}

/// Letters or digits side by side, with what stands before and after.
#[derive(Debug)]
struct Run {
    kind: Kind,
    text: String,
    /// Written in small letters.
    small: bool,
    /// What parts it from the run before it.
    gap: String,
}

impl Text {
    /// Takes a mutation's text apart.
    pub(crate) fn of(description: &str, counterparty: &str) -> Self {
        let mut text = Self::default();
        let runs = runs(description);
        let mut field = 0;
        let mut marked = false;
        for (at, run) in runs.iter().enumerate() {
            if run.gap.matches(' ').count() > 1 {
                field += 1;
            }
            match run.kind {
                Kind::Letters => {
                    marked = MARKS.contains(&run.text.as_str());
                    text.take_word(&runs, at, field);
                }
                Kind::Digits => {
                    let hash = run.gap.ends_with('#');
                    marked = (marked || hash) && !run.gap.contains("  ");
                    text.take_number(&runs, at, marked);
                }
            }
        }
        text.tell_notes_from_names();
        if !counterparty.trim().is_empty() {
            text.words.clear();
            text.name_only = true;
            text.words.extend(runs_of_letters(counterparty).map(|letters| Word {
                letters,
                field: 0,
                last: false,
                note: false,
                small: false,
            }));
        }
        if text.words.iter().any(|word| SERVICES.contains(&word.letters.as_str())) {
            text.words.iter_mut().for_each(|word| word.note = true);
        }
        text.words.retain(|word| !TITLES.contains(&word.letters.as_str()));
        text.words.truncate(WORDS_MAX);
        for at in 0..text.words.len() {
            let next = text.words.get(at + 1).map(|word| word.field);
            text.words[at].last = next != Some(text.words[at].field);
        }
        text
    }

    /// See [`payer_key`].
    pub(crate) fn payer(&self) -> String {
        let named = || self.words.iter().filter(|word| !word.note);
        let Some(field) = named().map(|word| word.field).max() else { return String::new() };
        let letters: Vec<&str> =
            named().filter(|word| word.field == field).map(|word| word.letters.as_str()).collect();
        letters.join(" ")
    }

    /// Banks write names in capitals, and in the last field: small letters beside capitals, and words of the fields before,
    /// are the customer's own.
    fn tell_notes_from_names(&mut self) {
        let capitals = self.words.iter().any(|word| !word.small && !word.note);
        let small = capitals && self.words.iter().any(|word| word.small);
        for word in &mut self.words {
            word.note |= small && word.small;
        }
        let last = self.words.iter().filter(|word| !word.note).map(|word| word.field).max();
        let fields = self.words.first().map(|word| word.field) != last;
        for word in &mut self.words {
            word.note |= last.is_some_and(|last| word.field < last);
        }
        self.name_only |= last.is_some() && (small || fields);
        if !self.name_only && last.is_some() {
            self.name_only = self.words.iter().all(|word| !word.note);
        }
    }

    fn take_word(&mut self, runs: &[Run], at: usize, field: u8) {
        let word = &runs[at].text;
        if NAME_FOLLOWS.contains(&word.as_str()) || (word == "FAST" && at > 0 && runs[at - 1].text == "BI") {
            self.name_only = true;
            self.words.clear();
            return;
        }
        let bank_of_clearing =
            at > 0 && runs[at].gap == "-" && NAME_FOLLOWS.contains(&runs[at - 1].text.as_str());
        let e_banking = word == "E" && runs.get(at + 1).is_some_and(|next| next.text == "BANKING");
        if bank_of_clearing || e_banking || BANK_WORDS.contains(&word.as_str()) {
            return;
        }
        let note = NOTE_WORDS.contains(&word.as_str());
        self.words.push(Word { letters: word.clone(), field, last: false, note, small: runs[at].small });
    }

    fn take_number(&mut self, runs: &[Run], at: usize, marked: bool) {
        let run = &runs[at];
        let before = at.checked_sub(1).map(|before| &runs[before]);
        let after = runs.get(at + 1);
        let fraction_after = after.is_some_and(|next| next.kind == Kind::Digits && is_point(&next.gap));
        let fraction = before.is_some_and(|last| last.kind == Kind::Digits) && is_point(&run.gap);
        let terminal = before.is_some_and(|last| last.text == "WS" && run.gap.is_empty());
        let day = after.is_some_and(|next| next.gap == "/" && next.text.starts_with("FT"));
        let bank_code =
            run.text.len() == 3 && before.is_some_and(|last| last.text == "DR" || last.text == "KE");
        // What is glued to an amount follows its two digits behind the point.
        let digits = if fraction { run.text.get(2..).unwrap_or_default() } else { run.text.as_str() };
        if fraction_after || terminal || day || bank_code {
            return;
        }
        self.push_number(digits, marked);
        // A number written in two parts is looked for as one.
        if let Some(last) =
            before.filter(|last| last.kind == Kind::Digits && matches!(run.gap.as_str(), " " | "-"))
        {
            let amount = at > 1 && is_point(&last.gap);
            let head = if amount { last.text.get(2..).unwrap_or_default() } else { last.text.as_str() };
            if !head.is_empty() {
                self.push_number(&format!("{head}{digits}"), marked);
            }
        }
    }

    fn push_number(&mut self, digits: &str, marked: bool) {
        if digits.len() > NUMBER_DIGITS_MAX || self.numbers.len() == NUMBERS_MAX {
            return;
        }
        let value = digits.bytes().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        let digits = u8::try_from(digits.len()).unwrap_or(u8::MAX);
        if value > 0 {
            self.numbers.push(Number { value, digits, marked });
        }
    }
}

fn is_point(gap: &str) -> bool {
    gap == "." || gap == ","
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut gap = String::new();
    let mut open = false;
    let mut small_before = false;
    for letter in text.chars() {
        let Some((kind, folded)) = fold(letter) else {
            // An apostrophe stands within a name.
            if letter != '\'' && letter != '’' {
                gap.push(if letter.is_whitespace() { ' ' } else { letter });
                open = false;
            }
            continue;
        };
        let small = letter.is_lowercase();
        // A note in small letters ends where the bank's capitals begin.
        let next_word = small_before && letter.is_uppercase();
        match runs.last_mut() {
            Some(run) if open && run.kind == kind && !next_word => {
                run.text.push(folded);
                run.small &= small;
            }
            _ => runs.push(Run { kind, text: folded.to_string(), small, gap: std::mem::take(&mut gap) }),
        }
        open = true;
        small_before = small;
    }
    runs
}

/// The words of a customer's name that tell it from others, in order. What follows a comma are degrees.
pub(crate) fn name_words(name: &str) -> Vec<String> {
    let before = name.split(',').next().unwrap_or_default();
    let mut words: Vec<String> =
        runs_of_letters(before).filter(|word| !TITLES.contains(&word.as_str())).collect();
    // Haji: before a name, an H is no initial.
    if words.len() > 1 && words[0] == "H" {
        words.remove(0);
    }
    words.truncate(WORDS_MAX);
    words
}

fn runs_of_letters(text: &str) -> impl Iterator<Item = String> {
    runs(text).into_iter().filter(|run| run.kind == Kind::Letters).map(|run| run.text)
}

/// The letter in upper case without its accent, or the digit; nothing for what parts words.
fn fold(letter: char) -> Option<(Kind, char)> {
    if letter.is_ascii_digit() {
        return Some((Kind::Digits, letter));
    }
    if !letter.is_alphabetic() {
        return None;
    }
    let upper = letter.to_uppercase().next().unwrap_or(letter);
    let plain = match upper {
        'À'..='Å' => 'A',
        'Ç' => 'C',
        'È'..='Ë' => 'E',
        'Ì'..='Ï' => 'I',
        'Ñ' => 'N',
        'Ò'..='Ö' | 'Ø' => 'O',
        'Ù'..='Ü' => 'U',
        'Ý' => 'Y',
        other => other,
    };
    Some((Kind::Letters, plain))
}

/// The words of a bank's text that name the payer, upper case and parted by one blank; empty when there are none.
///
/// Taken from `counterparty` when the bank gives one, else from the text: without the bank's own words, digits, titles and
/// what customers write beside their name; and of texts in several fields (parted by two blanks or more) from the last
/// field that holds words. Stored with each alias that was learnt: what it gives for a text never changes.
pub fn payer_key(description: &str, counterparty: &str) -> String {
    Text::of(description, counterparty).payer()
}

/// Whether a payer's key tells who paid: one word is many people's, and nothing is learnt of it.
pub fn tells_payer(payer_key: &str) -> bool {
    payer_key.trim().contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(description: &str) -> Vec<String> {
        Text::of(description, "").words.into_iter().map(|word| word.letters).collect()
    }

    #[test]
    fn the_banks_own_words_are_no_name() {
        assert_eq!(
            letters("TRSF E-BANKING CR 0205/FTSCY/WS95031         108400.00BUDI SANTOSO"),
            ["BUDI", "SANTOSO"]
        );
        assert_eq!(letters("BI-FAST CR TRANSFER   DR 014 SITI AMINAH"), ["SITI", "AMINAH"]);
        assert_eq!(letters("KR OTOMATIS LLG-MANDIRI PT MAJU JAYA"), ["MAJU", "JAYA"]);
        assert_eq!(letters("SWITCHING CR TRANSFER   DR 008 NUR'AINI"), ["NURAINI"]);
    }

    #[test]
    fn numbers_of_the_bank_name_no_order() {
        let text = Text::of("TRSF E-BANKING CR 0205/FTSCY/WS95031  108400.00INV 1234 BUDI 77", "");
        assert_eq!(
            text.numbers,
            [Number { value: 1234, digits: 4, marked: true }, Number { value: 77, digits: 2, marked: false }]
        );
        assert!(Text::of("BI-FAST CR TRANSFER   DR 014 SITI", "").numbers.is_empty());
        assert!(Text::of("order #0042", "").numbers[0].marked);
    }

    #[test]
    fn the_payer_is_named_by_the_last_field() {
        let text = "TRSF E-BANKING CR 0205/FTSCY/WS95031         108400.00Transfer pembayaran invoice           ACME CORPORATION";
        assert_eq!(payer_key(text, ""), "ACME CORPORATION");
        assert_eq!(payer_key("SETORAN TUNAI", ""), "");
        assert_eq!(payer_key("BI-FAST CR TRANSFER   DR 014 IBU SITI AMINAH", ""), "SITI AMINAH");
        assert_eq!(payer_key("whatever", "Bpk. Budi"), "BUDI");
    }

    #[test]
    fn a_name_is_its_words_without_titles_and_degrees() {
        assert_eq!(name_words("Drs. H. Budi Santoso, S.Pd"), ["BUDI", "SANTOSO"]);
        assert_eq!(name_words("PT. José & Co"), ["JOSE", "CO"]);
        assert!(name_words("").is_empty());
    }
}
