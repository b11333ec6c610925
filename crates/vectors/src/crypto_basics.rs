//! `crypto-basics`: the labelled functions of a suite (RFC 9420, sections 5.1, 5.2, 8 and 9).

use crypto::{Crypto, HpkeCiphertext, Random, Secret, SignatureKeyPair, Signer, Suite};
use serde::{Deserialize, Serialize};

use crate::failure::{At, expect_bytes, expect_refused};
use crate::keys::{hpke_key_pair, signature_key_pair};
use crate::kind::{for_each_suite, random_bytes, random_u32, suite};
use crate::{Failure, Hex, Scale, Vector};

/// One call of every function, for one suite.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The suite.
    pub cipher_suite: u16,
    /// `RefHash`.
    pub ref_hash: RefHash,
    /// `ExpandWithLabel`.
    pub expand_with_label: ExpandWithLabel,
    /// `DeriveSecret`.
    pub derive_secret: DeriveSecret,
    /// `DeriveTreeSecret`.
    pub derive_tree_secret: DeriveTreeSecret,
    /// `SignWithLabel` and `VerifyWithLabel`.
    pub sign_with_label: SignWithLabel,
    /// `EncryptWithLabel` and `DecryptWithLabel`.
    pub encrypt_with_label: EncryptWithLabel,
}

/// `out == RefHash(label, value)`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefHash {
    /// The complete label.
    pub label: String,
    /// What is hashed.
    pub value: Hex,
    /// The hash.
    pub out: Hex,
}

/// `out == ExpandWithLabel(secret, label, context, length)`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpandWithLabel {
    /// What is expanded.
    pub secret: Hex,
    /// The label.
    pub label: String,
    /// The context.
    pub context: Hex,
    /// Length of `out` in bytes.
    pub length: u16,
    /// The result.
    pub out: Hex,
}

/// `out == DeriveSecret(secret, label)`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeriveSecret {
    /// What is derived from.
    pub secret: Hex,
    /// The label.
    pub label: String,
    /// The result.
    pub out: Hex,
}

/// `out == DeriveTreeSecret(secret, label, generation, length)`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeriveTreeSecret {
    /// What is derived from.
    pub secret: Hex,
    /// The label.
    pub label: String,
    /// The generation.
    pub generation: u32,
    /// Length of `out` in bytes.
    pub length: u16,
    /// The result.
    pub out: Hex,
}

/// A signature, and the key to make another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignWithLabel {
    /// The private key.
    #[serde(rename = "priv")]
    pub private_key: Hex,
    /// The public key.
    #[serde(rename = "pub")]
    pub public_key: Hex,
    /// What is signed.
    pub content: Hex,
    /// The label.
    pub label: String,
    /// A signature.
    pub signature: Hex,
}

/// A ciphertext, and the keys to open it and to make another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncryptWithLabel {
    /// The private key.
    #[serde(rename = "priv")]
    pub private_key: Hex,
    /// The public key.
    #[serde(rename = "pub")]
    pub public_key: Hex,
    /// The label.
    pub label: String,
    /// The context.
    pub context: Hex,
    /// What is encrypted.
    pub plaintext: Hex,
    /// The encapsulated shared secret.
    pub kem_output: Hex,
    /// The ciphertext.
    pub ciphertext: Hex,
}

/// A label that no vector uses.
const OTHER_LABEL: &str = "Other";

impl RefHash {
    fn verify(&self, suite: &Suite) -> Result<(), Failure> {
        let out = suite.ref_hash(&self.label, self.value.as_slice())?;
        expect_bytes("out", out, &self.out)
    }

    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let (label, value) = ("RefHash".to_owned(), Hex(random_bytes(40, random)?));
        let out = suite.ref_hash(&label, value.as_slice())?.into();
        Ok(Self { label, value, out })
    }
}

impl ExpandWithLabel {
    fn verify(&self, suite: &Suite) -> Result<(), Failure> {
        let (secret, length) = (self.secret.secret(), self.length.into());
        let out = suite.expand_with_label(&secret, &self.label, self.context.as_slice(), length)?;
        expect_bytes("out", out.expose(), &self.out)
    }

    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let (label, length) = ("ExpandWithLabel".to_owned(), 16);
        let secret = Secret::random(suite.hash_length(), random)?;
        let context = Hex(random_bytes(32, random)?);
        let out =
            suite.expand_with_label(&secret, &label, context.as_slice(), usize::from(length))?;
        Ok(Self { secret: (&secret).into(), label, context, length, out: (&out).into() })
    }
}

impl DeriveSecret {
    fn verify(&self, suite: &Suite) -> Result<(), Failure> {
        let out = suite.derive_secret(&self.secret.secret(), &self.label)?;
        expect_bytes("out", out.expose(), &self.out)
    }

    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let label = "DeriveSecret".to_owned();
        let secret = Secret::random(suite.hash_length(), random)?;
        let out = suite.derive_secret(&secret, &label)?;
        Ok(Self { secret: (&secret).into(), label, out: (&out).into() })
    }
}

impl DeriveTreeSecret {
    fn verify(&self, suite: &Suite) -> Result<(), Failure> {
        let (secret, length) = (self.secret.secret(), self.length.into());
        let out = suite.derive_tree_secret(&secret, &self.label, self.generation, length)?;
        expect_bytes("out", out.expose(), &self.out)
    }

    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let (label, length) = ("DeriveTreeSecret".to_owned(), 32);
        let secret = Secret::random(suite.hash_length(), random)?;
        let generation = random_u32(random)?;
        let out = suite.derive_tree_secret(&secret, &label, generation, usize::from(length))?;
        Ok(Self { secret: (&secret).into(), label, generation, length, out: (&out).into() })
    }
}

impl SignWithLabel {
    fn verify(&self, suite: &Suite) -> Result<(), Failure> {
        let public_key = self.public_key.signature_public_key();
        let (label, content) = (&self.label, self.content.as_slice());
        suite
            .verify_with_label(&public_key, label, content, self.signature.as_slice())
            .at("signature")?;
        let signer = signature_key_pair(suite, &self.private_key).at("priv")?;
        expect_bytes("pub", signer.public_key().as_slice(), &self.public_key)?;
        let signature = suite.sign_with_label(&signer, label, content)?;
        suite.verify_with_label(&public_key, label, content, &signature).at("own signature")?;
        let other = suite.verify_with_label(&public_key, OTHER_LABEL, content, &signature);
        expect_refused("own signature under another label", other)
    }

    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let signer = SignatureKeyPair::generate(suite, random)?;
        let (label, content) = ("SignWithLabel".to_owned(), Hex(random_bytes(50, random)?));
        let signature = suite.sign_with_label(&signer, &label, content.as_slice())?;
        Ok(Self {
            private_key: signer.private_key().into(),
            public_key: signer.public_key().as_slice().into(),
            content,
            label,
            signature: signature.into(),
        })
    }
}

impl EncryptWithLabel {
    fn verify(&self, suite: &Suite, random: &mut dyn Random) -> Result<(), Failure> {
        let key_pair = hpke_key_pair(suite, &self.private_key).at("priv")?;
        expect_bytes("pub", key_pair.public_key.as_slice(), &self.public_key)?;
        let (label, context) = (self.label.as_str(), self.context.as_slice());
        let sealed = HpkeCiphertext {
            kem_output: self.kem_output.opaque(),
            ciphertext: self.ciphertext.opaque(),
        };
        let opened =
            suite.decrypt_with_label(&key_pair, label, context, &sealed).at("ciphertext")?;
        expect_bytes("plaintext", opened.expose(), &self.plaintext)?;
        let sealed =
            suite.encrypt_with_label(&key_pair.public_key, (label, context), &opened, random)?;
        let opened =
            suite.decrypt_with_label(&key_pair, label, context, &sealed).at("own ciphertext")?;
        expect_bytes("own plaintext", opened.expose(), &self.plaintext)?;
        let other = suite.decrypt_with_label(&key_pair, OTHER_LABEL, context, &sealed);
        expect_refused("own ciphertext under another label", other)
    }

    fn generate(suite: &Suite, random: &mut dyn Random) -> Result<Self, Failure> {
        let key_pair = suite.generate_key_pair(random)?;
        let (label, context) = ("EncryptWithLabel".to_owned(), random_bytes(40, random)?);
        let plaintext = Secret::random(40, random)?;
        let target = (label.as_str(), context.as_slice());
        let sealed = suite.encrypt_with_label(&key_pair.public_key, target, &plaintext, random)?;
        Ok(Self {
            private_key: (&key_pair.private_key).into(),
            public_key: key_pair.public_key.as_slice().into(),
            label,
            context: context.into(),
            plaintext: (&plaintext).into(),
            kem_output: sealed.kem_output.into_vec().into(),
            ciphertext: sealed.ciphertext.into_vec().into(),
        })
    }
}

impl Vector for Entry {
    fn verify(&self, crypto: &Crypto, random: &mut dyn Random) -> Result<(), Failure> {
        let suite = suite(crypto, self.cipher_suite)?;
        self.ref_hash.verify(&suite).at("ref_hash")?;
        self.expand_with_label.verify(&suite).at("expand_with_label")?;
        self.derive_secret.verify(&suite).at("derive_secret")?;
        self.derive_tree_secret.verify(&suite).at("derive_tree_secret")?;
        self.sign_with_label.verify(&suite).at("sign_with_label")?;
        self.encrypt_with_label.verify(&suite, random).at("encrypt_with_label")
    }

    fn generate(crypto: &Crypto, _: Scale, random: &mut dyn Random) -> Result<Vec<Self>, Failure> {
        for_each_suite(crypto, |suite| {
            Ok(vec![Self {
                cipher_suite: suite.id().0,
                ref_hash: RefHash::generate(suite, random)?,
                expand_with_label: ExpandWithLabel::generate(suite, random)?,
                derive_secret: DeriveSecret::generate(suite, random)?,
                derive_tree_secret: DeriveTreeSecret::generate(suite, random)?,
                sign_with_label: SignWithLabel::generate(suite, random)?,
                encrypt_with_label: EncryptWithLabel::generate(suite, random)?,
            }])
        })
    }
}
