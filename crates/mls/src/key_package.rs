//! Making key packages (RFC 9420, section 10) and keeping their private keys.

use crypto::{CipherSuite, HpkeKeyPair, HpkePublicKey, Random, Secret};
use wire::{
    Extension, ExtensionType, Extensions, KeyPackage, KeyPackageRef, LeafNodeSource, Lifetime,
    ProtocolVersion,
};

use crate::client::sign_leaf;
use crate::rows::{structure, value};
use crate::{Client, Delta, Effect, Error, Misuse, RowKey, RowKind, Storage, grease};

/// What a key package offers.
#[derive(Clone, Debug)]
pub struct KeyPackageOptions {
    /// For how long it can be used, from `now` on, in seconds.
    pub lifetime_seconds: u64,
    /// Whether it may be used more than once, when no other is left. Its private keys stay after a
    /// join.
    pub last_resort: bool,
    /// Extensions of the key package.
    pub extensions: Extensions,
    /// Extensions of its leaf.
    pub leaf_extensions: Extensions,
}

impl Default for KeyPackageOptions {
    fn default() -> Self {
        Self {
            lifetime_seconds: 84 * 24 * 3600,
            last_resort: false,
            extensions: Extensions::default(),
            leaf_extensions: Extensions::default(),
        }
    }
}

/// How far a key package's lifetime starts before it is made, for peers whose clocks are behind.
const CLOCK_SKEW_SECONDS: u64 = 3600;

/// A key package with its private keys, as it is stored.
pub(crate) struct KeyPackageBundle {
    pub(crate) key_package: KeyPackage,
    pub(crate) init_key_pair: HpkeKeyPair,
    pub(crate) leaf_key_pair: HpkeKeyPair,
}

codec::fields!(KeyPackageBundle { key_package, init_key_pair, leaf_key_pair });

impl KeyPackageBundle {
    pub(crate) fn row(reference: &KeyPackageRef) -> RowKey {
        RowKey::new(&[], RowKind::KeyPackage, reference.0.as_slice())
    }

    /// The first of these references whose key package is stored, by its place.
    ///
    /// One look at the store, however many there are: anyone can send a Welcome of millions.
    pub(crate) fn find<'a>(
        storage: &dyn Storage,
        references: impl Iterator<Item = &'a KeyPackageRef>,
    ) -> Result<Option<(usize, Self)>, Error> {
        let rows = storage.scan(&[], RowKind::KeyPackage, &[])?;
        for (place, reference) in references.enumerate() {
            let wanted = reference.0.as_slice();
            if let Ok(row) = rows.binary_search_by(|(id, _)| id.as_slice().cmp(wanted)) {
                return Ok(Some((place, structure(&rows[row].1, "key package")?)));
            }
        }
        Ok(None)
    }

    /// Whether it may be used again after a join.
    pub(crate) fn is_last_resort(&self) -> bool {
        self.key_package.extensions.find(ExtensionType::LAST_RESORT).is_some()
    }
}

impl Client {
    /// A new key package for groups of a suite. Its private keys are in the delta; they are erased
    /// by the join that uses it.
    pub fn key_package(
        &self,
        suite: CipherSuite,
        options: KeyPackageOptions,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<Effect<KeyPackage>, Error> {
        let bundle = self.key_package_bundle(suite, options, now, random)?;
        let suite = self.suite(suite)?;
        let mut delta = Delta::default();
        let reference = bundle.key_package.reference(&suite)?;
        delta.put(KeyPackageBundle::row(&reference), value(&bundle));
        Ok(Effect::new(bundle.key_package, delta))
    }

    pub(crate) fn key_package_bundle(
        &self,
        suite: CipherSuite,
        options: KeyPackageOptions,
        now: u64,
        random: &mut dyn Random,
    ) -> Result<KeyPackageBundle, Error> {
        let suite = self.suite(suite)?;
        if !self.supports_extensions(&options.extensions)
            || !self.supports_extensions(&options.leaf_extensions)
        {
            return Err(Misuse::NotInOwnCapabilities.into());
        }
        let signer = self.current_signer(&suite)?;
        let init_key_pair = suite.generate_key_pair(random)?;
        let leaf_key_pair = suite.generate_key_pair(random)?;
        let lifetime = Lifetime {
            not_before: now.saturating_sub(CLOCK_SKEW_SECONDS),
            not_after: now.saturating_add(options.lifetime_seconds),
        };
        let source = LeafNodeSource::KeyPackage(lifetime);
        let (encryption_key, signature_key) =
            (leaf_key_pair.public_key.clone(), signer.public_key().clone());
        let mut leaf_node = self.unsigned_leaf(encryption_key, signature_key, source, random)?;
        options.leaf_extensions.0.into_iter().for_each(|new| leaf_node.extensions.set(new));
        let mut extensions = options.extensions;
        if options.last_resort {
            let extension_type = ExtensionType::LAST_RESORT;
            extensions.set(Extension { extension_type, extension_data: Default::default() });
        }
        if self.settings().grease {
            grease::extensions(&mut extensions, random)?;
        }
        // "Extensions included in the extensions or leaf_node.extensions fields MUST be included in
        // the leaf_node.capabilities field" (section 10).
        for extension_type in extensions.types() {
            if !leaf_node.capabilities.supports_extension(extension_type) {
                leaf_node.capabilities.extensions.push(extension_type);
            }
        }
        sign_leaf(&suite, &*signer, &mut leaf_node, (&[], 0))?;
        let mut key_package = KeyPackage {
            version: ProtocolVersion::MLS10,
            cipher_suite: suite.id(),
            init_key: init_key_pair.public_key.clone(),
            leaf_node,
            extensions,
            signature: Default::default(),
        };
        let signed = key_package.to_be_signed();
        let label = KeyPackage::SIGNATURE_LABEL;
        key_package.signature = suite.sign_with_label(&*signer, label, &signed)?.into();
        Ok(KeyPackageBundle { key_package, init_key_pair, leaf_key_pair })
    }

    /// Takes over a key package that was made elsewhere, with its private keys: from a backup,
    /// another implementation, a test vector.
    pub fn import_key_package(
        &self,
        key_package: KeyPackage,
        init_private_key: Secret,
        leaf_private_key: Secret,
    ) -> Result<Effect<KeyPackageRef>, Error> {
        let suite = self.suite(key_package.cipher_suite)?;
        let kem = suite.params().kem;
        let key_pair = |private_key: Secret, expected: &HpkePublicKey| {
            let public_key = suite.provider().dh_public_key(kem, &private_key)?;
            if public_key != *expected {
                return Err(Error::Misuse(Misuse::KeyMismatch));
            }
            Ok(HpkeKeyPair::new(private_key, public_key))
        };
        let bundle = KeyPackageBundle {
            init_key_pair: key_pair(init_private_key, &key_package.init_key)?,
            leaf_key_pair: key_pair(leaf_private_key, &key_package.leaf_node.encryption_key)?,
            key_package,
        };
        let reference = bundle.key_package.reference(&suite)?;
        let mut delta = Delta::default();
        delta.put(KeyPackageBundle::row(&reference), value(&bundle));
        Ok(Effect::new(reference, delta))
    }

    /// A key package of this client with its private keys, for a backup or another implementation:
    /// that of `init_key`, then that of the leaf. `None` if they are not stored.
    pub fn export_key_package(
        &self,
        storage: &dyn Storage,
        reference: &KeyPackageRef,
    ) -> Result<Option<(KeyPackage, Secret, Secret)>, Error> {
        let Some(row) = storage.read(&KeyPackageBundle::row(reference))? else { return Ok(None) };
        let bundle: KeyPackageBundle = structure(&row, "key package")?;
        let KeyPackageBundle { key_package, init_key_pair, leaf_key_pair } = bundle;
        Ok(Some((key_package, init_key_pair.private_key, leaf_key_pair.private_key)))
    }

    /// Erases the private keys of a key package that shall not be used any more.
    pub fn delete_key_package(&self, reference: &KeyPackageRef) -> Effect<()> {
        let mut delta = Delta::default();
        delta.delete(KeyPackageBundle::row(reference));
        Effect::new((), delta)
    }

    /// The key packages whose private keys are stored.
    pub fn key_packages(&self, storage: &dyn Storage) -> Result<Vec<KeyPackage>, Error> {
        let rows = storage.scan(&[], RowKind::KeyPackage, &[])?;
        let bundles = rows.into_iter().map(|(_, bytes)| {
            structure(&bytes, "key package").map(|bundle: KeyPackageBundle| bundle.key_package)
        });
        bundles.collect()
    }
}
