//! Bytes on the wire (CGKA-4).

use crate::{Cell, Failure, PROTOCOLS, Protocol, Seeded, Table, Tools};

use super::{Progress, path_bytes};

/// The sizes that CGKA-4 lists.
pub const BYTE_SIZES: [u32; 14] =
    [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 10_000, 50_000];

/// What one protocol sends in a warm group of some size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes {
    /// The protocol's name.
    pub protocol: &'static str,
    /// How many members there are.
    pub size: u32,
    /// The path of an update of member 0.
    pub path: usize,
    /// What the closed form says about it, if it is known.
    pub expected_path: Option<usize>,
    /// The whole message of that update.
    pub update: usize,
    /// The message of an add and its Welcome, if groups change.
    pub add: Option<(usize, usize)>,
    /// The message of a remove of the last member.
    pub remove: Option<usize>,
}

/// Makes each kind of message once.
pub fn bytes(protocol: &'static dyn Protocol, size: u32) -> Result<Bytes, Failure> {
    let tools = Tools::new()?;
    let mut random = Seeded::new(u64::from(size));
    let warm = protocol.warm(&tools, size, &mut random)?;
    let mut member = warm.member(0)?;
    let update = member.update(&mut random)?;
    let (mut add, mut remove) = (None, None);
    if protocol.is_dynamic() {
        let newcomer = protocol.newcomer(&tools, size, &mut random)?;
        let sent = member.add(&newcomer.key_package(), &mut random)?;
        add = Some((sent.message.len(), sent.welcome.len()));
        if size > 1 {
            remove = Some(member.remove(size - 1, &mut random)?.message.len());
        }
    }
    Ok(Bytes {
        protocol: protocol.name(),
        size,
        path: update.path_bytes,
        expected_path: path_bytes(protocol.name(), 0, size),
        update: update.message.len(),
        add,
        remove,
    })
}

/// The bytes of all protocols at these sizes.
pub fn bytes_table(sizes: &[u32], progress: Progress<'_>) -> Result<Table, Failure> {
    let columns =
        ["protocol", "members", "path", "closed form", "update", "add", "Welcome", "remove"];
    let mut table = Table::new("bytes", "Bytes on the wire, in warm groups", &columns);
    let steps = Cell::from(sizes.len() * PROTOCOLS.len());
    let Cell::Count(of) = steps else { return Ok(table) };
    let mut done = 0;
    for protocol in PROTOCOLS {
        for &size in sizes {
            let bytes = bytes(*protocol, size)?;
            let optional = |bytes: Option<usize>| bytes.map_or(Cell::from("–"), Cell::from);
            table.row([
                bytes.protocol.into(),
                bytes.size.into(),
                bytes.path.into(),
                optional(bytes.expected_path),
                bytes.update.into(),
                optional(bytes.add.map(|add| add.0)),
                optional(bytes.add.map(|add| add.1)),
                optional(bytes.remove),
            ]);
            done += 1;
            progress(done, of);
        }
    }
    Ok(table)
}
