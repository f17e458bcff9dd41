//! What a printer is given to print.

use pos_core::receipt::{ReceiptDocument, ReportDocument};
use serde::{Deserialize, Serialize};

use super::layout::{self, Element, Style, layout};
use super::report::report_layout;

/// One piece of paper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Paper {
    /// A receipt.
    Receipt(Box<ReceiptDocument>),
    /// An X or Z report.
    Report(Box<ReportDocument>),
    /// Lines that are no document: a test page, an address.
    Note(Vec<String>),
}

impl Paper {
    /// Its elements for paper of `width` columns.
    pub fn elements(&self, width: usize) -> Vec<Element> {
        match self {
            Self::Receipt(document) => layout(document, width),
            Self::Report(document) => report_layout(document, width),
            Self::Note(lines) => {
                let mut paper = layout::Paper::new(width);
                for line in lines {
                    paper.wrapped(line, Style::Plain);
                }
                paper.into_elements()
            }
        }
    }

    /// The same with the mark COPY where it is a document.
    #[must_use]
    pub fn into_copy(self) -> Self {
        match self {
            Self::Receipt(document) => Self::Receipt(Box::new(document.into_copy())),
            Self::Report(document) => Self::Report(Box::new(document.into_copy())),
            Self::Note(lines) => Self::Note(lines),
        }
    }

    /// A page that shows whether a printer, its width and its tables are set up rightly.
    pub fn test_page(columns: usize) -> Self {
        let ruler: String = (1..=columns).map(|at| if at % 10 == 0 { '|' } else { '.' }).collect();
        Self::Note(vec![
            "Tillmesh test page".to_owned(),
            ruler,
            "The line above ends at the paper's edge.".to_owned(),
            "€ 1.00  £ 2.00  äöü ÄÖÜ ß éèê ñ ç".to_owned(),
            "Łódź  Žluťoučký  Киев  茶".to_owned(),
        ])
    }
}
