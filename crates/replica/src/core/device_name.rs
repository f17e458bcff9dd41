//! What people call a device.

use core::fmt;

use pos_core::text::{self, TextError};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::limits;

/// A device's name on screens and lists: "Till 2". Trimmed, printable, 1 to
/// [`limits::DEVICE_NAME_CHARS_MAX`] characters. Two devices may bear one name: what a device *is*
/// is its key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct DeviceName(String);

impl DeviceName {
    /// A name as a person has typed it.
    pub fn new(text: &str) -> Result<Self, TextError> {
        text::required("device name", text, limits::DEVICE_NAME_CHARS_MAX).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DeviceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let name = Self::new(&text).map_err(de::Error::custom)?;
        // One name, one spelling: what is read is what was typed, blanks cut off.
        if name.0 == text { Ok(name) } else { Err(de::Error::custom("blanks around a name")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_printable_and_read_in_one_spelling_only() {
        assert_eq!(DeviceName::new("  Till 2 ").unwrap().as_str(), "Till 2");
        for bad in ["", "  ", "a\nb", "4242 4242 4242 4242", &"x".repeat(33)] {
            assert!(DeviceName::new(bad).is_err(), "{bad:?}");
        }
        let bytes = postcard::to_stdvec(" Till 2").unwrap();
        assert!(postcard::from_bytes::<DeviceName>(&bytes).is_err());
        let bytes = postcard::to_stdvec("Till 2").unwrap();
        assert_eq!(postcard::from_bytes::<DeviceName>(&bytes).unwrap().as_str(), "Till 2");
    }
}
