//! Encodings of points on the curves over 2^255 - 19 that are refused, whatever a library thinks of
//! them.

/// The field elements below are little-endian, as on the wire.
type Bytes = [u8; 32];

/// One of the two `u` of points of order 8 on Curve25519 or its twist.
const U_ORDER_8_FIRST: Bytes = [
    0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
    0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
];

/// The other one.
const U_ORDER_8_SECOND: Bytes = [
    0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
    0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
];

/// One of the two `y` of points of order 8 on edwards25519; the other one is its negative.
const Y_ORDER_8_FIRST: Bytes = [
    0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
    0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
];

/// The other one.
const Y_ORDER_8_SECOND: Bytes = [
    0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
    0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
];

/// A number below 256.
const fn small(value: u8) -> Bytes {
    let mut bytes = [0; 32];
    bytes[0] = value;
    bytes
}

/// The number below 2^255 whose lowest byte is `low` and whose other bits are all set; the prime
/// 2^255 - 19 ends in 0xed.
const fn near_prime(low: u8) -> Bytes {
    let mut bytes = [0xff; 32];
    bytes[0] = low;
    bytes[31] = 0x7f;
    bytes
}

const PRIME_LOW: u8 = 0xed;

fn without_top_bit(mut bytes: Bytes) -> Bytes {
    bytes[31] &= 0x7f;
    bytes
}

/// Whether X25519 with this public key always gives zero (RFC 7748, section 6.1): the point has a
/// small order. Covers encodings at or above the prime and with the ignored top bit set.
#[must_use]
pub fn is_weak_x25519(public_key: &[u8; 32]) -> bool {
    let weak = [
        small(0),
        small(1),
        U_ORDER_8_FIRST,
        U_ORDER_8_SECOND,
        near_prime(PRIME_LOW - 1),
        near_prime(PRIME_LOW),
        near_prime(PRIME_LOW + 1),
    ];
    weak.contains(&without_top_bit(*public_key))
}

/// Whether this is the one encoding of a point on edwards25519, if it is one at all.
pub(crate) fn is_canonical_ed25519(point: &[u8; 32]) -> bool {
    let y = without_top_bit(*point);
    // RFC 8032, section 5.1.3: "If the resulting value is >= p, decoding fails", and "If x = 0, and
    // x_0 = 1, decoding fails". x is zero where y is 1 or -1.
    let is_reduced = y[1..] != near_prime(0)[1..] || y[0] < PRIME_LOW;
    let is_minus_zero = y != *point && [small(1), near_prime(PRIME_LOW - 1)].contains(&y);
    is_reduced && !is_minus_zero
}

/// Whether this Ed25519 public key is not in its one encoding, or is a point of small order, under
/// which signatures bind nobody to anything.
#[must_use]
pub fn is_weak_ed25519(public_key: &[u8; 32]) -> bool {
    let weak = [small(0), small(1), Y_ORDER_8_FIRST, Y_ORDER_8_SECOND, near_prime(PRIME_LOW - 1)];
    !is_canonical_ed25519(public_key) || weak.contains(&without_top_bit(*public_key))
}
