//! GS1 Digital Link: a web address that carries application identifiers, as on QR codes.
//!
//! `https://example.com/some/path/01/09506000134352/10/ABC?17=261231`: the GTIN and its qualifiers
//! are in the path, everything else in the query. Any host may serve such addresses. The compressed
//! form is not read.

use super::ai::Ai;
use super::{ElementString, Gs1Error};
use crate::gtin::Gtin;

/// What follows the scheme of a web address.
pub(super) fn strip_scheme(text: &str) -> Option<&str> {
    ["https://", "http://"].into_iter().find_map(|scheme| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// Reads an address without its scheme.
pub(super) fn parse(address: &str, reference_year: i16) -> Result<ElementString, Gs1Error> {
    let address = address.split_once('#').map_or(address, |(address, _)| address);
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let segments = path.trim_end_matches('/').split('/').skip(1).collect::<Vec<_>>();
    let (gtin, qualifiers) = (0..segments.len())
        .find_map(|start| gtin_at(segments.get(start..)?))
        .ok_or(Gs1Error::NoGtin)?;
    let mut elements = ElementString::default();
    elements.push(Ai::GTIN, &gtin.to_gtin14(), reference_year)?;
    for (ai, value) in qualifiers {
        elements.push(
            ai,
            &percent_decode(value).ok_or(Gs1Error::BadCharacter(ai))?,
            reference_year,
        )?;
    }
    // Other parameters (language, campaign) may stand beside the identifiers.
    let parameters = query.split(['&', ';']).filter_map(|pair| pair.split_once('='));
    for (ai, value) in parameters.filter_map(|(key, value)| Some((Ai::parse(key)?, value))) {
        elements.push(
            ai,
            &percent_decode(value).ok_or(Gs1Error::BadCharacter(ai))?,
            reference_year,
        )?;
    }
    Ok(elements)
}

/// A GTIN, and the qualifiers after it with their values.
type GtinPath<'a> = (Gtin, Vec<(Ai, &'a str)>);

/// The GTIN the segments begin with, when all that follows are its qualifiers.
fn gtin_at<'a>(segments: &[&'a str]) -> Option<GtinPath<'a>> {
    let [key, gtin, rest @ ..] = segments else { return None };
    if *key != "01" {
        return None;
    }
    let (pairs, []) = rest.as_chunks::<2>() else { return None };
    let qualifiers = pairs.iter().map(|[key, value]| match *key {
        "22" | "10" | "21" | "235" => Some((Ai::parse(key)?, *value)),
        _ => None,
    });
    Some((gtin.parse().ok()?, qualifiers.collect::<Option<Vec<_>>>()?))
}

/// Text with `%41` turned into `A`; `None` where that does not give text.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || char::from(rest.next()?).to_digit(16);
            let value = digit()? * 16 + digit()?;
            bytes.push(u8::try_from(value).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
