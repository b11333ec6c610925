//! The presentation language at its edges: lengths, presence octets, vectors, offsets.

use crate::{Decode, DecodeErrorKind, Encode, Opaque, Reader, Writer};

fn kind<T: Decode>(bytes: &[u8]) -> Option<DecodeErrorKind> {
    T::from_bytes(bytes).err().map(|error| error.kind)
}

#[test]
fn lengths_at_every_header_boundary_survive_a_round_trip() {
    for length in [0, 1, 63, 64, 65, 16_383, 16_384, 16_385, 100_000] {
        let value = Opaque::from(vec![7; length]);
        let bytes = value.to_bytes();
        let header = if length < 64 {
            1
        } else if length < 16_384 {
            2
        } else {
            4
        };
        assert_eq!(bytes.len(), header + length);
        assert!(Opaque::from_bytes(&bytes).unwrap() == value);
        // The same header when the length is only known afterwards.
        let mut writer = Writer::new();
        writer.vector(|writer| writer.write(&value));
        assert_eq!(writer.into_bytes(), bytes);
    }
}

#[test]
fn a_length_header_that_is_not_minimal_is_refused() {
    assert_eq!(kind::<Opaque>(&[0x40, 0x01, 0xaa]), Some(DecodeErrorKind::NonMinimalLength));
    assert_eq!(kind::<Opaque>(&[0x40, 0x3f]), Some(DecodeErrorKind::NonMinimalLength));
    assert_eq!(kind::<Opaque>(&[0x80, 0, 0x3f, 0xff]), Some(DecodeErrorKind::NonMinimalLength));
    assert_eq!(kind::<Opaque>(&[0xc0, 0, 0, 0]), Some(DecodeErrorKind::InvalidLengthHeader));
}

#[test]
fn a_huge_declared_length_costs_nothing() {
    let declared = [0xbf, 0xff, 0xff, 0xff, 0];
    assert_eq!(kind::<Opaque>(&declared), Some(DecodeErrorKind::UnexpectedEnd));
    assert_eq!(kind::<Vec<u64>>(&declared), Some(DecodeErrorKind::UnexpectedEnd));
}

#[test]
fn trailing_bytes_truncation_and_bad_presence_are_refused() {
    assert_eq!(kind::<u16>(&[0, 1, 2]), Some(DecodeErrorKind::TrailingBytes));
    assert_eq!(kind::<u16>(&[0]), Some(DecodeErrorKind::UnexpectedEnd));
    assert_eq!(kind::<Option<u8>>(&[2, 0]), Some(DecodeErrorKind::InvalidPresence));
    assert_eq!(kind::<Vec<u16>>(&[3, 0, 1, 0]), Some(DecodeErrorKind::UnexpectedEnd));
}

/// A structure whose only field has no bytes.
struct Nothing {
    field: [u8; 0],
}
crate::fields!(Nothing { field });

#[test]
fn a_vector_whose_elements_consume_no_bytes_is_refused_instead_of_read_for_ever() {
    assert_eq!(Vec::<Nothing>::from_bytes(&[0]).unwrap().len(), 0);
    for bytes in [&[1, 0][..], &[3, 0, 1, 0]] {
        let error = Vec::<Nothing>::from_bytes(bytes).err().unwrap();
        assert_eq!(error.kind, DecodeErrorKind::InvalidValue("empty element"));
        assert_eq!(error.offset, 1);
    }
    // The same below another structure, and for an array of length zero.
    assert!(Option::<Vec<Nothing>>::from_bytes(&[1, 1, 7]).is_err());
    assert!(Vec::<[u8; 0]>::from_bytes(&[1, 7]).is_err());
}

#[test]
fn an_error_names_the_offset_in_the_whole_input() {
    struct Pair {
        name: Opaque,
        numbers: Vec<u16>,
    }
    crate::fields!(Pair { name, numbers });
    let pair = Pair { name: Opaque::from(b"abc"), numbers: vec![1, 2] };
    let bytes = pair.to_bytes();
    let again = Pair::from_bytes(&bytes).unwrap();
    assert_eq!((again.name, again.numbers), (pair.name, pair.numbers));
    let mut broken = bytes;
    broken[4] = 3;
    broken.pop();
    assert_eq!(Pair::from_bytes(&broken).err().map(|error| error.offset), Some(7));
}

#[test]
fn an_erasing_writer_writes_the_same_bytes() {
    let mut writer = Writer::erasing();
    writer.vector(|writer| {
        for index in 0..1000_u32 {
            index.encode(writer);
        }
    });
    let bytes = writer.into_bytes();
    assert_eq!(bytes, (0..1000_u32).collect::<Vec<_>>().to_bytes());
    assert!(Reader::new(&bytes).vector().is_ok());
}
