//! The prototype's messages: Thrift's compact protocol, keys in Base64 except in trees.
//!
//! A field is a byte with the distance to the last field's number and a type, then the value;
//! numbers are variable-length, signed ones in zigzag; a zero byte ends a structure. Reading takes
//! exactly what writing gives and nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use codec::Reader;
use crypto::HpkePublicKey;
use tree::NodeIndex;

use crate::Failure;
use crate::group2018::{Nodes, broken};
use crate::left_balanced::LeftBalanced;

const I32: u8 = 5;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const MAP: u8 = 11;
const STRUCT: u8 = 12;
const STOP: u8 = 0;

/// Members that a setup message may name.
const MEMBERS_MAX: usize = 1 << 24;

/// `SetupMessage`: what the creator tells, and signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setup {
    pub(super) identity_keys: Vec<Vec<u8>>,
    /// Of all but the creator.
    pub(super) prekeys: Vec<HpkePublicKey>,
    pub(super) setup_key: HpkePublicKey,
    pub(super) tree: Vec<HpkePublicKey>,
}

/// `UpdateMessage`: the new public keys from the root down to the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Update {
    pub(super) leaf: u32,
    pub(super) path: Vec<HpkePublicKey>,
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn field(&mut self, kind: u8) {
        self.0.push(1 << 4 | kind);
    }

    fn number(&mut self, mut number: u64) {
        while number >= 0x80 {
            // The seven lowest bits.
            self.0.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap_or_default());
    }

    fn length(&mut self, length: usize) {
        self.number(u64::try_from(length).unwrap_or(u64::MAX));
    }

    fn i32(&mut self, number: u32) {
        self.number(2 * u64::from(number));
    }

    fn binary(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn strings(&mut self, keys: &[impl AsRef<[u8]>]) {
        match u8::try_from(keys.len()) {
            Ok(short @ 0..15) => self.0.push(short << 4 | BINARY),
            _ => {
                self.0.push(0xf0 | BINARY);
                self.length(keys.len());
            }
        }
        keys.iter().for_each(|key| self.binary(STANDARD.encode(key).as_bytes()));
    }
}

/// `NodeStruct`: a node's public key, then its children.
pub(super) fn tree_bytes(nodes: &Nodes) -> Result<Vec<u8>, Failure> {
    let mut writer = Writer::default();
    write_node(&mut writer, nodes, nodes.shape().root())?;
    Ok(writer.0)
}

fn write_node(writer: &mut Writer, nodes: &Nodes, node: NodeIndex) -> Result<(), Failure> {
    writer.field(BINARY);
    writer.binary(nodes.public_key(node)?.as_slice());
    if let Some((left, right)) = nodes.shape().children(node) {
        for child in [left, right] {
            writer.field(STRUCT);
            write_node(writer, nodes, child)?;
        }
    }
    writer.0.push(STOP);
    Ok(())
}

impl Setup {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Failure> {
        let mut writer = Writer::default();
        writer.field(I32);
        // The creator's leaf.
        writer.i32(0);
        writer.field(LIST);
        writer.strings(&self.identity_keys);
        writer.field(MAP);
        writer.length(self.prekeys.len());
        if !self.prekeys.is_empty() {
            writer.0.push(I32 << 4 | BINARY);
        }
        for (leaf, key) in (1..).zip(&self.prekeys) {
            writer.i32(leaf);
            writer.binary(STANDARD.encode(key.as_slice()).as_bytes());
        }
        writer.field(BINARY);
        writer.binary(self.setup_key.as_slice());
        writer.field(STRUCT);
        writer.0.extend(tree_bytes(&Nodes::with_public_keys(self.tree.clone())?)?);
        writer.0.push(STOP);
        Ok(writer.0)
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Failure> {
        let mut reader = Reader::new(bytes);
        expect(&mut reader, &[1 << 4 | I32, 0, 1 << 4 | LIST])?;
        let identity_keys = read_strings(&mut reader)?;
        expect(&mut reader, &[1 << 4 | MAP])?;
        let count = read_length(&mut reader)?;
        if count > 0 {
            expect(&mut reader, &[I32 << 4 | BINARY])?;
        }
        let mut prekeys = Vec::new();
        for _ in 0..count {
            read_number(&mut reader)?;
            prekeys.push(read_string(&mut reader)?.into());
        }
        expect(&mut reader, &[1 << 4 | BINARY])?;
        let setup_key = read_binary(&mut reader)?.to_vec().into();
        expect(&mut reader, &[1 << 4 | STRUCT])?;
        let tree = read_tree(&mut reader, identity_keys.len())?;
        let setup = Self { identity_keys, prekeys, setup_key, tree };
        // Whatever is read differently from how it is written is not the message.
        if setup.to_bytes()? != bytes {
            return Err(broken("a setup message is not in its one form"));
        }
        Ok(setup)
    }
}

impl Update {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.field(I32);
        writer.i32(self.leaf);
        writer.field(LIST);
        let keys: Vec<&[u8]> = self.path.iter().map(HpkePublicKey::as_slice).collect();
        writer.strings(&keys);
        writer.0.push(STOP);
        writer.0
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Failure> {
        let mut reader = Reader::new(bytes);
        expect(&mut reader, &[1 << 4 | I32])?;
        let leaf = u32::try_from(read_number(&mut reader)? / 2);
        let leaf = leaf.map_err(|_| broken("no such leaf"))?;
        expect(&mut reader, &[1 << 4 | LIST])?;
        let path = read_strings(&mut reader)?.into_iter().map(Into::into).collect();
        let update = Self { leaf, path };
        if update.to_bytes() != bytes {
            return Err(broken("an update is not in its one form"));
        }
        Ok(update)
    }
}

/// A structure of two byte strings: `SetupMessage` with its signature, `UpdateMessage` with its
/// tag.
pub(super) fn pair(first: &[u8], second: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    for bytes in [first, second] {
        writer.field(BINARY);
        writer.binary(bytes);
    }
    writer.0.push(STOP);
    writer.0
}

/// The byte strings of [`pair`].
pub(super) fn read_pair(bytes: &[u8]) -> Result<(&[u8], &[u8]), Failure> {
    let mut reader = Reader::new(bytes);
    expect(&mut reader, &[1 << 4 | BINARY])?;
    let first = read_binary(&mut reader)?;
    expect(&mut reader, &[1 << 4 | BINARY])?;
    let second = read_binary(&mut reader)?;
    if pair(first, second) != bytes {
        return Err(broken("a message is not in its one form"));
    }
    Ok((first, second))
}

fn expect(reader: &mut Reader<'_>, bytes: &[u8]) -> Result<(), Failure> {
    match reader.take(bytes.len())? == bytes {
        true => Ok(()),
        false => Err(broken("a field is not where it should be")),
    }
}

fn read_number(reader: &mut Reader<'_>) -> Result<u64, Failure> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let [byte] = reader.array()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(broken("a number without end"))
}

fn read_length(reader: &mut Reader<'_>) -> Result<usize, Failure> {
    let length = usize::try_from(read_number(reader)?).ok();
    length.filter(|&length| length <= MEMBERS_MAX).ok_or_else(|| broken("a length too large"))
}

fn read_binary<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Failure> {
    let length = usize::try_from(read_number(reader)?).map_err(|_| broken("a length too large"))?;
    Ok(reader.take(length)?)
}

fn read_string(reader: &mut Reader<'_>) -> Result<Vec<u8>, Failure> {
    STANDARD.decode(read_binary(reader)?).map_err(|_| broken("a key is not Base64"))
}

fn read_strings(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, Failure> {
    let [head] = reader.array()?;
    let count = match head >> 4 {
        15 => read_length(reader)?,
        short => usize::from(short),
    };
    (0..count).map(|_| read_string(reader)).collect()
}

/// The public keys of a tree of so many leaves, by node number.
fn read_tree(reader: &mut Reader<'_>, leaves: usize) -> Result<Vec<HpkePublicKey>, Failure> {
    let leaves = u32::try_from(leaves).ok().and_then(LeftBalanced::with_leaves);
    let shape = leaves.ok_or_else(|| broken("a tree without leaves"))?;
    let mut nodes = Nodes::empty(shape);
    read_node(reader, &mut nodes, shape.root())?;
    expect(reader, &[STOP])?;
    reader.finish()?;
    Ok(nodes.public_keys().map(|(_, key)| key.clone()).collect())
}

fn read_node(reader: &mut Reader<'_>, nodes: &mut Nodes, node: NodeIndex) -> Result<(), Failure> {
    expect(reader, &[1 << 4 | BINARY])?;
    nodes.overwrite(node, read_binary(reader)?.to_vec().into());
    if let Some((left, right)) = nodes.shape().children(node) {
        for child in [left, right] {
            expect(reader, &[1 << 4 | STRUCT])?;
            read_node(reader, nodes, child)?;
        }
    }
    expect(reader, &[STOP])
}
