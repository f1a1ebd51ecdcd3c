//! Notice.

use super::Rules;
use crate::content::value::NoticeText;

layout! {
    /// Free text.
    Notice {
        /// What it says.
        0 text: NoticeText,
    }
}

impl Rules for Notice {
    fn words(&self) -> Option<&str> {
        Some(self.text.raw())
    }
}
