//! The service's Ed25519 key: it signs receipts, and requests name it.
//!
//! It lives in a file of its own beside the database, readable by the owner only, so that a copy of
//! the database does not carry it.

use crate::error::Error;
use aws_lc_rs::rand;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use codec::Opaque;
use delivery_api::PublicKey;
use std::io::{ErrorKind, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// The service's signing key.
pub struct ServiceKey {
    pair: Ed25519KeyPair,
    public_key: PublicKey,
}

impl ServiceKey {
    /// The key with this seed (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    /// The cryptographic library refuses it.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, Error> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| Error::Key)?;
        let public_key = pair.public_key().as_ref().try_into().map_err(|_| Error::Key)?;
        Ok(Self { pair, public_key: PublicKey::new(public_key) })
    }

    /// The key in a directory's `service.key`; made at random and synced if there is none yet.
    ///
    /// # Errors
    /// The file cannot be read or written, or does not hold a seed.
    pub fn load_or_create(directory: &Path) -> Result<Self, Error> {
        let path = directory.join("service.key");
        match std::fs::read(&path).map(Zeroizing::new) {
            Ok(bytes) => {
                let seed = <&[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| Error::Key)?;
                Self::from_seed(seed)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(directory, &path),
            Err(error) => Err(Error::Io(error)),
        }
    }

    fn create(directory: &Path, path: &Path) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0; 32]);
        rand::fill(seed.as_mut()).map_err(|_| Error::Key)?;
        // Under its final name only once it is whole: a crash must not leave half a key.
        let draft = directory.join("service.key.new");
        let mut options = std::fs::File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(seed.as_ref())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)?;
        #[cfg(unix)]
        std::fs::File::open(directory)?.sync_all()?;
        Self::from_seed(&seed)
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Opaque {
        Opaque::from(self.pair.sign(message).as_ref())
    }
}
