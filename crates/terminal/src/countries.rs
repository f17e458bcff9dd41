//! Countries: how a new store of a country sells until somebody says otherwise.
//!
//! A start for a new store, not legal advice. Tax rates of the EU's states and of Great Britain are
//! those of ibericode/vat-rates (version 4 of the file, 12 August 2025; MIT, © Danny van Kooten), of
//! the others the national rates of the package `sales-tax` 2.23.0 (MIT, © Valerian Saliou), and
//! Switzerland's reduced rate as its tax administration publishes it since 2024. Later changes are
//! not in it. Cash rounding is `pos_core`'s table. Countries whose tax differs from place to place
//! (the United States, Canada, Brazil) are left out: a store there is founded with `tillmesh init
//! --tax-rate`.

/// A country as a start for a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166, two letters.
    pub code: &'static str,
    /// Its name in its own language.
    pub name: &'static str,
    /// ISO 4217.
    pub currency: &'static str,
    /// Where its clocks hang; where there are several, the one with most people.
    pub time_zone: &'static str,
    /// Tax category and percentage. The first is the one of a product that says nothing.
    pub rates: &'static [(&'static str, &'static str)],
    /// Whether the prices that people see include the tax.
    pub inclusive: bool,
    /// Languages of its people, ISO 639, the most spoken first.
    pub languages: &'static [&'static str],
}

impl Country {
    /// The country of a code, in any case.
    pub fn of(code: &str) -> Option<&'static Self> {
        COUNTRIES.iter().find(|country| country.code.eq_ignore_ascii_case(code.trim()))
    }

    /// The rates as `tillmesh init` is given them, with one for what bears none.
    pub fn tax_rates(&self) -> Vec<String> {
        let rates = self.rates.iter().map(|(category, percent)| format!("{category}={percent}"));
        rates.chain([format!("{ZERO_RATED}=0")]).collect()
    }
}

/// Tax category of what bears a rate of nothing.
const ZERO_RATED: &str = "zero";

const fn country(
    code: &'static str,
    name: &'static str,
    currency: &'static str,
    time_zone: &'static str,
    languages: &'static [&'static str],
    rates: &'static [(&'static str, &'static str)],
) -> Country {
    Country { code, name, currency, time_zone, rates, inclusive: true, languages }
}

/// All of them, by code.
pub const COUNTRIES: [Country; 36] = [
    country(
        "AT",
        "Österreich",
        "EUR",
        "Europe/Vienna",
        &["de"],
        &[("standard", "20"), ("reduced", "10"), ("reduced2", "13")],
    ),
    country("AU", "Australia", "AUD", "Australia/Sydney", &["en"], &[("standard", "10")]),
    country(
        "BE",
        "België / Belgique",
        "EUR",
        "Europe/Brussels",
        &["nl", "fr", "de"],
        &[("standard", "21"), ("reduced", "6"), ("reduced2", "12")],
    ),
    country(
        "BG",
        "България",
        "EUR",
        "Europe/Sofia",
        &["bg"],
        &[("standard", "20"), ("reduced", "9")],
    ),
    country(
        "CH",
        "Schweiz / Suisse / Svizzera",
        "CHF",
        "Europe/Zurich",
        &["de", "fr", "it"],
        &[("standard", "8.1"), ("reduced", "2.6")],
    ),
    country(
        "CY",
        "Κύπρος",
        "EUR",
        "Asia/Nicosia",
        &["el", "tr"],
        &[("standard", "19"), ("reduced", "5"), ("reduced2", "9")],
    ),
    country(
        "CZ",
        "Česko",
        "CZK",
        "Europe/Prague",
        &["cs"],
        &[("standard", "21"), ("reduced", "12")],
    ),
    country(
        "DE",
        "Deutschland",
        "EUR",
        "Europe/Berlin",
        &["de"],
        &[("standard", "19"), ("reduced", "7")],
    ),
    country("DK", "Danmark", "DKK", "Europe/Copenhagen", &["da"], &[("standard", "25")]),
    country(
        "EE",
        "Eesti",
        "EUR",
        "Europe/Tallinn",
        &["et", "ru"],
        &[("standard", "24"), ("reduced", "13"), ("press", "9")],
    ),
    country(
        "ES",
        "España",
        "EUR",
        "Europe/Madrid",
        &["es", "ca", "gl", "eu"],
        &[("standard", "21"), ("reduced", "10"), ("super_reduced", "4")],
    ),
    country(
        "FI",
        "Suomi",
        "EUR",
        "Europe/Helsinki",
        &["fi", "sv"],
        &[("standard", "25.5"), ("reduced", "14"), ("reduced2", "10")],
    ),
    country(
        "FR",
        "France",
        "EUR",
        "Europe/Paris",
        &["fr"],
        &[("standard", "20"), ("reduced", "5.5"), ("reduced2", "10"), ("super_reduced", "2.1")],
    ),
    country(
        "GB",
        "United Kingdom",
        "GBP",
        "Europe/London",
        &["en", "cy"],
        &[("standard", "20"), ("reduced", "5")],
    ),
    country(
        "GR",
        "Ελλάδα",
        "EUR",
        "Europe/Athens",
        &["el"],
        &[("standard", "24"), ("reduced", "13"), ("reduced2", "6")],
    ),
    country(
        "HR",
        "Hrvatska",
        "EUR",
        "Europe/Zagreb",
        &["hr"],
        &[("standard", "25"), ("reduced", "13"), ("reduced2", "5")],
    ),
    country(
        "HU",
        "Magyarország",
        "HUF",
        "Europe/Budapest",
        &["hu"],
        &[("standard", "27"), ("reduced", "18"), ("reduced2", "5")],
    ),
    country(
        "IE",
        "Éire / Ireland",
        "EUR",
        "Europe/Dublin",
        &["en", "ga"],
        &[("standard", "23"), ("reduced", "13.5"), ("reduced2", "9"), ("super_reduced", "4.8")],
    ),
    country("IS", "Ísland", "ISK", "Atlantic/Reykjavik", &["is"], &[("standard", "24")]),
    country(
        "IT",
        "Italia",
        "EUR",
        "Europe/Rome",
        &["it"],
        &[("standard", "22"), ("reduced", "10"), ("reduced2", "5"), ("super_reduced", "4")],
    ),
    country("JP", "日本", "JPY", "Asia/Tokyo", &["ja"], &[("standard", "10")]),
    country(
        "LT",
        "Lietuva",
        "EUR",
        "Europe/Vilnius",
        &["lt"],
        &[("standard", "21"), ("reduced", "9"), ("reduced2", "5")],
    ),
    country(
        "LU",
        "Lëtzebuerg",
        "EUR",
        "Europe/Luxembourg",
        &["lb", "fr", "de"],
        &[("standard", "17"), ("reduced", "8"), ("super_reduced", "3")],
    ),
    country(
        "LV",
        "Latvija",
        "EUR",
        "Europe/Riga",
        &["lv", "ru"],
        &[("standard", "21"), ("reduced", "12"), ("reduced2", "5")],
    ),
    country(
        "MT",
        "Malta",
        "EUR",
        "Europe/Malta",
        &["mt", "en"],
        &[("standard", "18"), ("reduced", "7"), ("reduced2", "5")],
    ),
    country(
        "NL",
        "Nederland",
        "EUR",
        "Europe/Amsterdam",
        &["nl"],
        &[("standard", "21"), ("reduced", "9")],
    ),
    country("NO", "Norge", "NOK", "Europe/Oslo", &["nb", "nn"], &[("standard", "25")]),
    country("NZ", "New Zealand", "NZD", "Pacific/Auckland", &["en", "mi"], &[("standard", "15")]),
    country(
        "PL",
        "Polska",
        "PLN",
        "Europe/Warsaw",
        &["pl"],
        &[("standard", "23"), ("reduced", "8"), ("reduced2", "5")],
    ),
    country(
        "PT",
        "Portugal",
        "EUR",
        "Europe/Lisbon",
        &["pt"],
        &[("standard", "23"), ("reduced", "13"), ("reduced2", "6")],
    ),
    country(
        "RO",
        "România",
        "RON",
        "Europe/Bucharest",
        &["ro"],
        &[("standard", "21"), ("reduced", "11")],
    ),
    country(
        "SE",
        "Sverige",
        "SEK",
        "Europe/Stockholm",
        &["sv"],
        &[("standard", "25"), ("reduced", "12"), ("reduced2", "6")],
    ),
    country(
        "SG",
        "Singapore",
        "SGD",
        "Asia/Singapore",
        &["en", "zh", "ms", "ta"],
        &[("standard", "9")],
    ),
    country(
        "SI",
        "Slovenija",
        "EUR",
        "Europe/Ljubljana",
        &["sl"],
        &[("standard", "22"), ("reduced", "9.5"), ("reduced2", "5")],
    ),
    country(
        "SK",
        "Slovensko",
        "EUR",
        "Europe/Bratislava",
        &["sk"],
        &[("standard", "23"), ("reduced", "19"), ("reduced2", "5")],
    ),
    country(
        "ZA",
        "South Africa",
        "ZAR",
        "Africa/Johannesburg",
        &["en", "zu", "xh", "af"],
        &[("standard", "15")],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_country_founds_a_store() {
        for country in &COUNTRIES {
            let settings = crate::commands::settings_of("Shop", country);
            let (settings, _) =
                settings.unwrap_or_else(|error| panic!("{}: {error}", country.code));
            assert_eq!(settings.currency.code(), country.currency);
            assert!(settings.tax_table.rates("standard").is_ok(), "{}", country.code);
            assert!(settings.tax_table.rates(ZERO_RATED).is_ok(), "{}", country.code);
            assert!(!country.languages.is_empty());
        }
    }

    #[test]
    fn countries_stand_in_order_and_once() {
        assert!(COUNTRIES.is_sorted_by(|one, two| one.code < two.code));
        assert_eq!(Country::of(" de").map(|country| country.name), Some("Deutschland"));
        assert_eq!(Country::of("XX"), None);
    }
}
