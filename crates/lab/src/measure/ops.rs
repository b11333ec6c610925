//! Operations counted, of the sender and of every recipient (CGKA-5).

use std::collections::BTreeMap;

use crate::{Cell, Failure, Ops, PROTOCOLS, Protocol, Seeded, Table, Tools};

use super::Progress;

/// Which recipients process a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipients {
    /// All of them.
    All,
    /// So many, drawn at random.
    Sample(u32),
}

/// How a count varies.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The largest.
    pub max: u64,
    /// How often each value occurs.
    pub histogram: BTreeMap<u64, u64>,
}

impl Spread {
    fn of(values: impl IntoIterator<Item = u64>) -> Self {
        let mut histogram = BTreeMap::new();
        for value in values {
            *histogram.entry(value).or_default() += 1;
        }
        let count: u64 = histogram.values().sum();
        let sum: u64 = histogram.iter().map(|(value, times)| value * times).sum();
        let max = histogram.last_key_value().map_or(0, |(value, _)| *value);
        Self { mean: ratio(sum, count.max(1)), max, histogram }
    }
}

/// A quotient for tables.
#[allow(clippy::cast_precision_loss, reason = "two digits are shown")]
pub(crate) fn ratio(dividend: u64, divisor: u64) -> f64 {
    dividend as f64 / divisor as f64
}

/// What an update costs in a warm group.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateOps {
    /// The protocol's name.
    pub protocol: &'static str,
    /// How many members there are.
    pub size: u32,
    /// How long the message's path is.
    pub path_bytes: usize,
    /// How long the message is.
    pub message_bytes: usize,
    /// The sender: making the message and moving on with it.
    pub sender: Ops,
    /// Every recipient that was looked at.
    pub recipients: Vec<Ops>,
}

impl UpdateOps {
    /// How one of the counts varies among recipients.
    #[must_use]
    pub fn spread(&self, count: impl Fn(&Ops) -> u64) -> Spread {
        Spread::of(self.recipients.iter().map(count))
    }
}

/// Counts an update of one member.
pub fn update_ops(
    protocol: &'static dyn Protocol,
    (size, sender): (u32, u32),
    recipients: Recipients,
    seed: u64,
) -> Result<UpdateOps, Failure> {
    let tools = Tools::new()?;
    let mut random = Seeded::new(seed);
    let warm = protocol.warm(&tools, size, &mut random)?;
    let mut member = warm.member(sender)?;
    let (sent, making) = tools.measure(|| member.update(&mut random));
    let sent = sent?;
    let (moved, moving) = tools.measure(|| member.process(&sent.message));
    moved?;
    let secret = member.epoch_secret();
    let slots: Vec<u32> = match recipients {
        Recipients::All => (0..size).filter(|slot| *slot != sender).collect(),
        Recipients::Sample(count) => {
            let mut slots = std::collections::BTreeSet::new();
            let count = usize::try_from(count.min(size.saturating_sub(1))).unwrap_or_default();
            while slots.len() < count {
                let slot = random.below(usize::try_from(size).unwrap_or_default());
                slots.extend(u32::try_from(slot).ok().filter(|slot| *slot != sender));
            }
            slots.into_iter().collect()
        }
    };
    let mut counted = Vec::with_capacity(slots.len());
    for slot in slots {
        let mut member = warm.member(slot)?;
        let (moved, ops) = tools.measure(|| member.process(&sent.message));
        moved?;
        if member.epoch_secret() != secret {
            return Err(Failure::Message(format!("the member at {slot} is elsewhere")));
        }
        counted.push(ops);
    }
    Ok(UpdateOps {
        protocol: protocol.name(),
        size,
        path_bytes: sent.path_bytes,
        message_bytes: sent.message.len(),
        sender: making + moving,
        recipients: counted,
    })
}

/// Sender and recipients of an update, for all protocols at these sizes.
pub fn ops_table(
    sizes: &[u32],
    recipients: Recipients,
    progress: Progress<'_>,
) -> Result<Table, Failure> {
    let columns = ["protocol", "members", "operation", "sender", "recipient mean", "recipient max"];
    let mut table = Table::new("ops", "Operations of one update, in warm groups", &columns);
    let Cell::Count(of) = Cell::from(sizes.len() * PROTOCOLS.len()) else { return Ok(table) };
    let mut done = 0;
    for protocol in PROTOCOLS {
        for &size in sizes {
            let ops = update_ops(*protocol, (size, 0), recipients, u64::from(size))?;
            for (place, (operation, sender)) in ops.sender.named().into_iter().enumerate() {
                let spread = ops.spread(|ops| ops.named().get(place).map_or(0, |named| named.1));
                if sender + spread.max > 0 {
                    table.row([
                        ops.protocol.into(),
                        size.into(),
                        operation.into(),
                        sender.into(),
                        spread.mean.into(),
                        spread.max.into(),
                    ]);
                }
            }
            done += 1;
            progress(done, of);
        }
    }
    Ok(table)
}

/// How many recipients of one update need how many Diffie-Hellman operations.
pub fn histogram_table(size: u32) -> Result<Table, Failure> {
    let columns = ["protocol", "members", "dh", "recipients"];
    let mut table = Table::new("histogram", "Diffie-Hellman of the recipients", &columns);
    for protocol in PROTOCOLS {
        let ops = update_ops(*protocol, (size, 0), Recipients::All, u64::from(size))?;
        for (dh, recipients) in ops.spread(|ops| ops.dh).histogram {
            table.row([ops.protocol.into(), size.into(), dh.into(), recipients.into()]);
        }
    }
    Ok(table)
}
