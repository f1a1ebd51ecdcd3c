//! How long windows are, how many are kept, and who may write.

use himaya_protocol::wire::relay::Access;

/// The most windows that a relay may keep.
pub const RETENTION_MAX: u8 = 30;
/// The fewest windows that a relay with tokens may keep.
pub const RETENTION_MIN_TOKENS: u8 = 2;

/// What an operator decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    access: Access,
    retention: u8,
    window_seconds: u32,
}

/// A policy outside the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Not 1 to [`RETENTION_MAX`] windows.
    #[error("retention must be 1 to {RETENTION_MAX} windows")]
    Retention,
    /// With tokens, fewer windows than a key can be exchanged in.
    #[error("with tokens, retention must be at least {RETENTION_MIN_TOKENS} windows")]
    RetentionForTokens,
    /// A window of no length.
    #[error("a window must last at least one second")]
    Window,
}

impl Policy {
    /// Checks and joins who may write, the number of windows kept (the current one included) and a window's length.
    pub fn new(access: Access, retention: u8, window_seconds: u32) -> Result<Self, PolicyError> {
        if !(1..=RETENTION_MAX).contains(&retention) {
            return Err(PolicyError::Retention);
        }
        if access == Access::Token && retention < RETENTION_MIN_TOKENS {
            return Err(PolicyError::RetentionForTokens);
        }
        if window_seconds == 0 {
            return Err(PolicyError::Window);
        }
        Ok(Self { access, retention, window_seconds })
    }

    /// Who may write.
    pub fn access(&self) -> Access {
        self.access
    }

    /// How many windows a token key issues in: half of those in which it is accepted.
    pub fn token_period(&self) -> u32 {
        u32::from(self.retention / 2).max(1)
    }

    /// How many windows are kept, the current one included.
    pub fn retention(&self) -> u8 {
        self.retention
    }

    /// Length of a window, in seconds.
    pub fn window_seconds(&self) -> u32 {
        self.window_seconds
    }

    /// The window of a time in seconds since the Unix epoch.
    pub fn window_at(&self, unix_seconds: u64) -> u32 {
        u32::try_from(unix_seconds / u64::from(self.window_seconds)).unwrap_or(u32::MAX)
    }

    /// The oldest window that is kept while `current` is the current one.
    pub fn oldest_of(&self, current: u32) -> u32 {
        current.saturating_sub(u32::from(self.retention) - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_tokens_a_key_has_a_second_window() {
        assert_eq!(Policy::new(Access::Token, 1, 86_400), Err(PolicyError::RetentionForTokens));
        assert!(Policy::new(Access::Open, 1, 86_400).is_ok());
        for (retention, period) in [(2, 1), (3, 1), (14, 7), (30, 15)] {
            assert_eq!(Policy::new(Access::Token, retention, 86_400).unwrap().token_period(), period);
        }
    }
}
