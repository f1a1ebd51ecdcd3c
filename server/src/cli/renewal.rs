//! Certificates from an authority: the first, and a new one when two thirds of the old one's time are over.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{CliError, Layout, read, unix_seconds, write_anew};
use crate::config::Config;
use crate::http::{AcmeError, Authority, Certificate, Shown};

/// How often it is looked at. Authorities count failures by the hour.
const EVERY: Duration = Duration::from_secs(3_600);

/// What keeps the certificate new.
pub(super) struct Renewal {
    authority: Authority,
    name: String,
    account: PathBuf,
    key: PathBuf,
    certificate: PathBuf,
    shown: Arc<Shown>,
}

impl Renewal {
    /// Nothing when no authority is named.
    pub(super) fn new(layout: &Layout, config: &Config, shown: Arc<Shown>) -> Result<Option<Self>, CliError> {
        let Some(directory) = &config.acme.directory else { return Ok(None) };
        let roots = config.acme.roots.as_ref().map(|path| read(layout.below(path))).transpose()?;
        let name = config.link_host.rsplit_once(':').map_or(&*config.link_host, |(name, _)| name);
        Ok(Some(Self {
            authority: Authority::new(directory, roots.as_deref())?,
            name: name.to_owned(),
            account: layout.acme_account(),
            key: layout.below(&config.tls.key),
            certificate: layout.below(&config.tls.certificate),
            shown,
        }))
    }

    /// Looks now and every hour, as long as it is let.
    pub(super) async fn run(self) {
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            let due = self.shown.certificate().is_ok_and(|certificate| is_due(&certificate, unix_seconds()));
            if !due {
                continue;
            }
            match self.renew().await {
                Ok(()) => tracing::info!("the authority gave a certificate"),
                Err(error) => {
                    tracing::error!(%error, "no certificate from the authority; it is asked again in an hour")
                }
            }
        }
    }

    async fn renew(&self) -> Result<(), CliError> {
        let account = self.account().await?;
        let key = Zeroizing::new(read(self.key.clone())?);
        let key_pem = std::str::from_utf8(&key).map_err(|_| CliError::KeyForm)?;
        let chain = self.authority.order(&account, &self.name, key_pem, &self.shown).await?;
        // What the authority gave must be for our key before it replaces anything.
        self.shown.exchange(&key, chain.as_bytes())?;
        put(&self.certificate, chain.as_bytes())
    }

    async fn account(&self) -> Result<Zeroizing<String>, CliError> {
        if self.account.exists() {
            let bytes = Zeroizing::new(read(self.account.clone())?);
            let text = std::str::from_utf8(&bytes).map_err(|_| CliError::AccountForm)?;
            return Ok(Zeroizing::new(text.to_owned()));
        }
        let account = self.authority.account().await?;
        put(&self.account, account.as_bytes())?;
        Ok(account)
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    write_anew(path, bytes).map_err(|source| CliError::File { path: path.to_owned(), source })
}

/// Whether a certificate is our own, or has less than a third of its time left.
fn is_due(certificate: &Certificate, now: u64) -> bool {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let third = certificate.not_after.saturating_sub(certificate.not_before) / 3;
    certificate.self_signed || certificate.not_after.saturating_sub(now) < third
}

impl From<AcmeError> for CliError {
    fn from(error: AcmeError) -> Self {
        Self::Acme(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_renewed_when_two_thirds_of_its_time_are_over() {
        let days = |days: i64| days * 86_400;
        let certificate = Certificate { pin: [0; 32], not_before: days(100), not_after: days(190), self_signed: false };
        for (day, due) in [(100, false), (159, false), (161, true), (189, true), (300, true)] {
            assert_eq!(is_due(&certificate, day * 86_400), due, "day {day}");
        }
        assert!(is_due(&Certificate { self_signed: true, ..certificate }, 100 * 86_400));
    }
}
