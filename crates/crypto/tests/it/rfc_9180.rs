//! Known answers of RFC 9180, appendix A, base mode, with both backends.
//!
//! The appendix seals with associated data, MLS never does; so the key and the nonce of the
//! schedule are checked by opening with them what [`Suite::hpke_seal`] sealed.

use crypto::{
    AeadId, CipherSuite, Crypto, CryptoError, HashAlgorithm, HpkeKeyPair, KemId, Random, Secret,
    SignatureScheme, Suite, SuiteParams,
};

use crate::{backends, unhex};

/// `info` of every vector.
const INFO: &[u8] = b"Ode on a Grecian Urn";

struct Vector {
    section: &'static str,
    kem: KemId,
    hash: HashAlgorithm,
    aead: AeadId,
    ikm_ephemeral: &'static str,
    encapsulated: &'static str,
    ikm_recipient: &'static str,
    private_key: &'static str,
    public_key: &'static str,
    shared_secret: &'static str,
    key: &'static str,
    base_nonce: &'static str,
}

#[test]
fn key_pairs_are_derived_as_in_rfc_9180() {
    for_each(|place, suite, vector| {
        let key_pair = derive(suite, vector.ikm_recipient);
        assert_eq!(key_pair.private_key.expose(), unhex(vector.private_key), "{place}");
        assert_eq!(key_pair.public_key.as_slice(), unhex(vector.public_key), "{place}");
    });
}

#[test]
fn shared_secrets_are_encapsulated_as_in_rfc_9180() {
    for_each(|place, suite, vector| {
        let (kem, provider) = (suite.params().kem, suite.provider());
        let key_pair = derive(suite, vector.ikm_recipient);
        let mut random = ephemeral(suite, vector);
        let (shared_secret, encapsulated) =
            provider.kem_encap(kem, &key_pair.public_key, &mut random).unwrap();
        assert_eq!(encapsulated, unhex(vector.encapsulated), "{place}");
        assert_eq!(shared_secret.expose(), unhex(vector.shared_secret), "{place}");
        let decapsulated = provider.kem_decap(kem, &key_pair, &encapsulated).unwrap();
        assert!(decapsulated == shared_secret, "{place}");
    });
}

#[test]
fn keys_and_nonces_are_scheduled_as_in_rfc_9180() {
    for_each(|place, suite, vector| {
        let key_pair = derive(suite, vector.ikm_recipient);
        let mut random = ephemeral(suite, vector);
        let plaintext = Secret::from_slice(b"Beauty is truth, truth beauty");
        let sealed = suite.hpke_seal(&key_pair.public_key, INFO, &plaintext, &mut random).unwrap();
        assert_eq!(*sealed.kem_output, unhex(vector.encapsulated), "{place}");
        let key = Secret::from_vec(unhex(vector.key));
        let expected =
            suite.aead_seal(&key, &unhex(vector.base_nonce), &[], plaintext.expose()).unwrap();
        assert_eq!(*sealed.ciphertext, *expected, "{place}");
        let opened = suite.hpke_open(&key_pair, INFO, &sealed).unwrap();
        assert!(opened == plaintext, "{place}");
        assert!(suite.hpke_open(&key_pair, b"other info", &sealed).is_err(), "{place}");
    });
}

/// What an encapsulation draws to come to the ephemeral key of a vector.
fn ephemeral(suite: &Suite, vector: &Vector) -> Fixed {
    match suite.params().kem {
        KemId::DHKEM_X25519_HKDF_SHA256 | KemId::DHKEM_X448_HKDF_SHA512 => {
            Fixed(derive(suite, vector.ikm_ephemeral).private_key.expose().to_vec())
        }
        _ => Fixed(unhex(vector.ikm_ephemeral)),
    }
}

/// Runs `check` for every vector with every backend.
fn for_each(check: impl Fn(&str, &Suite, &Vector)) {
    for (name, provider) in backends() {
        for vector in VECTORS {
            let mut crypto = Crypto::new(provider.clone());
            // Some combinations are no suite of RFC 9420, so all are registered in the private
            // range.
            let id = CipherSuite(0xf000);
            let key_length = unhex(vector.key).len();
            assert!(crypto.register(SuiteParams {
                id,
                kem: vector.kem,
                hash: vector.hash,
                aead: vector.aead,
                aead_key_length: key_length,
                aead_nonce_length: 12,
                signature: SignatureScheme::ED25519,
                aead_messages_log2_max: 24,
            }));
            let place = format!("RFC 9180, {}, {name}", vector.section);
            check(&place, &crypto.suite(id).unwrap(), &vector);
        }
    }
}

fn derive(suite: &Suite, ikm: &str) -> HpkeKeyPair {
    suite.derive_key_pair(&Secret::from_vec(unhex(ikm))).unwrap()
}

/// "Random" bytes that are known beforehand.
struct Fixed(Vec<u8>);

impl Random for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), CryptoError> {
        assert_eq!(bytes.len(), self.0.len(), "an encapsulation draws Nsk bytes once");
        bytes.copy_from_slice(&std::mem::take(&mut self.0));
        Ok(())
    }
}

const VECTORS: [Vector; 6] = [
    Vector {
        section: "A.1.1",
        kem: KemId::DHKEM_X25519_HKDF_SHA256,
        hash: HashAlgorithm::Sha256,
        aead: AeadId::AES_128_GCM,
        ikm_ephemeral: "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234",
        encapsulated: "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
        ikm_recipient: "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037",
        private_key: "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
        public_key: "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
        shared_secret: "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc",
        key: "4531685d41d65f03dc48f6b8302c05b0",
        base_nonce: "56d890e5accaaf011cff4b7d",
    },
    Vector {
        section: "A.2.1",
        kem: KemId::DHKEM_X25519_HKDF_SHA256,
        hash: HashAlgorithm::Sha256,
        aead: AeadId::CHACHA20_POLY1305,
        ikm_ephemeral: "909a9b35d3dc4713a5e72a4da274b55d3d3821a37e5d099e74a647db583a904b",
        encapsulated: "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
        ikm_recipient: "1ac01f181fdf9f352797655161c58b75c656a6cc2716dcb66372da835542e1df",
        private_key: "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
        public_key: "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
        shared_secret: "0bbe78490412b4bbea4812666f7916932b828bba79942424abb65244930d69a7",
        key: "ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91",
        base_nonce: "5c4d98150661b848853b547f",
    },
    Vector {
        section: "A.3.1",
        kem: KemId::DHKEM_P256_HKDF_SHA256,
        hash: HashAlgorithm::Sha256,
        aead: AeadId::AES_128_GCM,
        ikm_ephemeral: "4270e54ffd08d79d5928020af4686d8f6b7d35dbe470265f1f5aa22816ce860e",
        encapsulated: "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325a\
            c98536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4",
        ikm_recipient: "668b37171f1072f3cf12ea8a236a45df23fc13b82af3609ad1e354f6ef817550",
        private_key: "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2",
        public_key: "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a\
            826a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0",
        shared_secret: "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8",
        key: "868c066ef58aae6dc589b6cfdd18f97e",
        base_nonce: "4e0bc5018beba4bf004cca59",
    },
    Vector {
        section: "A.4.1",
        kem: KemId::DHKEM_P256_HKDF_SHA256,
        hash: HashAlgorithm::Sha512,
        aead: AeadId::AES_128_GCM,
        ikm_ephemeral: "4ab11a9dd78c39668f7038f921ffc0993b368171d3ddde8031501ee1e08c4c9a",
        encapsulated: "0493ed86735bdfb978cc055c98b45695ad7ce61ce748f4dd63c525a3b8d53a15\
            565c6897888070070c1579db1f86aaa56deb8297e64db7e8924e72866f9a472580",
        ikm_recipient: "ea9ff7cc5b2705b188841c7ace169290ff312a9cb31467784ca92d7a2e6e1be8",
        private_key: "3ac8530ad1b01885960fab38cf3cdc4f7aef121eaa239f222623614b4079fb38",
        public_key: "04085aa5b665dc3826f9650ccbcc471be268c8ada866422f739e2d531d4a8818\
            a9466bc6b449357096232919ec4fe9070ccbac4aac30f4a1a53efcf7af90610edd",
        shared_secret: "02f584736390fc93f5b4ad039826a3fa08e9911bd1215a3db8e8791ba533cafd",
        key: "090ca96e5f8aa02b69fac360da50ddf9",
        base_nonce: "9c995e621bf9a20c5ca45546",
    },
    Vector {
        section: "A.5.1",
        kem: KemId::DHKEM_P256_HKDF_SHA256,
        hash: HashAlgorithm::Sha256,
        aead: AeadId::CHACHA20_POLY1305,
        ikm_ephemeral: "f1f1a3bc95416871539ecb51c3a8f0cf608afb40fbbe305c0a72819d35c33f1f",
        encapsulated: "04c07836a0206e04e31d8ae99bfd549380b072a1b1b82e563c935c095827824f\
            c1559eac6fb9e3c70cd3193968994e7fe9781aa103f5b50e934b5b2f387e381291",
        ikm_recipient: "61092f3f56994dd424405899154a9918353e3e008171517ad576b900ddb275e7",
        private_key: "a4d1c55836aa30f9b3fbb6ac98d338c877c2867dd3a77396d13f68d3ab150d3b",
        public_key: "04a697bffde9405c992883c5c439d6cc358170b51af72812333b015621dc0f40\
            bad9bb726f68a5c013806a790ec716ab8669f84f6b694596c2987cf35baba2a006",
        shared_secret: "806520f82ef0b03c823b7fc524b6b55a088f566b9751b89551c170f4113bd850",
        key: "a8f45490a92a3b04d1dbf6cf2c3939ad8bfc9bfcb97c04bffe116730c9dfe3fc",
        base_nonce: "726b4390ed2209809f58c693",
    },
    Vector {
        section: "A.6.1",
        kem: KemId::DHKEM_P521_HKDF_SHA512,
        hash: HashAlgorithm::Sha512,
        aead: AeadId::AES_256_GCM,
        ikm_ephemeral: "7f06ab8215105fc46aceeb2e3dc5028b44364f960426eb0d8e4026c2f8b5d7e7\
            a986688f1591abf5ab753c357a5d6f0440414b4ed4ede71317772ac98d9239f70904",
        encapsulated: "040138b385ca16bb0d5fa0c0665fbbd7e69e3ee29f63991d3e9b5fa740aab890\
            0aaeed46ed73a49055758425a0ce36507c54b29cc5b85a5cee6bae0cf1c21f2731ece2013dc3fb7c\
            8d21654bb161b463962ca19e8c654ff24c94dd2898de12051f1ed0692237fb02b2f8d1dc1c73e9b3\
            66b529eb436e98a996ee522aef863dd5739d2f29b0",
        ikm_recipient: "2ad954bbe39b7122529f7dde780bff626cd97f850d0784a432784e69d86eccaa\
            de43b6c10a8ffdb94bf943c6da479db137914ec835a7e715e36e45e29b587bab3bf1",
        private_key: "01462680369ae375e4b3791070a7458ed527842f6a98a79ff5e0d4cbde83c271\
            96a3916956655523a6a2556a7af62c5cadabe2ef9da3760bb21e005202f7b2462847",
        public_key: "0401b45498c1714e2dce167d3caf162e45e0642afc7ed435df7902ccae0e84ba\
            0f7d373f646b7738bbbdca11ed91bdeae3cdcba3301f2457be452f271fa6837580e661012af49583\
            a62e48d44bed350c7118c0d8dc861c238c72a2bda17f64704f464b57338e7f40b60959480c0e58e6\
            559b190d81663ed816e523b6b6a418f66d2451ec64",
        shared_secret: "776ab421302f6eff7d7cb5cb1adaea0cd50872c71c2d63c30c4f1d5e43653336\
            fef33b103c67e7a98add2d3b66e2fda95b5b2a667aa9dac7e59cc1d46d30e818",
        key: "751e346ce8f0ddb2305c8a2a85c70d5cf559c53093656be636b9406d4d7d1b70",
        base_nonce: "55ff7a7d739c69f44b25447b",
    },
];
