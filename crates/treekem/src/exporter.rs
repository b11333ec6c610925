//! Exporters (RFC 9420, section 8.5): secrets of an epoch for use outside MLS.

use crypto::{Secret, Suite};

use crate::{EpochSecrets, Error};

impl EpochSecrets {
    /// `MLS-Exporter(label, context, length)`.
    ///
    /// The label should be unique to the purpose (section 17.8 has a registry). A length above 255
    /// times the suite's hash length is refused.
    pub fn export(
        &self,
        suite: &Suite,
        label: &str,
        context: &[u8],
        length: usize,
    ) -> Result<Secret, Error> {
        let derived = suite.derive_secret(self.exporter_secret(), label)?;
        let context = suite.hash(context)?;
        Ok(suite.expand_with_label(&derived, "exported", context.as_slice(), length)?)
    }
}
