//! Known answers of RFC 7748 and RFC 8032, and every encoding that must be refused.

use super::*;

fn bytes(hex: &str) -> Vec<u8> {
    hex::decode(hex).unwrap()
}

fn secret(hex: &str) -> Secret {
    Secret::from_vec(bytes(hex))
}

/// RFC 7748, section 6.2: private key, public key of the two parties.
const ALICE: (&str, &str) = (
    "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391\
     006382a6f127ab1d9ac2d8c0a598726b",
    "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d4\
     0c5b12da88120d53177f80e532c41fa0",
);
const BOB: (&str, &str) = (
    "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120bb5ee8972b0d3e21\
     374c9c921b09d1b0366f10b65173992d",
    "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13c\
     a706dcb57aec3dae07bdc1c67bf33609",
);
const SHARED: &str = "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56\
    fd2464c335543936521c24403085d59a449a5037514a879d";

#[test]
fn x448_agrees_with_rfc_7748() {
    for ((private_key, public_key), (_, peer)) in [(ALICE, BOB), (BOB, ALICE)] {
        let private_key = secret(private_key);
        assert_eq!(x448_public_key(&private_key).unwrap().as_slice(), bytes(public_key));
        assert!(x448(&private_key, &bytes(peer).into()).unwrap() == secret(SHARED));
    }
    // Section 5.2, the first vector: the scalar is not clamped.
    let shared = x448(
        &secret(
            "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121700a779c984c24f8cdd78fbf\
             f44943eba368f54b29259a4f1c600ad3",
        ),
        &bytes(
            "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9814dc031ddbdc38c19c6da25\
            83fa5429db94ada18aa7a7fb4ef8a086",
        )
        .into(),
    );
    let expected = secret(
        "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239fe14fbaadeb445fc66a01b077\
         9d98223961111e21766282f73dd96b6f",
    );
    assert!(shared.unwrap() == expected);
}

#[test]
fn x448_refuses_exactly_the_encodings_of_small_order() {
    let private_key = secret(ALICE.0);
    for encoding in X448_SMALL_ORDER {
        let public_key = encoding.to_vec().into();
        // The library itself gives zero for each, so the list holds nothing too much.
        let raw = x448::x448_unchecked(bytes(ALICE.0).try_into().unwrap(), encoding);
        assert_eq!(raw, [0; X448_LENGTH]);
        assert_eq!(check_x448_public_key(&public_key), Err(CryptoError::InvalidPublicKey));
        assert_eq!(x448(&private_key, &public_key), Err(CryptoError::InvalidPublicKey));
    }
    // One step past each edge: 2, p - 2, p + 2.
    let mut two = [0; X448_LENGTH];
    two[0] = 2;
    let mut minus_two = PRIME;
    minus_two[0] -= 2;
    let mut prime_plus_two = X448_SMALL_ORDER[4];
    prime_plus_two[0] += 1;
    for encoding in [two, minus_two, prime_plus_two] {
        let public_key = encoding.to_vec().into();
        assert_eq!(check_x448_public_key(&public_key), Ok(()));
        assert!(x448(&private_key, &public_key).is_ok());
    }
    // p + 2 is another name of 2 (RFC 7748, section 5: accepted).
    let named = |encoding: [u8; X448_LENGTH]| x448(&private_key, &encoding.to_vec().into());
    assert!(named(two).unwrap() == named(prime_plus_two).unwrap());
}

#[test]
fn x448_refuses_wrong_lengths() {
    for length in [0, 55, 57] {
        let wrong = vec![5; length];
        assert_eq!(
            x448_public_key(&Secret::from_slice(&wrong)),
            Err(CryptoError::InvalidPrivateKey)
        );
        assert_eq!(
            x448(&Secret::from_slice(&wrong), &bytes(BOB.1).into()),
            Err(CryptoError::InvalidPrivateKey)
        );
        assert_eq!(x448(&secret(ALICE.0), &wrong.into()), Err(CryptoError::InvalidPublicKey));
    }
}

/// RFC 8032, section 7.4: private key, public key, message, signature.
const ED448: [(&str, &str, &str, &str); 2] = [
    (
        "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e\
         39a3fc5b94492f8f032e7549a20098f95b",
        "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c706\
         1bd6783df1e50f6cd1fa1abeafe8256180",
        "",
        "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f2b233f034f628281\
         f2fd7a22ddd47d7828c59bd0a21bfd3980ff0d2028d4b18a9df63e006c5d1c2d345b925d8dc00b41\
         04852db99ac5c7cdda8530a113a0f4dbb61149f05a7363268c71d95808ff2e652600",
    ),
    (
        "c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463afbea67c5e8d2877c\
         5e3bc397a659949ef8021e954e0a12274e",
        "43ba28f430cdff456ae531545f7ecd0ac834a55d9358c0372bfa0c6c6798c0866aea01eb00742802\
         b8438ea4cb82169c235160627b4c3a9480",
        "03",
        "26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f4352541b143c4b981b7\
         e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cbcee1afb2e027df36bc04dcecbf154336\
         c19f0af7e0a6472905e799f1953d2a0ff3348ab21aa4adafd1d234441cf807c03a00",
    ),
];

#[test]
fn ed448_agrees_with_rfc_8032() {
    for (private_key, public_key, message, signature) in ED448 {
        let (key, message) = (secret(private_key), bytes(message));
        assert_eq!(ed448_public_key(&key).unwrap().as_slice(), bytes(public_key));
        assert_eq!(ed448_sign(&key, &message).unwrap(), bytes(signature));
        let public_key = bytes(public_key).into();
        assert_eq!(ed448_verify(&public_key, &message, &bytes(signature)), Ok(()));
        let other_message = [message, vec![0]].concat();
        assert_eq!(
            ed448_verify(&public_key, &other_message, &bytes(signature)),
            Err(CryptoError::InvalidSignature)
        );
    }
}

#[test]
fn ed448_refuses_every_flipped_bit() {
    let (_, public_key, message, signature) = ED448[1];
    let (public_key, message) = (bytes(public_key), bytes(message));
    for bit in (0..8 * ED448_SIGNATURE_LENGTH).step_by(7) {
        let mut signature = bytes(signature);
        signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            ed448_verify(&public_key.clone().into(), &message, &signature),
            Err(CryptoError::InvalidSignature),
            "bit {bit}"
        );
    }
    for bit in (0..8 * ED448_KEY_LENGTH).step_by(7) {
        let mut public_key = public_key.clone();
        public_key[bit / 8] ^= 1 << (bit % 8);
        let verified = ed448_verify(&public_key.into(), &message, &bytes(signature));
        assert!(verified.is_err(), "bit {bit}");
    }
}

#[test]
fn ed448_refuses_other_encodings_of_points_and_scalars() {
    let (_, public_key, message, signature) = ED448[0];
    let (message, signature) = (bytes(message), bytes(signature));
    for bit in 0..7 {
        let mut key = bytes(public_key);
        key[56] |= 1 << bit;
        assert_eq!(
            ed448_verify(&key.into(), &message, &signature),
            Err(CryptoError::InvalidPublicKey)
        );
        let mut other = signature.clone();
        other[56] |= 1 << bit;
        assert_eq!(
            ed448_verify(&bytes(public_key).into(), &message, &other),
            Err(CryptoError::InvalidSignature)
        );
    }
    // S + L instead of S; the sum stays below 2^448, so only the range check can see it.
    let order = bytes(
        "f34458ab92c27823558fc58d72c26c219036d6ae49db4ec4e923ca7cffffffffffffffffffffffff\
         ffffffffffffffffffffffffffffff3f00",
    );
    let mut malleated = signature.clone();
    let mut carry = 0;
    for (byte, addend) in malleated[57..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert_eq!(
        ed448_verify(&bytes(public_key).into(), &message, &malleated),
        Err(CryptoError::InvalidSignature)
    );
}

#[test]
fn ed448_refuses_keys_of_small_order_and_not_reduced() {
    // Each with both signs of x; y = 1, -1, 0 have order 1, 2, 4.
    let mut one = [0; X448_LENGTH];
    one[0] = 1;
    let mut minus_one = PRIME;
    minus_one[0] -= 1;
    let ys = [one, minus_one, [0; X448_LENGTH], PRIME, X448_SMALL_ORDER[4], [0xff; X448_LENGTH]];
    for y in ys {
        for sign in [0, 0x80] {
            let key = [y.as_slice(), &[sign]].concat();
            // With R = identity and S = 0 the equation holds for a key of order 1.
            let mut signature = vec![0; ED448_SIGNATURE_LENGTH];
            signature[0] = 1;
            assert_eq!(
                ed448_verify(&key.into(), b"message", &signature),
                Err(CryptoError::InvalidPublicKey)
            );
        }
    }
}

#[test]
fn ed448_refuses_the_second_name_of_a_good_point() {
    // A key of the prime-order group with a small y, which is good, has y + p as its other name.
    let mut seen = 0;
    for small in 2..=255 {
        let mut key = [0; ED448_KEY_LENGTH];
        key[0] = small;
        if VerifyingKey::from_bytes(&key).is_err() {
            continue;
        }
        let verify = |key: [u8; ED448_KEY_LENGTH]| {
            ed448_verify(&key.to_vec().into(), b"", &bytes(ED448[0].3))
        };
        assert_eq!(verify(key), Err(CryptoError::InvalidSignature));
        // p + y for y above zero: p + 1 = 2^448 - 2^224, and y - 1 more.
        key[..X448_LENGTH].copy_from_slice(&X448_SMALL_ORDER[4]);
        key[0] = small - 1;
        assert!(VerifyingKey::from_bytes(&key).is_ok(), "the library accepts it");
        assert_eq!(verify(key), Err(CryptoError::InvalidPublicKey));
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn ed448_refuses_wrong_lengths() {
    let (private_key, public_key, message, signature) = ED448[0];
    for length in [0, 56, 58] {
        let wrong = Secret::from_vec(vec![7; length]);
        assert_eq!(ed448_public_key(&wrong), Err(CryptoError::InvalidPrivateKey));
        assert_eq!(ed448_sign(&wrong, b""), Err(CryptoError::InvalidPrivateKey));
        assert_eq!(
            ed448_verify(&vec![7; length].into(), b"", &bytes(signature)),
            Err(CryptoError::InvalidPublicKey)
        );
    }
    for length in [0, 113, 115] {
        let mut wrong = bytes(signature);
        wrong.resize(length, 0);
        assert_eq!(
            ed448_verify(&bytes(public_key).into(), &bytes(message), &wrong),
            Err(CryptoError::InvalidSignature)
        );
    }
    assert!(ed448_sign(&secret(private_key), b"").is_ok());
}
