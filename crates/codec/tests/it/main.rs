//! The codec against `tls_codec`, an independent implementation of RFC 9420, section 2.1.
//!
//! Both must write the same bytes for the same value, and on any bytes at all either both read the
//! same value or both refuse. The oracle's reading from a stream is compared, because its reading
//! from a slice asserts in debug builds that the input is complete.

#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use codec::{Decode, DecodeErrorKind, Encode, Opaque, Writer};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use tls_codec::{Deserialize, Serialize, TlsDeserialize, TlsSerialize, TlsSize, VLBytes};

/// One of everything that the presentation language has.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ours {
    number: u8,
    numbers: (u16, u32, u64),
    fixed: [u8; 5],
    name: Opaque,
    maybe: Option<Opaque>,
    list: Vec<u16>,
    children: Vec<OurChild>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct OurChild {
    id: u32,
    maybe: Option<u16>,
    names: Vec<Opaque>,
}

codec::fields!(OurChild { id, maybe, names });

impl Encode for Ours {
    fn encode(&self, writer: &mut Writer) {
        self.number.encode(writer);
        self.numbers.0.encode(writer);
        self.numbers.1.encode(writer);
        self.numbers.2.encode(writer);
        self.fixed.encode(writer);
        self.name.encode(writer);
        self.maybe.encode(writer);
        self.list.encode(writer);
        self.children.encode(writer);
    }
}

impl Decode for Ours {
    fn decode(reader: &mut codec::Reader<'_>) -> Result<Self, codec::DecodeError> {
        Ok(Self {
            number: Decode::decode(reader)?,
            numbers: (Decode::decode(reader)?, Decode::decode(reader)?, Decode::decode(reader)?),
            fixed: Decode::decode(reader)?,
            name: Decode::decode(reader)?,
            maybe: Decode::decode(reader)?,
            list: Decode::decode(reader)?,
            children: Decode::decode(reader)?,
        })
    }
}

/// The same structure for the oracle.
#[derive(Debug, TlsSize, TlsSerialize, TlsDeserialize)]
struct Theirs {
    number: u8,
    number_16: u16,
    number_32: u32,
    number_64: u64,
    fixed: [u8; 5],
    name: VLBytes,
    maybe: Option<VLBytes>,
    list: Vec<u16>,
    children: Vec<TheirChild>,
}

#[derive(Debug, TlsSize, TlsSerialize, TlsDeserialize)]
struct TheirChild {
    id: u32,
    maybe: Option<u16>,
    names: Vec<VLBytes>,
}

impl From<&Ours> for Theirs {
    fn from(ours: &Ours) -> Self {
        let bytes = |opaque: &Opaque| VLBytes::from(opaque.to_vec());
        let child = |child: &OurChild| TheirChild {
            id: child.id,
            maybe: child.maybe,
            names: child.names.iter().map(bytes).collect(),
        };
        Self {
            number: ours.number,
            number_16: ours.numbers.0,
            number_32: ours.numbers.1,
            number_64: ours.numbers.2,
            fixed: ours.fixed,
            name: bytes(&ours.name),
            maybe: ours.maybe.as_ref().map(bytes),
            list: ours.list.clone(),
            children: ours.children.iter().map(child).collect(),
        }
    }
}

/// Byte strings whose lengths gather around the boundaries of the length header.
fn opaque() -> impl Strategy<Value = Opaque> {
    let length = prop_oneof![8 => 0..20_usize, 4 => 60..70_usize, 1 => 16_380..16_390_usize];
    (length, any::<u8>()).prop_map(|(length, fill)| Opaque::from(vec![fill; length]))
}

fn child() -> impl Strategy<Value = OurChild> {
    (any::<u32>(), option::of(any::<u16>()), vec(opaque(), 0..4))
        .prop_map(|(id, maybe, names)| OurChild { id, maybe, names })
}

fn ours() -> impl Strategy<Value = Ours> {
    let scalars = (any::<u8>(), any::<(u16, u32, u64)>(), any::<[u8; 5]>());
    let vectors = (opaque(), option::of(opaque()), vec(any::<u16>(), 0..40), vec(child(), 0..5));
    (scalars, vectors).prop_map(|((number, numbers, fixed), (name, maybe, list, children))| Ours {
        number,
        numbers,
        fixed,
        name,
        maybe,
        list,
        children,
    })
}

/// A place in a byte string and what happens there: a bit flips, or the rest is lost, or a byte is
/// doubled.
fn damage() -> impl Strategy<Value = (usize, Option<u8>)> {
    (any::<usize>(), prop_oneof![4 => (0..8_u8).prop_map(Some), 1 => Just(None)])
}

fn damaged(mut bytes: Vec<u8>, (place, bit): (usize, Option<u8>)) -> Vec<u8> {
    let place = place % bytes.len();
    match bit {
        Some(bit) => bytes[place] ^= 1 << bit,
        None if place.is_multiple_of(2) => bytes.truncate(place),
        None => bytes.insert(place, bytes[place]),
    }
    bytes
}

/// Both read the same value (as its bytes), or both refuse.
fn agree<O: Encode + Decode, T: Deserialize + Serialize>(bytes: &[u8]) -> bool {
    let ours = O::from_bytes(bytes).ok().map(|value| value.to_bytes());
    let theirs = T::tls_deserialize_exact(bytes).ok();
    let theirs = theirs.map(|value| value.tls_serialize_detached().unwrap());
    // What either accepts is the one encoding of its value.
    ours == theirs && ours.is_none_or(|ours| ours == bytes)
}

proptest! {
    #[test]
    fn both_write_the_same_bytes_and_read_the_value_back(value in ours()) {
        let bytes = value.to_bytes();
        prop_assert_eq!(&bytes, &Theirs::from(&value).tls_serialize_detached().unwrap());
        prop_assert_eq!(Ours::from_bytes(&bytes), Ok(value.clone()));
        prop_assert!(agree::<Ours, Theirs>(&bytes));
        let mut writer = Writer::erasing();
        value.encode(&mut writer);
        prop_assert_eq!(writer.into_bytes(), bytes);
    }

    #[test]
    fn both_refuse_the_same_damaged_encodings(value in ours(), damage in vec(damage(), 1..4)) {
        let bytes = damage.into_iter().fold(value.to_bytes(), |bytes, damage| {
            if bytes.is_empty() { bytes } else { damaged(bytes, damage) }
        });
        prop_assert!(agree::<Ours, Theirs>(&bytes));
    }

    #[test]
    fn both_refuse_the_same_random_bytes(bytes in vec(any::<u8>(), 0..40)) {
        prop_assert!(agree::<Ours, Theirs>(&bytes));
        prop_assert!(agree::<OurChild, TheirChild>(&bytes));
        prop_assert!(agree::<Opaque, VLBytes>(&bytes));
        prop_assert!(agree::<Vec<Vec<u16>>, Vec<Vec<u16>>>(&bytes));
        prop_assert!(agree::<Vec<Option<u8>>, Vec<Option<u8>>>(&bytes));
    }
}

/// The four headers that could declare `length`, in one, two, four and eight bytes; the last is
/// QUIC's (RFC 9000, section 16) and does not exist in RFC 9420. `None` where the length does not
/// fit.
fn headers(length: u64) -> [Option<Vec<u8>>; 4] {
    [0_u32, 1, 2, 3].map(|prefix| {
        let count = 1_usize << prefix;
        let mut header = length.to_be_bytes()[8 - count..].to_vec();
        let fits = length < 1 << (8 * count - 2);
        header[0] |= u8::try_from(prefix << 6).unwrap();
        fits.then_some(header)
    })
}

#[test]
fn each_length_has_one_header_and_both_refuse_the_others() {
    for length in (0..=300).chain(16_300..=16_500).chain([100_000]) {
        let contents = vec![7; usize::try_from(length).unwrap()];
        let shortest = headers(length).iter().position(Option::is_some);
        for (index, header) in headers(length).into_iter().enumerate() {
            let Some(header) = header else { continue };
            let bytes = [header.as_slice(), &contents].concat();
            let expected = match index {
                3 => Some(DecodeErrorKind::InvalidLengthHeader),
                _ if Some(index) == shortest => None,
                _ => Some(DecodeErrorKind::NonMinimalLength),
            };
            assert_eq!(Opaque::from_bytes(&bytes).err().map(|error| error.kind), expected);
            assert!(agree::<Opaque, VLBytes>(&bytes), "{length} in form {index}");
            // One byte too few, and one too many.
            assert!(agree::<Opaque, VLBytes>(&bytes[..bytes.len() - 1]), "{length}, short");
            assert!(agree::<Opaque, VLBytes>(&[&bytes[..], &[7]].concat()), "{length}, long");
        }
    }
}
