//! The primitives of aws-lc-rs.

use std::hint::black_box;

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ParsedPublicKey, PrivateKey, UnparsedPublicKey};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};

use super::{Message, Primitives, messages};

enum Signer {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

struct AwsLc {
    group: &'static agreement::Algorithm,
    scalar: Vec<u8>,
    private: PrivateKey,
    public: ParsedPublicKey,
    signer: Signer,
    short: (Vec<u8>, Vec<u8>),
    long: (Vec<u8>, Vec<u8>),
    aead: &'static aead::Algorithm,
}

pub(super) fn primitives(suite: u16) -> Box<dyn Primitives> {
    let is_p256 = suite == 2;
    let group = if is_p256 { &agreement::ECDH_P256 } else { &agreement::X25519 };
    let aead = if suite == 3 { &aead::CHACHA20_POLY1305 } else { &aead::AES_128_GCM };
    let scalar = vec![0x42; 32];
    let private = PrivateKey::from_private_key(group, &scalar).expect("a valid scalar");
    let public = private.compute_public_key().expect("the key is valid");
    let public = ParsedPublicKey::try_from(UnparsedPublicKey::new(group, public.as_ref()));
    let public = public.expect("the key was just made");
    let signer = if is_p256 {
        let algorithm = &signature::ECDSA_P256_SHA256_ASN1_SIGNING;
        Signer::P256(EcdsaKeyPair::generate(algorithm).expect("the generator works"))
    } else {
        Signer::Ed25519(Ed25519KeyPair::generate().expect("the generator works"))
    };
    let (short, long) = messages();
    let signed = |message: Vec<u8>| {
        let signature = sign(&signer, &message);
        (message, signature)
    };
    let (short, long) = (signed(short), signed(long));
    Box::new(AwsLc { group, scalar, private, public, signer, short, long, aead })
}

fn sign(signer: &Signer, message: &[u8]) -> Vec<u8> {
    match signer {
        Signer::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        Signer::P256(key) => {
            let signature = key.sign(&SystemRandom::new(), message);
            signature.expect("the generator works").as_ref().to_vec()
        }
    }
}

impl Primitives for AwsLc {
    fn key_pair(&self) {
        let private = PrivateKey::from_private_key(self.group, black_box(&self.scalar));
        black_box(private.is_ok_and(|key| key.compute_public_key().is_ok()));
    }

    fn dh(&self) {
        // The parsed key is consumed; a copy costs an allocation or two beside the curve.
        let shared =
            agreement::agree(&self.private, self.public.clone(), (), |shared| Ok(shared[0]));
        black_box(shared.is_ok());
    }

    fn sign(&self, message: &[u8]) {
        black_box(sign(&self.signer, message));
    }

    fn verify(&self, message: Message) {
        let (message, signature) = match message {
            Message::Short => &self.short,
            Message::Long => &self.long,
        };
        let verified = match &self.signer {
            Signer::Ed25519(key) => {
                let key = key.public_key().as_ref();
                signature::UnparsedPublicKey::new(&signature::ED25519, key)
                    .verify(message, signature)
            }
            Signer::P256(key) => {
                let key = key.public_key().as_ref();
                signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, key)
                    .verify(message, signature)
            }
        };
        verified.expect("the signature is right");
    }

    fn hash(&self, data: &[u8]) {
        black_box(digest::digest(&digest::SHA256, data));
    }

    fn hmac(&self) {
        let key = hmac::Key::new(hmac::HMAC_SHA256, black_box(&self.scalar));
        black_box(hmac::sign(&key, black_box(&self.scalar)));
    }

    fn seal(&self, data: &mut [u8]) {
        let key = &[0x42; 32][..self.aead.key_len()];
        let key = LessSafeKey::new(UnboundKey::new(self.aead, key).expect("the key's length"));
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&[1; 32]), data);
        black_box(tag.is_ok());
    }
}
