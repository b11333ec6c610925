//! What the values of the store are sealed with.
//!
//! * A value is sealed with XChaCha20-Poly1305 under the store's *data key*, with a random nonce,
//!   and bound to its place: table, column and whatever names the row. Moved elsewhere, it does not
//!   open. An older value of the same place does: what is in the file as a whole, and how old, is
//!   not authenticated.
//! * What is looked up by, and must not be shown (names of accounts, ids of messages), is kept as
//!   a *tag*: HMAC-SHA256 under a second key.
//! * The data key is random and stays. It is stored sealed under what [`StoreKey`] gives; so a
//!   passphrase is changed without writing everything anew.
//!
//! `docs/decisions/encryption-at-rest.md` says why it is made like this, and what stays visible.

use super::{StoreError, Stored};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{Key, Tag, XChaCha20Poly1305, XNonce};
use codec::Writer;
use crypto::{HashAlgorithm, Provider, Secret};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a key of either kind.
pub(super) const KEY_LENGTH: usize = 32;

/// The nonce of XChaCha20-Poly1305, random and in front of what it sealed.
const NONCE_LENGTH: usize = 24;

/// The tag of XChaCha20-Poly1305, behind it.
const TAG_LENGTH: usize = 16;

/// Bytes of the salt of a passphrase.
const SALT_LENGTH: usize = 16;

/// The most that a file may demand of this machine before it can be known to be genuine.
const MEMORY_KIB_MAX: u32 = 1 << 20;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 64;

/// What opens an account's folder.
pub enum StoreKey {
    /// 32 random bytes, kept elsewhere: a keyring, a piece of hardware.
    Key(Secret),
    /// What a person remembers.
    Passphrase(Secret),
    /// Nothing. Whoever reads the folder reads all that is in it.
    Unprotected,
}

/// How an account's folder is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// By a key.
    Key,
    /// By a passphrase.
    Passphrase,
    /// Not at all.
    Unprotected,
}

impl Protection {
    const fn code(self) -> u8 {
        match self {
            Self::Unprotected => 1,
            Self::Key => 2,
            Self::Passphrase => 3,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        [Self::Key, Self::Passphrase, Self::Unprotected].into_iter().find(|it| it.code() == code)
    }
}

impl fmt::Display for Protection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Key => "by a key",
            Self::Passphrase => "by a passphrase",
            Self::Unprotected => "by nothing",
        })
    }
}

impl StoreKey {
    /// How a folder is protected that this opens.
    #[must_use]
    pub fn protection(&self) -> Protection {
        match self {
            Self::Key(_) => Protection::Key,
            Self::Passphrase(_) => Protection::Passphrase,
            Self::Unprotected => Protection::Unprotected,
        }
    }
}

/// The folder of an account, and what opens it.
pub struct Home {
    folder: PathBuf,
    key: StoreKey,
    token: Option<String>,
}

impl Home {
    /// A folder with what opens it, or is to open it once there is an account in it.
    pub fn new(folder: impl Into<PathBuf>, key: StoreKey) -> Self {
        Self { folder: folder.into(), key, token: None }
    }

    /// A folder that everything lies open in.
    pub fn unprotected(folder: impl Into<PathBuf>) -> Self {
        Self::new(folder, StoreKey::Unprotected)
    }

    /// A folder that a passphrase opens.
    pub fn with_passphrase(folder: impl Into<PathBuf>, passphrase: &str) -> Self {
        Self::new(folder, StoreKey::Passphrase(Secret::from_slice(passphrase.as_bytes())))
    }

    /// The same, with an invitation token for a service that asks for one. It is not kept.
    #[must_use]
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// The invitation token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What opens it.
    #[must_use]
    pub fn key(&self) -> &StoreKey {
        &self.key
    }
}

/// The row `sealing`: how the data key is kept.
pub(super) struct SealedKey {
    pub(super) protection: u8,
    pub(super) salt: Vec<u8>,
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
    pub(super) data_key: Secret,
}

impl SealedKey {
    /// Seals a data key. The cost of a passphrase is what RFC 9106, section 4, recommends where
    /// memory is short: 64 MiB, three passes, four lanes.
    pub(super) fn new(data_key: &Secret, key: &StoreKey) -> Stored<Self> {
        let mut sealed = Self {
            protection: key.protection().code(),
            salt: random(SALT_LENGTH)?.expose().to_vec(),
            memory_kib: 64 << 10,
            passes: 3,
            lanes: 4,
            data_key: data_key.duplicate(),
        };
        if let Some(outer) = sealed.outer(key)? {
            sealed.data_key = Secret::from_vec(outer.seal(sealed.place(), data_key.expose())?);
        }
        Ok(sealed)
    }

    /// The data key.
    pub(super) fn open(&self, key: &StoreKey) -> Stored<Secret> {
        let corrupt = StoreError::Corrupt("protection");
        let protection = Protection::from_code(self.protection).ok_or(corrupt)?;
        if protection != key.protection() {
            return Err(StoreError::OtherProtection(protection));
        }
        match self.outer(key)? {
            Some(outer) => {
                outer.open(self.place(), self.data_key.expose()).map_err(|_| StoreError::WrongKey)
            }
            None => Ok(self.data_key.duplicate()),
        }
    }

    /// What seals the data key; `None` if nothing does.
    fn outer(&self, key: &StoreKey) -> Stored<Option<Cipher>> {
        Ok(match key {
            StoreKey::Unprotected => None,
            StoreKey::Key(key) if key.len() != KEY_LENGTH => return Err(StoreError::WrongKey),
            StoreKey::Key(key) => Some(Cipher::new(key)?),
            StoreKey::Passphrase(passphrase) => Some(Cipher::new(&self.stretch(passphrase)?)?),
        })
    }

    fn stretch(&self, passphrase: &Secret) -> Stored<Secret> {
        let corrupt = || StoreError::Corrupt("protection");
        let Self { memory_kib, passes, lanes, .. } = *self;
        if memory_kib > MEMORY_KIB_MAX || passes > PASSES_MAX || lanes > LANES_MAX {
            return Err(corrupt());
        }
        let params = Params::new(memory_kib, passes, lanes, Some(KEY_LENGTH));
        let params = params.map_err(|_| corrupt())?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Secret::zeros(KEY_LENGTH);
        let stretched =
            argon2.hash_password_into(passphrase.expose(), &self.salt, key.expose_mut());
        stretched.map_err(|_| StoreError::WrongKey)?;
        Ok(key)
    }

    fn place(&self) -> Place<'_> {
        Place { column: "sealing.data_key", row: &self.salt }
    }
}

/// Where a value is.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    /// Its table and column.
    pub(crate) column: &'a str,
    /// What names its row, as far as that is known before the row is written.
    pub(crate) row: &'a [u8],
}

impl Place<'_> {
    fn to_bytes(self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.opaque(self.column.as_bytes());
        writer.opaque(self.row);
        writer.into_bytes()
    }
}

struct Cipher(XChaCha20Poly1305);

impl Cipher {
    fn new(key: &Secret) -> Stored<Self> {
        let key = Key::try_from(key.expose()).map_err(|_| StoreError::WrongKey)?;
        Ok(Self(XChaCha20Poly1305::new(&key)))
    }

    fn seal(&self, place: Place<'_>, value: &[u8]) -> Stored<Vec<u8>> {
        let mut sealed = Vec::with_capacity(NONCE_LENGTH + value.len() + TAG_LENGTH);
        sealed.extend_from_slice(random(NONCE_LENGTH)?.expose());
        sealed.extend_from_slice(value);
        let (nonce, text) = sealed.split_at_mut(NONCE_LENGTH);
        let too_long = |_| StoreError::Engine("a value is too long".to_owned());
        let nonce = XNonce::try_from(&*nonce).map_err(|_| StoreError::Corrupt("nonce"))?;
        let cipher = &self.0;
        let tag = cipher.encrypt_inout_detached(&nonce, &place.to_bytes(), text.into());
        sealed.extend_from_slice(&tag.map_err(too_long)?);
        Ok(sealed)
    }

    fn open(&self, place: Place<'_>, sealed: &[u8]) -> Stored<Secret> {
        let corrupt = || StoreError::Corrupt("sealed value");
        let (nonce, text) = sealed.split_at_checked(NONCE_LENGTH).ok_or_else(corrupt)?;
        let length = text.len().checked_sub(TAG_LENGTH).ok_or_else(corrupt)?;
        let (text, tag) = text.split_at(length);
        let nonce = XNonce::try_from(nonce).map_err(|_| corrupt())?;
        let tag = Tag::try_from(tag).map_err(|_| corrupt())?;
        let mut value = Secret::from_slice(text);
        let place = place.to_bytes();
        let opened = self.0.decrypt_inout_detached(&nonce, &place, value.expose_mut().into(), &tag);
        opened.map_err(|_| corrupt())?;
        Ok(value)
    }
}

/// Seals and opens the values of a store.
pub(crate) struct Sealing {
    cipher: Cipher,
    tags: Secret,
    provider: Arc<dyn Provider>,
}

impl Sealing {
    /// A new data key: one for values, one for tags.
    pub(super) fn new_data_key() -> Stored<Secret> {
        random(2 * KEY_LENGTH)
    }

    pub(super) fn new(data_key: &Secret) -> Stored<Self> {
        let keys = data_key.expose().split_at_checked(KEY_LENGTH);
        let (values, tags) = keys.ok_or(StoreError::Corrupt("data key"))?;
        Ok(Self {
            cipher: Cipher::new(&Secret::from_slice(values))?,
            tags: Secret::from_slice(tags),
            provider: crypto_aws_lc::provider(),
        })
    }

    /// Seals a value for its place.
    pub(crate) fn seal(&self, place: Place<'_>, value: &[u8]) -> Stored<Vec<u8>> {
        self.cipher.seal(place, value)
    }

    /// Opens what [`Self::seal`] returned for the same place.
    pub(crate) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Stored<Secret> {
        self.cipher.open(place, sealed)
    }

    /// What stands for a value that rows are found by: equal for equal values of a column, and
    /// nothing to whoever does not have the key.
    pub(crate) fn tag(&self, column: &str, value: &[u8]) -> Stored<Vec<u8>> {
        let place = Place { column, row: value }.to_bytes();
        let tag = self.provider.hmac(HashAlgorithm::Sha256, self.tags.expose(), &[&place]);
        let tag = tag.map_err(|error| StoreError::Engine(error.to_string()))?;
        Ok(tag.expose().to_vec())
    }
}

fn random(length: usize) -> Stored<Secret> {
    let random = Secret::random(length, &mut crypto_aws_lc::SystemRandom);
    random.map_err(|error| StoreError::Engine(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{Place, Protection, SealedKey, Sealing, StoreKey};
    use crate::StoreError;
    use crypto::Secret;

    fn passphrase(text: &str) -> StoreKey {
        StoreKey::Passphrase(Secret::from_slice(text.as_bytes()))
    }

    fn key(byte: u8) -> StoreKey {
        StoreKey::Key(Secret::from_slice(&[byte; 32]))
    }

    #[test]
    fn a_value_opens_in_its_place_and_in_no_other() {
        let sealing = Sealing::new(&Sealing::new_data_key().unwrap()).unwrap();
        let place = Place { column: "table.column", row: b"row" };
        let mut sealed = sealing.seal(place, b"value").unwrap();
        assert_ne!(sealed, sealing.seal(place, b"value").unwrap(), "equal values look different");
        assert_eq!(sealing.open(place, &sealed).unwrap().expose(), b"value");
        let corrupt = Some(StoreError::Corrupt("sealed value"));
        for other in [
            Place { column: "table.other", ..place },
            Place { row: b"other", ..place },
            Place { column: "table.columnrow", row: b"" },
        ] {
            assert_eq!(sealing.open(other, &sealed).err(), corrupt);
        }
        let another = Sealing::new(&Sealing::new_data_key().unwrap()).unwrap();
        assert_eq!(another.open(place, &sealed).err(), corrupt);
        for length in 0..sealed.len() {
            assert_eq!(sealing.open(place, &sealed[..length]).err(), corrupt);
        }
        for byte in 0..sealed.len() {
            sealed[byte] ^= 1;
            assert_eq!(sealing.open(place, &sealed).err(), corrupt);
            sealed[byte] ^= 1;
        }
    }

    #[test]
    fn tags_are_equal_for_equal_values_of_one_column_and_one_store() {
        let sealing = Sealing::new(&Sealing::new_data_key().unwrap()).unwrap();
        let another = Sealing::new(&Sealing::new_data_key().unwrap()).unwrap();
        let tag = sealing.tag("names", b"bob").unwrap();
        assert_eq!(sealing.tag("names", b"bob").unwrap(), tag);
        assert_ne!(sealing.tag("names", b"bobo").unwrap(), tag);
        assert_ne!(sealing.tag("other", b"bob").unwrap(), tag);
        assert_ne!(another.tag("names", b"bob").unwrap(), tag);
    }

    #[test]
    fn a_data_key_opens_with_what_sealed_it_and_with_nothing_else() {
        let data_key = Sealing::new_data_key().unwrap();
        let keys = || [passphrase("one"), passphrase("two"), key(1), key(2), StoreKey::Unprotected];
        for (index, with) in keys().into_iter().enumerate() {
            let sealed = SealedKey::new(&data_key, &with).unwrap();
            let hides = sealed.data_key.expose() != data_key.expose();
            assert_eq!(hides, with.protection() != Protection::Unprotected);
            for (other, key) in keys().into_iter().enumerate() {
                match sealed.open(&key) {
                    Ok(opened) => assert!(index == other && opened == data_key),
                    Err(StoreError::OtherProtection(protection)) => {
                        assert_eq!(protection, with.protection());
                        assert_ne!(protection, key.protection());
                    }
                    Err(error) => assert!(index != other && error == StoreError::WrongKey),
                }
            }
        }
        let short = StoreKey::Key(Secret::from_slice(&[1; 31]));
        assert_eq!(SealedKey::new(&data_key, &short).err(), Some(StoreError::WrongKey));
    }

    #[test]
    fn a_file_that_asks_too_much_of_the_machine_is_refused() {
        let sealed = SealedKey::new(&Sealing::new_data_key().unwrap(), &passphrase("one")).unwrap();
        for (memory_kib, passes, lanes) in [(u32::MAX, 3, 4), (64, u32::MAX, 4), (64, 1, u32::MAX)]
        {
            let data_key = sealed.data_key.duplicate();
            let salt = sealed.salt.clone();
            let protection = sealed.protection;
            let hostile = SealedKey { protection, salt, memory_kib, passes, lanes, data_key };
            let refused = hostile.open(&passphrase("one")).err();
            assert_eq!(refused, Some(StoreError::Corrupt("protection")));
        }
    }
}
