//! Groups that were not lived through: key packages of many people, and warm trees.

use std::sync::Arc;

use codec::Encode;
use crypto::{CipherSuite, Crypto, SignatureKeyPair, Suite};
use crypto_aws_lc::SystemRandom;
use mls::{Client, ClientConfig, Credential, KeyPackageOptions, Settings};
use testkit::WarmGroup;
use wire::{MlsMessage, MlsMessageBody};

use crate::Failure;

/// The suite of this number on the fast backend.
pub fn suite(number: u16) -> Result<Suite, Failure> {
    let crypto = Crypto::new(crypto_aws_lc::provider());
    crypto.suite(CipherSuite(number)).ok_or_else(|| "no such suite".into())
}

/// A warm group for so many members when both live ones are in.
pub fn warm_group(number: u16, members: u32) -> Result<WarmGroup, Failure> {
    testkit::warm_group(&suite(number)?, members.saturating_sub(1), &mut SystemRandom)
}

/// Key packages of so many people, as messages.
pub fn key_packages(number: u16, count: u32, now: u64) -> Result<Vec<Vec<u8>>, Failure> {
    let suite = suite(number)?;
    let mut made = Vec::new();
    for person in 0..count {
        let signer = SignatureKeyPair::generate(&suite, &mut SystemRandom)?;
        let credential = Credential::basic(format!("person {person:06}").as_bytes());
        let identity = Arc::new(testkit::AcceptAll);
        let crypto = Crypto::new(crypto_aws_lc::provider());
        let mut config = ClientConfig::new(crypto, credential, Arc::new(signer), identity);
        config.settings = Settings { grease: false, ..Settings::default() };
        let options = KeyPackageOptions::default();
        let effect =
            Client::new(config).key_package(suite.id(), options, now, &mut SystemRandom)?;
        let (key_package, _) = effect.into_parts();
        made.push(MlsMessage(MlsMessageBody::KeyPackage(Box::new(key_package))).to_bytes());
    }
    Ok(made)
}
