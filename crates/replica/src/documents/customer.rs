//! The document of one customer: a value per field, each edited on its own, so that two tills that
//! change different fields at once both keep their edit.

use automerge::{ROOT, ReadDoc, ScalarValue};
use pos_core::ids::CustomerId;
use thiserror::Error;

use super::document::{Applied, ApplyError, ApplyFault, Document, LocalError, put_alone};
use super::id::{Author, ChangeHash, DocumentId};
use super::limits::{
    CUSTOMER_EMAIL_BYTES_MAX, CUSTOMER_LOYALTY_BYTES_MAX, CUSTOMER_NAME_BYTES_MAX,
    CUSTOMER_NOTES_BYTES_MAX, CUSTOMER_PHONE_BYTES_MAX,
};
use super::schema::{
    CUSTOMER_CONSENT, CUSTOMER_EMAIL, CUSTOMER_LOYALTY, CUSTOMER_NAME, CUSTOMER_NOTES,
    CUSTOMER_PHONE,
};

/// A customer as it stands. A field nobody filled in is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomerView {
    /// Its id.
    pub id: CustomerId,
    /// Name.
    pub name: String,
    /// Phone number.
    pub phone: String,
    /// Email address.
    pub email: String,
    /// What the shop wants to remember.
    pub notes: String,
    /// Number of the loyalty card.
    pub loyalty_id: String,
    /// Whether the customer agreed to be written to. Nobody who was not asked has agreed.
    pub marketing_consent: bool,
}

impl CustomerView {
    /// A customer of whom nothing is known.
    pub const fn empty(id: CustomerId) -> Self {
        Self {
            id,
            name: String::new(),
            phone: String::new(),
            email: String::new(),
            notes: String::new(),
            loyalty_id: String::new(),
            marketing_consent: false,
        }
    }

    /// Whether an edit would leave the customer as it is.
    pub fn is_already(&self, edit: &CustomerEdit) -> bool {
        match edit {
            CustomerEdit::SetName(text) => self.name == *text,
            CustomerEdit::SetPhone(text) => self.phone == *text,
            CustomerEdit::SetEmail(text) => self.email == *text,
            CustomerEdit::SetNotes(text) => self.notes == *text,
            CustomerEdit::SetLoyaltyId(text) => self.loyalty_id == *text,
            CustomerEdit::SetMarketingConsent(agreed) => self.marketing_consent == *agreed,
        }
    }
}

/// One edit of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerEdit {
    /// Another name.
    SetName(String),
    /// Another phone number.
    SetPhone(String),
    /// Another email address.
    SetEmail(String),
    /// Other notes.
    SetNotes(String),
    /// Another loyalty card.
    SetLoyaltyId(String),
    /// Agreed, or withdrew.
    SetMarketingConsent(bool),
}

/// Why an edit of a customer made no change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CustomerEditError {
    /// The text looks like the number of a payment card, which no till may store.
    #[error("the {field} looks like a payment card number; card numbers are never stored")]
    LooksLikeCard {
        /// Which field.
        field: &'static str,
    },
    /// The text is too long for its field.
    #[error("the {field} is too long: at most {max} bytes")]
    TooLong {
        /// Which field.
        field: &'static str,
        /// Longest text, in bytes of UTF-8.
        max: usize,
    },
    /// The edit was not kept.
    #[error(transparent)]
    Local(#[from] LocalError),
}

/// A customer.
#[derive(Debug)]
pub struct CustomerDocument {
    customer: CustomerId,
    document: Document,
}

impl CustomerDocument {
    /// The customer as it begins, with nothing filled in: the same on every device.
    pub fn open(customer: CustomerId, epoch: u16) -> Result<Self, ApplyFault> {
        let document = Document::genesis(DocumentId::customer(customer, epoch))?;
        Ok(Self { customer, document })
    }

    /// The document behind the customer.
    pub const fn document(&self) -> &Document {
        &self.document
    }

    /// Builds the document again from the changes it took.
    pub fn rebuild(&mut self) -> Result<(), ApplyFault> {
        self.document.rebuild()
    }

    /// The changes no other change builds on, sorted.
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.document.heads()
    }

    /// Offers another device's change, or an own one read back from the feed.
    pub fn apply_remote(&mut self, raw: &[u8], author: &Author) -> Result<Applied, ApplyError> {
        self.document.apply(raw, author)
    }

    /// Makes one change for some edits: its raw bytes, or `None` when the customer already is so.
    /// All edits are kept, or none.
    pub fn apply_edits(
        &mut self,
        author: &Author,
        edits: &[CustomerEdit],
    ) -> Result<Option<Vec<u8>>, CustomerEditError> {
        edits.iter().try_for_each(check_edit)?;
        Ok(self.document.local_change(author, |transaction| {
            edits.iter().try_for_each(|edit| {
                let (key, value) = cell(edit);
                put_alone(transaction, &ROOT, key, value)
            })
        })?)
    }

    /// The customer as it stands.
    pub fn view(&self) -> CustomerView {
        let mut view = CustomerView::empty(self.customer);
        self.lay_over(&mut view);
        view
    }

    /// Puts what this document says over what an earlier epoch said. A field that nobody has
    /// written since the epoch began stays as it was: so no epoch begins with a copy that could
    /// win over an edit.
    pub fn lay_over(&self, view: &mut CustomerView) {
        for (key, field) in [
            (CUSTOMER_NAME, &mut view.name),
            (CUSTOMER_PHONE, &mut view.phone),
            (CUSTOMER_EMAIL, &mut view.email),
            (CUSTOMER_NOTES, &mut view.notes),
            (CUSTOMER_LOYALTY, &mut view.loyalty_id),
        ] {
            let found = self.document.automerge().get(ROOT, key).ok().flatten();
            if let Some(text) = found.as_ref().and_then(|(value, _op)| value.as_str()) {
                text.clone_into(field);
            }
        }
        // Of a yes and a no given at the same time the no holds.
        let all = self.document.automerge().get_all(ROOT, CUSTOMER_CONSENT).unwrap_or_default();
        if !all.is_empty() {
            view.marketing_consent = all.iter().all(|(value, _op)| value.as_bool() == Some(true));
        }
    }
}

fn cell(edit: &CustomerEdit) -> (&'static str, ScalarValue) {
    match edit {
        CustomerEdit::SetName(text) => (CUSTOMER_NAME, text.as_str().into()),
        CustomerEdit::SetPhone(text) => (CUSTOMER_PHONE, text.as_str().into()),
        CustomerEdit::SetEmail(text) => (CUSTOMER_EMAIL, text.as_str().into()),
        CustomerEdit::SetNotes(text) => (CUSTOMER_NOTES, text.as_str().into()),
        CustomerEdit::SetLoyaltyId(text) => (CUSTOMER_LOYALTY, text.as_str().into()),
        CustomerEdit::SetMarketingConsent(agreed) => (CUSTOMER_CONSENT, (*agreed).into()),
    }
}

fn check_edit(edit: &CustomerEdit) -> Result<(), CustomerEditError> {
    // Phone numbers and loyalty cards are long numbers too, and one in ten passes the check digit:
    // there only numbers that also begin like a payment card are refused.
    let (field, text, max, number_field) = match edit {
        CustomerEdit::SetName(text) => ("name", text, CUSTOMER_NAME_BYTES_MAX, false),
        CustomerEdit::SetEmail(text) => ("email address", text, CUSTOMER_EMAIL_BYTES_MAX, false),
        CustomerEdit::SetNotes(text) => ("notes", text, CUSTOMER_NOTES_BYTES_MAX, false),
        CustomerEdit::SetPhone(text) => ("phone number", text, CUSTOMER_PHONE_BYTES_MAX, true),
        CustomerEdit::SetLoyaltyId(text) => ("loyalty id", text, CUSTOMER_LOYALTY_BYTES_MAX, true),
        CustomerEdit::SetMarketingConsent(_) => return Ok(()),
    };
    if text.len() > max {
        return Err(CustomerEditError::TooLong { field, max });
    }
    let suspicious = |digits: &[u8]| !number_field || begins_like_a_payment_card(digits);
    if card_candidates(text).any(|digits| passes_luhn(&digits) && suspicious(&digits)) {
        return Err(CustomerEditError::LooksLikeCard { field });
    }
    Ok(())
}

/// Every run of 13 to 19 digits (ISO/IEC 7812: the length of a card number) that begins and ends
/// at a group of digits; a space, a dot or a dash may stand between two groups. A single group
/// longer than that is searched from every digit.
fn card_candidates(text: &str) -> impl Iterator<Item = Vec<u8>> {
    let mut found = Vec::new();
    for chain in digit_chains(text) {
        for start in 0..chain.len() {
            let mut digits: Vec<u8> = Vec::new();
            for group in chain.iter().skip(start) {
                digits.extend(group);
                if (13..=19).contains(&digits.len()) {
                    found.push(digits.clone());
                }
                if digits.len() > 19 {
                    break;
                }
            }
        }
        for group in chain.iter().filter(|group| group.len() > 19) {
            found.extend((13..=19).flat_map(|size| group.windows(size).map(<[u8]>::to_vec)));
        }
    }
    found.into_iter()
}

/// Groups of digits, chained where a single separator stands between them.
fn digit_chains(text: &str) -> Vec<Vec<Vec<u8>>> {
    let mut chains: Vec<Vec<Vec<u8>>> = vec![vec![Vec::new()]];
    let mut separators = 0;
    for letter in text.chars() {
        let Some(digit) = letter.to_digit(10).and_then(|digit| u8::try_from(digit).ok()) else {
            separators = if " .-".contains(letter) { separators + 1 } else { 2 };
            continue;
        };
        match (separators, chains.last_mut()) {
            (0, Some(chain)) => {
                if let Some(group) = chain.last_mut() {
                    group.push(digit);
                }
            }
            (1, Some(chain)) => chain.push(vec![digit]),
            _ => chains.push(vec![vec![digit]]),
        }
        separators = 0;
    }
    chains
}

/// The check digit of ISO/IEC 7812-1, annex B.
fn passes_luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| {
            let value = u32::from(*digit) << (index % 2);
            if value > 9 { value - 9 } else { value }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// The first digits of the card networks.
fn begins_like_a_payment_card(digits: &[u8]) -> bool {
    let prefix = digits.iter().take(4).fold(0_u32, |value, digit| value * 10 + u32::from(*digit));
    matches!(prefix,
        4000..=4999
        | 5000..=5999
        | 2221..=2720
        | 3400..=3499
        | 3700..=3799
        | 3000..=3059
        | 3528..=3589
        | 3600..=3699
        | 3800..=3999
        | 6000..=6999)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn author(device: u8) -> Author {
        Author::new(&[device; 32], b"incarnation")
    }

    fn customer() -> CustomerDocument {
        CustomerDocument::open(CustomerId::from_bytes([5; 16]), 0).unwrap()
    }

    #[test]
    fn edits_of_different_fields_at_the_same_time_both_survive() {
        let (mut left, mut right) = (customer(), customer());
        let name = CustomerEdit::SetName("Ada Lovelace".to_owned());
        let phone = CustomerEdit::SetPhone("+44 20 7946 0958".to_owned());
        let from_left = left.apply_edits(&author(1), &[name]).unwrap().unwrap();
        let from_right = right.apply_edits(&author(2), &[phone]).unwrap().unwrap();
        left.apply_remote(&from_right, &author(2)).unwrap();
        right.apply_remote(&from_left, &author(1)).unwrap();
        assert_eq!(left.view(), right.view());
        assert_eq!(left.heads(), right.heads());
        assert_eq!(left.view().name, "Ada Lovelace");
        assert_eq!(left.view().phone, "+44 20 7946 0958");
        left.document().verify().unwrap();
    }

    #[test]
    fn of_a_yes_and_a_no_given_at_the_same_time_the_no_holds() {
        let (mut left, mut right) = (customer(), customer());
        assert!(!left.view().marketing_consent);
        let yes = left.apply_edits(&author(1), &[CustomerEdit::SetMarketingConsent(true)]);
        let no = right.apply_edits(&author(2), &[CustomerEdit::SetMarketingConsent(false)]);
        right.apply_remote(&yes.unwrap().unwrap(), &author(1)).unwrap();
        left.apply_remote(&no.unwrap().unwrap(), &author(2)).unwrap();
        assert!(!left.view().marketing_consent);
        assert!(!right.view().marketing_consent);
        let later = left.apply_edits(&author(1), &[CustomerEdit::SetMarketingConsent(true)]);
        assert!(later.unwrap().is_some());
        assert!(left.view().marketing_consent);
    }

    #[test]
    fn an_edit_that_changes_nothing_makes_no_change() {
        let mut customer = customer();
        let edit = [CustomerEdit::SetName("Ada".to_owned())];
        assert!(customer.apply_edits(&author(1), &edit).unwrap().is_some());
        assert_eq!(customer.apply_edits(&author(1), &edit).unwrap(), None);
    }

    /// Test numbers that the card networks publish.
    const CARDS: [&str; 6] = [
        "4111111111111111",
        "5555 5555 5555 4444",
        "3782-822463-10005",
        "6011.1111.1111.1117",
        "4222222222222",
        "6304000000000000000",
    ];

    #[test]
    fn text_that_holds_a_card_number_is_refused_in_every_field() {
        for card in CARDS {
            let text = format!("no {card} exp 12/27");
            let fields: [(&str, CustomerEdit); 5] = [
                ("name", CustomerEdit::SetName(text.clone())),
                ("email address", CustomerEdit::SetEmail(format!("{card}@example.com"))),
                ("notes", CustomerEdit::SetNotes(text.clone())),
                ("phone number", CustomerEdit::SetPhone(card.to_owned())),
                ("loyalty id", CustomerEdit::SetLoyaltyId(card.to_owned())),
            ];
            for (field, edit) in fields {
                let mut customer = customer();
                let refused = customer.apply_edits(&author(1), &[edit]);
                assert_eq!(refused, Err(CustomerEditError::LooksLikeCard { field }), "{card}");
                assert_eq!(customer.document().change_count(), 1);
            }
        }
    }

    #[test]
    fn numbers_that_are_not_cards_are_kept() {
        for text in ["4111111111111112", "call 020 7946 0958", "411111111111", "12/12/2010 10:00"] {
            let edit = CustomerEdit::SetNotes(text.to_owned());
            assert!(customer().apply_edits(&author(1), &[edit]).unwrap().is_some(), "{text}");
        }
        // Passes the check digit, begins like no payment card.
        let loyalty = CustomerEdit::SetLoyaltyId("9826174000000005".to_owned());
        assert!(customer().apply_edits(&author(1), &[loyalty]).unwrap().is_some());
    }

    #[test]
    fn a_text_too_long_for_its_field_is_refused_before_anything_is_written() {
        let mut customer = customer();
        let edit = CustomerEdit::SetName("x".repeat(CUSTOMER_NAME_BYTES_MAX + 1));
        let refused = customer.apply_edits(&author(1), &[edit]);
        let max = CUSTOMER_NAME_BYTES_MAX;
        assert_eq!(refused, Err(CustomerEditError::TooLong { field: "name", max }));
        assert_eq!(customer.document().change_count(), 1);
    }
}
