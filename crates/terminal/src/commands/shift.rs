//! `tillmesh shift`: opens and closes the register's shift.

use pos_core::business_date::BusinessDate;
use serde_json::json;

use super::{Context, parse_amount, parse_operator, parse_register, report, today};
use crate::cli::Shift;
use crate::error::TerminalError;
use crate::output::amount;

pub(super) fn run(context: &mut Context<'_>, typed: &Shift) -> Result<(), TerminalError> {
    match typed {
        Shift::Open { float, date, operator, register } => {
            let operator = parse_operator(operator)?;
            let register = parse_register(register.as_deref())?;
            context.with_whole_till(|context, till| {
                let register = till.register(register.as_ref())?;
                let float = parse_amount(float, till.settings()?.currency)?;
                let date = match date {
                    Some(text) => text
                        .parse::<BusinessDate>()
                        .map_err(|error| TerminalError::Usage(error.to_string()))?,
                    None => today(till)?,
                };
                let id = till.start_shift(&register, date, float, &operator)?;
                let answer = json!({
                    "shift": id.to_string(),
                    "register": register.as_str(),
                    "business_date": date.to_string(),
                    "float": amount(float),
                    "currency": float.currency().code(),
                });
                context.output.answer(&answer, || {
                    format!("Register {register} is open for {date}, with {float} in the drawer.")
                })
            })
        }
        Shift::Close { counted, operator, register } => {
            let operator = parse_operator(operator)?;
            let register = parse_register(register.as_deref())?;
            context.with_whole_till(|context, till| {
                let register = till.register(register.as_ref())?;
                let currency = till.settings()?.currency;
                let counted =
                    counted.as_deref().map(|text| parse_amount(text, currency)).transpose()?;
                let report = till.end_shift(&register, counted, &operator)?;
                report::show_z(context.output, report.get())
            })
        }
    }
}
