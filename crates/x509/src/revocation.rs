//! Revocation lists (RFC 5280, section 5) that the application fetches.

use webpki::{
    CertRevocationList, ExpirationPolicy, OwnedCertRevocationList, RevocationCheckDepth,
    RevocationOptions, RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::{Error, Misuse};

/// Which revocation lists there are, and how strictly they are applied. As made by
/// [`Revocation::new`], every certificate on the path needs a list that is in force.
#[derive(Debug)]
pub struct Revocation {
    lists: Vec<CertRevocationList<'static>>,
    /// Whether authorities between the end entity and the anchor can be revoked too.
    pub authorities: bool,
    /// Whether a certificate for which there is no list is accepted.
    pub accept_unlisted: bool,
    /// Whether a list still counts after the time at which its issuer promised the next.
    pub accept_stale: bool,
}

impl Revocation {
    /// Revocation by these lists, as DER. Of several lists of one issuer the first counts: put the
    /// newest first.
    pub fn new<'a>(lists: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, Error> {
        let parsed = lists.into_iter().enumerate().map(|(place, der)| {
            let list = OwnedCertRevocationList::from_der(der);
            list.map(CertRevocationList::from).map_err(|_| Misuse::BadRevocationList(place))
        });
        let lists = parsed.collect::<Result<Vec<_>, _>>()?;
        if lists.is_empty() {
            return Err(Misuse::NoRevocationList.into());
        }
        Ok(Self { lists, authorities: true, accept_unlisted: false, accept_stale: false })
    }

    pub(crate) fn lists(&self) -> Vec<&CertRevocationList<'static>> {
        self.lists.iter().collect()
    }

    pub(crate) fn options<'a>(
        &self,
        lists: &'a [&'a CertRevocationList<'a>],
    ) -> Result<RevocationOptions<'a>, Error> {
        let builder = RevocationOptionsBuilder::new(lists).map_err(|_| Misuse::NoRevocationList)?;
        let depth = if self.authorities {
            RevocationCheckDepth::Chain
        } else {
            RevocationCheckDepth::EndEntity
        };
        let unlisted = if self.accept_unlisted {
            UnknownStatusPolicy::Allow
        } else {
            UnknownStatusPolicy::Deny
        };
        let stale =
            if self.accept_stale { ExpirationPolicy::Ignore } else { ExpirationPolicy::Enforce };
        let builder = builder.with_depth(depth).with_status_policy(unlisted);
        Ok(builder.with_expiration_policy(stale).build())
    }
}
