//! `tillmesh init`: founds a store.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::tz::TimeZone;
use pos_core::business_date::TimeZoneName;
use pos_core::cash_rounding::CashRounding;
use pos_core::ids::RegisterId;
use pos_core::money::Currency;
use pos_core::price_book::{EditNumber, PriceBook};
use pos_core::rounding::Rounding;
use pos_core::store::{OversellPolicy, StoreSettings};
use pos_core::tax::{
    Percent, PriceTax, TaxProfile, TaxRate, TaxRateId, TaxScope, TaxTable, TaxTarget,
};
use replica::core::{Command, DeviceName, Outcome, Role};
use replica::recovery::RecoveryPhrase;
use replica::store::FileStorage;
use serde_json::json;

use super::Context;
use crate::cli::{FIRST_TILL, Init, Prices};
use crate::countries::Country;
use crate::error::TerminalError;
use crate::output::pairs;
use crate::shell::{self, SystemClock};
use crate::till::Till;

/// The register of a store's first till.
const FIRST_REGISTER: &str = "R1";

pub(super) fn run(context: &mut Context<'_>, typed: &Init) -> Result<(), TerminalError> {
    let (settings, register) = read(typed)?;
    let name = DeviceName::new(&typed.till_name)
        .map_err(|error| TerminalError::Usage(format!("--till-name: {error}")))?;
    let till = prepare(context)?;
    let phrase = RecoveryPhrase::from_entropy(shell::random()?);
    // Shown before the store is founded: a power cut in between leaves words without a store, never
    // a store whose words nobody has seen.
    if !context.output.is_json() {
        context.output.text(&phrase_text(&phrase))?;
    }
    let (till, fresh) = found(till, settings, register.clone(), name, &phrase)?;
    let answer = {
        let settings = till.settings()?;
        let store = till.replica().store_id().map(|id| id.to_string());
        json!({
            "store": store,
            "name": settings.name,
            "currency": settings.currency.code(),
            "time_zone": settings.time_zone.as_str(),
            "register": register.as_str(),
            "device": till.replica().device().to_string(),
            "device_name": typed.till_name.trim(),
            "folder": context.folder.display().to_string(),
            "recovery_phrase": fresh.then(|| phrase.words().join(" ")),
        })
    };
    till.close();
    if !fresh {
        context.output.note(&carried_on_text(&context.folder));
    }
    let folder = context.folder.display().to_string();
    context.output.answer(&answer, || {
        let mut table = pairs();
        table.add_row(["Store".to_owned(), typed.name.clone()]);
        table.add_row(["Register".to_owned(), register.to_string()]);
        table.add_row(["Folder".to_owned(), folder]);
        format!("{table}\nThe till is ready: `tillmesh import products FILE.csv`, then `tillmesh sell ITEM`.")
    })
}

/// What is said about the phrase, the one time it is shown.
fn phrase_text(phrase: &RecoveryPhrase) -> String {
    let numbered: Vec<String> = phrase
        .words()
        .iter()
        .enumerate()
        .map(|(index, word)| format!("{:>2}. {word:<10}", index + 1))
        .collect();
    let rows: Vec<String> = numbered.chunks(4).map(|row| format!("  {}", row.join("  "))).collect();
    format!(
        "RECOVERY PHRASE: write these twelve words on paper now. They are shown this once.\n\n\
         {}\n\n\
         Keep the paper away from the tills, where you keep the keys of the shop. Whoever has these\n\
         words can make any device a manager of this store and shut any other out; without them, a\n\
         store whose only manager is lost or stolen cannot be managed again. No till keeps them.\n",
        rows.join("\n")
    )
}

fn carried_on_text(folder: &Path) -> String {
    format!(
        "a founding that was cut short has been carried on, under the recovery phrase it was begun \
         with: the words above are NOT this store's. If you do not have those of the first try, \
         remove {} and start again now, while there is nothing in it",
        folder.display()
    )
}

/// Founds a store to replay into, and says its phrase in a remark.
pub(super) fn found_for_replay(
    context: &mut Context<'_>,
) -> Result<Till<FileStorage>, TerminalError> {
    let (settings, register) = online_retail()?;
    let till = prepare(context)?;
    let phrase = RecoveryPhrase::from_entropy(shell::random()?);
    context
        .output
        .note(&format!("a store is founded; its recovery phrase: {}", phrase.words().join(" ")));
    let name = device_name(FIRST_TILL)?;
    Ok(found(till, settings, register, name, &phrase)?.0)
}

fn device_name(text: &str) -> Result<DeviceName, TerminalError> {
    DeviceName::new(text).map_err(|error| TerminalError::Usage(error.to_string()))
}

/// How a new store of a country sells, and its first register.
pub(crate) fn settings_of(
    name: &str,
    country: &Country,
) -> Result<(StoreSettings, RegisterId), TerminalError> {
    read(&Init {
        name: name.to_owned(),
        currency: country.currency.to_owned(),
        country: country.code.to_owned(),
        time_zone: country.time_zone.to_owned(),
        prices: if country.inclusive { Prices::Inclusive } else { Prices::Exclusive },
        tax_rate: country.tax_rates(),
        register: FIRST_REGISTER.to_owned(),
        till_name: FIRST_TILL.to_owned(),
    })
}

/// Founds a store of a country in a folder that holds none; says whether it bears this phrase, or
/// that of a founding that was cut short.
pub(crate) fn found_store(
    folder: &Path,
    clock: SystemClock,
    name: &str,
    country: &Country,
    phrase: &RecoveryPhrase,
) -> Result<(Till<FileStorage>, bool), TerminalError> {
    let (settings, register) = settings_of(name, country)?;
    let till = match Till::open_any(folder, clock)? {
        Some(till) => till,
        None => Till::make(folder, clock)?,
    };
    found(till, settings, register, device_name(FIRST_TILL)?, phrase)
}

/// Opens or makes a till in the folder, which must hold no store.
fn prepare(context: &mut Context<'_>) -> Result<Till<FileStorage>, TerminalError> {
    match Till::open_any(&context.folder, context.clock)? {
        Some(till) if is_half_founded(&till) => Ok(till),
        Some(mut till) if till.replica().store_id().is_some() => {
            context.finish_rebuild(&mut till);
            let name = till.settings().map_or_else(|_| String::new(), |known| known.name.clone());
            let folder = context.folder.clone();
            till.close();
            Err(TerminalError::StoreExists { folder, name })
        }
        // A key was made, and then the power went.
        Some(till) => Ok(till),
        None => Till::make(&context.folder, context.clock),
    }
}

/// A founding was begun by this device and the power went before its settings were written.
pub(crate) fn is_half_founded(till: &Till<FileStorage>) -> bool {
    let replica = till.replica();
    replica.own_role() == Some(Role::Manager)
        && replica.books().settings().is_none()
        && replica.rebuilding().is_none()
}

/// Founds a store with these settings; says whether it bears this phrase, or that of a founding
/// that was cut short.
fn found(
    mut till: Till<FileStorage>,
    settings: StoreSettings,
    register: RegisterId,
    name: DeviceName,
    phrase: &RecoveryPhrase,
) -> Result<(Till<FileStorage>, bool), TerminalError> {
    let (nonce, recovery) = (shell::random()?, phrase.device());
    let settings = Box::new(settings);
    match till.execute(Command::FoundStore { nonce, recovery, name, settings, register })? {
        Outcome::Recorded(_) => {
            let fresh = till.replica().roster().recovery() == Some(recovery);
            Ok((till, fresh))
        }
        other => Err(TerminalError::Usage(format!("the store was not founded: {other:?}"))),
    }
}

/// The store a replay is rung up in, when the folder holds none.
pub(super) fn online_retail() -> Result<(StoreSettings, RegisterId), TerminalError> {
    of("GBP", "GB")
}

/// A store with 20 % tax in its prices.
pub(super) fn of(
    currency: &str,
    country: &str,
) -> Result<(StoreSettings, RegisterId), TerminalError> {
    read(&Init {
        name: "Online Retail".to_owned(),
        currency: currency.to_owned(),
        country: country.to_owned(),
        time_zone: "Europe/London".to_owned(),
        prices: Prices::Inclusive,
        tax_rate: Vec::new(),
        register: "R1".to_owned(),
        till_name: FIRST_TILL.to_owned(),
    })
}

fn read(typed: &Init) -> Result<(StoreSettings, RegisterId), TerminalError> {
    let usage = |error: String| TerminalError::Usage(error);
    let currency = Currency::from_code(&typed.currency.to_uppercase())
        .map_err(|error| usage(error.to_string()))?;
    let country = typed.country.trim();
    if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(usage(format!("{country:?} is not a country code of two letters, like GB")));
    }
    let time_zone =
        TimeZoneName::new(&typed.time_zone).map_err(|error| usage(error.to_string()))?;
    TimeZone::get(time_zone.as_str()).map_err(|_unknown| {
        usage(format!("no time zone {time_zone} is known: write it like Europe/London"))
    })?;
    let name = typed.name.trim();
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(usage(
            "give the store a name that can be printed: --name \"Corner Shop\"".to_owned(),
        ));
    }
    if name.chars().count() > pos_core::limits::NAME_CHARS_MAX {
        let most = pos_core::limits::NAME_CHARS_MAX;
        return Err(usage(format!("the store's name has more than {most} characters")));
    }
    let settings = StoreSettings {
        edit: EditNumber(1),
        name: name.to_owned(),
        currency,
        time_zone,
        tax_profile: TaxProfile {
            prices: match typed.prices {
                Prices::Inclusive => PriceTax::Inclusive,
                Prices::Exclusive => PriceTax::Exclusive,
            },
            scope: TaxScope::Line,
            rounding: Rounding::HalfUp,
        },
        tax_table: tax_table(&typed.tax_rate)?,
        cash_rounding: CashRounding::for_country(country, currency),
        oversell: OversellPolicy::Allow,
        merge_repeat_scans: true,
        receipt_header: Vec::new(),
        receipt_footer: Vec::new(),
    };
    let register = RegisterId::new(&typed.register).map_err(|error| usage(error.to_string()))?;
    Ok((settings, register))
}

/// `standard=20`, `reduced=5`: one rate for each category. A rate of 0 stays a rate: zero-rated goods
/// are shown in the tax table, exempt ones are not.
fn tax_table(typed: &[String]) -> Result<TaxTable, TerminalError> {
    let usual = [format!("{}=20", PriceBook::DEFAULT_TAX_CATEGORY)];
    let typed = if typed.is_empty() { &usual } else { typed };
    let mut categories = BTreeMap::new();
    for text in typed {
        let refused = |why: String| {
            TerminalError::Usage(format!("--tax-rate {text}: {why}; write it like standard=20"))
        };
        let (category, percent) =
            text.split_once('=').ok_or_else(|| refused("there is no =".to_owned()))?;
        let category = category.trim();
        let id = TaxRateId::new(category).map_err(|error| refused(error.to_string()))?;
        let percent: Percent = percent
            .trim()
            .trim_end_matches('%')
            .parse()
            .map_err(|error: pos_core::tax::PercentError| refused(error.to_string()))?;
        let rate =
            TaxRate { id, name: format!("Tax {percent} %"), percent, target: TaxTarget::Tax };
        if categories.insert(category.to_owned(), vec![rate]).is_some() {
            return Err(refused("the category was given before".to_owned()));
        }
    }
    TaxTable::new(categories).map_err(|error| TerminalError::Usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phrase_is_shown_whole_and_numbered() {
        let phrase = RecoveryPhrase::from_entropy([0x7f; 16]);
        let text = phrase_text(&phrase);
        assert!(text.contains(" 1. legal"), "{text}");
        assert!(text.contains("12. yellow"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }

    #[test]
    fn a_tax_rate_is_a_category_and_a_percentage() {
        let table = tax_table(&["standard=19".to_owned(), "food=7 %".to_owned()]).unwrap();
        let percent = |category| table.rates(category).unwrap().first().unwrap().percent;
        assert_eq!(percent("standard").to_string(), "19");
        assert_eq!(percent("food").to_string(), "7");
        for bad in ["standard", "standard=", "standard=many", "=20", "standard=-1"] {
            let error = tax_table(&[bad.to_owned()]).unwrap_err();
            assert!(matches!(error, TerminalError::Usage(_)), "{bad}");
        }
        assert!(tax_table(&["a=1".to_owned(), "a=2".to_owned()]).is_err());
    }

    #[test]
    fn the_store_of_a_replay_has_a_fifth_of_tax_in_its_prices() {
        let (settings, register) = online_retail().unwrap();
        assert_eq!((settings.name.as_str(), register.as_str()), ("Online Retail", "R1"));
        assert_eq!(settings.tax_profile.prices, PriceTax::Inclusive);
        assert_eq!(settings.oversell, OversellPolicy::Allow);
        assert_eq!(settings.cash_rounding, None);
        let rates = settings.tax_table.rates("standard").unwrap();
        assert_eq!(rates.first().unwrap().percent.to_string(), "20");
    }
}
