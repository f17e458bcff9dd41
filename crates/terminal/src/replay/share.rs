//! A file rung up by several tills: each takes the invoices of its customers.

use thiserror::Error;

/// One of so many equal shares. A customer's invoices all fall to one of them, the same in every
/// run: by a hash of the customer, or of the invoice where no customer is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    index: u64,
    of: u64,
}

/// A text that names no share.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is no share: write 1/3 for the first of three")]
pub struct ShareError(String);

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };
    /// Most shares.
    const MOST: u64 = 1000;

    /// Which, from 0.
    pub(super) fn index(self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }

    /// Of how many.
    pub(super) fn shares(self) -> usize {
        usize::try_from(self.of).unwrap_or(usize::MAX)
    }

    /// Whether what belongs to `customer` falls to this share.
    pub fn takes(self, customer: &str) -> bool {
        let hash = blake3::hash(customer.as_bytes());
        let number = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number.checked_rem(self.of) == Some(self.index)
    }
}

impl core::str::FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let refused = || ShareError(text.chars().take(40).collect());
        let (number, of) = text.split_once('/').ok_or_else(refused)?;
        let number: u64 = number.parse().map_err(|_not_a_number| refused())?;
        let of: u64 = of.parse().map_err(|_not_a_number| refused())?;
        if of > Self::MOST || !(1..=of).contains(&number) {
            return Err(refused());
        }
        Ok(Self { index: number - 1, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_customer_falls_to_one_share_and_always_to_the_same() {
        let shares: Vec<Share> =
            ["1/3", "2/3", "3/3"].iter().map(|text| text.parse().unwrap()).collect();
        let mut taken = [0_u32; 3];
        for customer in 12_346..13_346 {
            let customer = customer.to_string();
            let by: Vec<usize> = (0..3).filter(|&n| shares[n].takes(&customer)).collect();
            assert_eq!(by.len(), 1);
            taken[by[0]] += 1;
        }
        assert!(taken.iter().all(|&count| count > 280), "{taken:?}");
        // The first customer of the Online Retail file, for good.
        assert!(shares[1].takes("17850") || shares[0].takes("17850") || shares[2].takes("17850"));
        assert!(Share::WHOLE.takes("17850"));
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "1", "0/3", "4/3", "1/0", "a/b", "1/5000", "-1/3"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
