//! Every short input of every structure: nothing panics, what is accepted is the one encoding of
//! what it says, and an error lies within the input.
//!
//! `models/proofs` shows for longer inputs that nothing panics.

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};
use wire::{
    AuthenticatedContent, Capabilities, Credential, Extensions, ExternalPub, ExternalSender,
    GroupContext, LeafNode, MlsMessage, ParentNode, PreSharedKeyId, PrivateContentAad,
    ProposalOrRef, PskLabel, RequiredCapabilities, Sender, SenderData, SenderDataAad, UpdatePath,
};

use crate::samples;

type Recode = Box<dyn Fn(&[u8]) -> Result<Vec<u8>, DecodeError>>;

fn of<T: Decode + Encode>(name: &'static str) -> (&'static str, Recode) {
    (name, Box::new(|bytes| T::from_bytes(bytes).map(|value| value.to_bytes())))
}

fn structures() -> Vec<(&'static str, Recode)> {
    let mut structures: Vec<(&'static str, Recode)> = vec![
        of::<AuthenticatedContent>("AuthenticatedContent"),
        of::<Capabilities>("Capabilities"),
        of::<Credential>("Credential"),
        of::<Extensions>("Extensions"),
        of::<ExternalPub>("ExternalPub"),
        of::<ExternalSender>("ExternalSender"),
        of::<GroupContext>("GroupContext"),
        of::<LeafNode>("LeafNode"),
        of::<MlsMessage>("MlsMessage"),
        of::<ParentNode>("ParentNode"),
        of::<PreSharedKeyId>("PreSharedKeyId"),
        of::<PrivateContentAad>("PrivateContentAad"),
        of::<ProposalOrRef>("ProposalOrRef"),
        of::<PskLabel>("PskLabel"),
        of::<RequiredCapabilities>("RequiredCapabilities"),
        of::<Sender>("Sender"),
        of::<SenderData>("SenderData"),
        of::<SenderDataAad>("SenderDataAad"),
        of::<UpdatePath>("UpdatePath"),
        of::<Vec<Vec<Opaque>>>("Vec<Vec<Opaque>>"),
        of::<Vec<Option<u16>>>("Vec<Option<u16>>"),
    ];
    for (name, structure, _) in samples()[0].structures() {
        structures.push((name, Box::new(move |bytes| structure.recode(bytes))));
    }
    structures
}

/// Tries `input` and, where only its end is wrong, every longer one up to `length_max` with bytes
/// of `alphabet`. Whatever else is wrong stays wrong: what a decoder has read it reads again.
/// Returns the number of inputs, or one that breaks a rule.
fn explore(
    recode: &Recode,
    input: &mut Vec<u8>,
    length_max: usize,
    alphabet: &[u8],
) -> Result<usize, Vec<u8>> {
    let at_end = match recode(input) {
        Ok(bytes) if bytes == *input => false,
        Err(error) if error.offset <= input.len() => error.kind == DecodeErrorKind::UnexpectedEnd,
        _ => return Err(input.clone()),
    };
    let mut count = 1;
    if at_end && input.len() < length_max {
        for &byte in alphabet {
            input.push(byte);
            count += explore(recode, input, length_max, alphabet)?;
            input.pop();
        }
    }
    Ok(count)
}

fn explore_all(length_max: usize, alphabet: &[u8]) -> usize {
    let explore = |(name, recode): (&str, Recode)| {
        let count = explore(&recode, &mut Vec::new(), length_max, alphabet);
        count.unwrap_or_else(|input| panic!("{name}: {input:02x?}"))
    };
    structures().into_iter().map(explore).sum()
}

fn every_byte() -> Vec<u8> {
    (0..=255).collect()
}

#[test]
fn every_input_of_two_bytes_is_refused_or_is_the_one_encoding() {
    assert!(explore_all(2, &every_byte()) > 1_000_000);
}

#[test]
#[ignore = "minutes, in a release build"]
fn every_input_of_three_bytes_is_refused_or_is_the_one_encoding() {
    assert!(explore_all(3, &every_byte()) > 100_000_000);
}

/// Numbers of enumerations, and length headers of each form around their edges.
#[test]
fn every_input_of_five_telling_bytes_is_refused_or_is_the_one_encoding() {
    let alphabet = [0, 1, 2, 3, 4, 5, 0x3f, 0x40, 0x80, 0xc0, 0xff];
    assert!(explore_all(5, &alphabet) > 1_000_000);
}

/// A list that does not mind how long the header of its length is.
struct Lax(Vec<u8>);

impl Encode for Lax {
    fn encode(&self, writer: &mut Writer) {
        writer.opaque(&self.0);
    }
}

impl Decode for Lax {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.rest() {
            [0x40, length, ..] if *length < 0x40 => {
                reader.take(2)?;
                Ok(Self(reader.take(usize::from(*length))?.to_vec()))
            }
            _ => Ok(Self(reader.opaque()?.to_vec())),
        }
    }
}

#[test]
fn a_second_encoding_of_a_value_is_found() {
    let (_, lax) = of::<Lax>("Lax");
    assert_eq!(explore(&lax, &mut Vec::new(), 2, &every_byte()), Err(vec![0x40, 0]));
}
