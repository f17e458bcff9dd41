//! `tillmesh customer`: who the store's customers are.

use pos_core::ids::CustomerId;
use replica::core::CommandError;
use replica::documents::{CustomerEdit, CustomerView};
use replica::limits::CUSTOMERS_LISTED_MAX;
use replica::storage::Storage;
use serde_json::{Value, json};

use super::Context;
use crate::cli::{Customer, CustomerFields};
use crate::error::TerminalError;
use crate::output::{pairs, table};
use crate::till::Till;

pub(super) fn run(context: &mut Context<'_>, typed: &Customer) -> Result<(), TerminalError> {
    context.with_whole_till(|context, till| match typed {
        Customer::Add { fields } => {
            let customer = till.add_customer(edits(fields))?;
            context.output.answer(&as_json(&customer), || text(&customer))
        }
        Customer::Edit { customer, fields } => {
            let edits = edits(fields);
            if edits.is_empty() {
                return Err(TerminalError::Usage(
                    "say what is to change: --phone, --email, … (see `tillmesh customer edit \
                     --help`)"
                        .to_owned(),
                ));
            }
            let customer = named(till, customer)?;
            let customer = till.edit_customer(customer, edits)?;
            context.output.answer(&as_json(&customer), || text(&customer))
        }
        Customer::Show { customer } => {
            let customer = named(till, customer)?;
            let customer = till.customer(customer)?;
            context.output.answer(&as_json(&customer), || text(&customer))
        }
        Customer::List { search, limit } => list(context, till, search, *limit),
    })
}

fn list<S: Storage>(
    context: &mut Context<'_>,
    till: &mut Till<S>,
    search: &str,
    limit: usize,
) -> Result<(), TerminalError> {
    // One more than is shown tells whether there are more.
    let limit = limit.clamp(1, CUSTOMERS_LISTED_MAX - 1);
    let mut found = till.customers(search, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let mut shown = table(["customer", "name", "phone", "email", "loyalty"], &[]);
    let mut rows = Vec::with_capacity(found.len());
    for customer in &found {
        let id = customer.id.to_string();
        shown.add_row([
            id.chars().take(8).collect(),
            customer.name.clone(),
            customer.phone.clone(),
            customer.email.clone(),
            customer.loyalty_id.clone(),
        ]);
        rows.push(json!({
            "customer": id,
            "name": customer.name,
            "phone": customer.phone,
            "email": customer.email,
            "loyalty_id": customer.loyalty_id,
        }));
    }
    context.output.answer(&json!({"customers": rows, "more": more}), || {
        let nobody =
            if search.trim().is_empty() { "No customers yet." } else { "Nobody is found." };
        match (found.is_empty(), more) {
            (true, _) => nobody.to_owned(),
            (false, false) => shown.to_string(),
            (false, true) => {
                format!("{shown}\n… and more: type more of the name, or raise --limit")
            }
        }
    })
}

/// The customer somebody means: an id, its first characters, or what finds exactly one.
pub(super) fn named<S: Storage>(
    till: &mut Till<S>,
    text: &str,
) -> Result<CustomerId, TerminalError> {
    if let Ok(id) = text.parse::<CustomerId>() {
        till.customer(id)?;
        return Ok(id);
    }
    let start = text.to_lowercase();
    let mut found: Vec<CustomerId> = Vec::new();
    if start.len() >= 4 && start.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let all = till.customers("", CUSTOMERS_LISTED_MAX)?;
        let ids = all.into_iter().map(|customer| customer.id);
        found.extend(ids.filter(|id| id.to_string().starts_with(&start)));
    }
    if found.is_empty() {
        let by_words = till.customers(text, CUSTOMERS_LISTED_MAX)?;
        found.extend(by_words.into_iter().map(|customer| customer.id));
    }
    match found.as_slice() {
        [one] => Ok(*one),
        [] => Err(TerminalError::Nothing(format!(
            "no customer is found by {text}: see `tillmesh customer list`"
        ))),
        several => Err(TerminalError::Usage(format!(
            "{} customers are found by {text}: use the id that `tillmesh customer list` shows",
            several.len()
        ))),
    }
}

fn edits(fields: &CustomerFields) -> Vec<CustomerEdit> {
    let CustomerFields { name, phone, email, note, loyalty, marketing } = fields;
    let texts = [
        name.clone().map(CustomerEdit::SetName),
        phone.clone().map(CustomerEdit::SetPhone),
        email.clone().map(CustomerEdit::SetEmail),
        note.clone().map(CustomerEdit::SetNotes),
        loyalty.clone().map(CustomerEdit::SetLoyaltyId),
        marketing.map(|agreed| CustomerEdit::SetMarketingConsent(agreed.is_yes())),
    ];
    texts.into_iter().flatten().collect()
}

fn as_json(customer: &CustomerView) -> Value {
    json!({
        "customer": customer.id.to_string(),
        "name": customer.name,
        "phone": customer.phone,
        "email": customer.email,
        "notes": customer.notes,
        "loyalty_id": customer.loyalty_id,
        "marketing_consent": customer.marketing_consent,
    })
}

fn text(customer: &CustomerView) -> String {
    let mut table = pairs();
    let agreed = if customer.marketing_consent { "agreed" } else { "no" };
    for (name, value) in [
        ("customer", customer.id.to_string().as_str()),
        ("name", &customer.name),
        ("phone", &customer.phone),
        ("email", &customer.email),
        ("notes", &customer.notes),
        ("loyalty", &customer.loyalty_id),
        ("may be written to", agreed),
    ] {
        if !value.is_empty() {
            table.add_row([name, value]);
        }
    }
    table.to_string()
}

/// The name of a cart's customer; its id where the customer has not come in yet.
pub(super) fn name_of<S: Storage>(
    till: &mut Till<S>,
    customer: CustomerId,
) -> Result<String, TerminalError> {
    match till.customer(customer) {
        Ok(view) if !view.name.is_empty() => Ok(view.name),
        Ok(_) | Err(CommandError::UnknownCustomer(_)) => {
            Ok(customer.to_string().chars().take(8).collect())
        }
        Err(other) => Err(other.into()),
    }
}
