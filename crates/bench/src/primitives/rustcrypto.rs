//! The primitives of the RustCrypto and dalek projects.

use std::hint::black_box;

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{AeadInOut, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use sha2::{Digest, Sha256};

use super::{Message, Primitives, messages};

enum Group {
    X25519(x25519_dalek::StaticSecret, x25519_dalek::PublicKey),
    P256(p256::SecretKey, p256::PublicKey),
}

enum Signer {
    Ed25519(Box<ed25519_dalek::SigningKey>),
    P256(p256::ecdsa::SigningKey),
}

struct RustCrypto {
    group: Group,
    signer: Signer,
    short: (Vec<u8>, Vec<u8>),
    long: (Vec<u8>, Vec<u8>),
    is_chacha: bool,
}

const SCALAR: [u8; 32] = [0x42; 32];

pub(super) fn primitives(suite: u16) -> Box<dyn Primitives> {
    let (group, signer) = if suite == 2 {
        let secret = p256::SecretKey::from_slice(&SCALAR).expect("a valid scalar");
        let signer = p256::ecdsa::SigningKey::from_slice(&SCALAR).expect("a valid scalar");
        let public = secret.public_key();
        (Group::P256(secret, public), Signer::P256(signer))
    } else {
        let secret = x25519_dalek::StaticSecret::from(SCALAR);
        let public = x25519_dalek::PublicKey::from(&secret);
        let signer = Box::new(ed25519_dalek::SigningKey::from_bytes(&SCALAR));
        (Group::X25519(secret, public), Signer::Ed25519(signer))
    };
    let (short, long) = messages();
    let signed = |message: Vec<u8>| {
        let signature = sign(&signer, &message);
        (message, signature)
    };
    let (short, long) = (signed(short), signed(long));
    Box::new(RustCrypto { group, signer, short, long, is_chacha: suite == 3 })
}

fn sign(signer: &Signer, message: &[u8]) -> Vec<u8> {
    match signer {
        Signer::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        Signer::P256(key) => {
            let signature: p256::ecdsa::Signature = key.sign(message);
            signature.to_bytes().to_vec()
        }
    }
}

fn seal<A: AeadInOut + KeyInit>(data: &mut [u8]) {
    let key = &black_box(SCALAR)[..A::key_size()];
    let cipher = A::new_from_slice(key).expect("the key's length");
    let nonce = (&[1_u8; 12][..]).try_into().expect("the nonce's length");
    black_box(cipher.encrypt_inout_detached(nonce, &[1; 32], data.into()).is_ok());
}

impl Primitives for RustCrypto {
    fn key_pair(&self) {
        match &self.group {
            Group::X25519(secret, _) => {
                black_box(x25519_dalek::PublicKey::from(secret));
            }
            Group::P256(secret, _) => {
                black_box(secret.public_key());
            }
        }
    }

    fn dh(&self) {
        match &self.group {
            Group::X25519(secret, public) => {
                black_box(secret.diffie_hellman(public));
            }
            Group::P256(secret, public) => {
                let scalar = secret.to_nonzero_scalar();
                black_box(p256::ecdh::diffie_hellman(scalar, public.as_affine()));
            }
        }
    }

    fn sign(&self, message: &[u8]) {
        black_box(sign(&self.signer, message));
    }

    fn verify(&self, message: Message) {
        let (message, signature) = match message {
            Message::Short => &self.short,
            Message::Long => &self.long,
        };
        match &self.signer {
            Signer::Ed25519(key) => {
                let key = key.verifying_key().to_bytes();
                let key = ed25519_dalek::VerifyingKey::from_bytes(&key).expect("a valid key");
                let signature = signature.as_slice().try_into().expect("its length");
                key.verify(message, &signature).expect("the signature is right");
            }
            Signer::P256(key) => {
                let key = key.verifying_key().to_sec1_point(false);
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key.as_ref());
                let signature = p256::ecdsa::Signature::from_slice(signature);
                let signature = signature.expect("its length");
                let verified = key.expect("a valid key").verify(message, &signature);
                verified.expect("the signature is right");
            }
        }
    }

    fn hash(&self, data: &[u8]) {
        black_box(Sha256::digest(data));
    }

    fn hmac(&self) {
        let mut mac =
            <Hmac<Sha256> as KeyInit>::new_from_slice(black_box(&SCALAR)).expect("any length");
        mac.update(black_box(&SCALAR));
        black_box(mac.finalize());
    }

    fn seal(&self, data: &mut [u8]) {
        if self.is_chacha { seal::<ChaCha20Poly1305>(data) } else { seal::<Aes128Gcm>(data) }
    }
}
