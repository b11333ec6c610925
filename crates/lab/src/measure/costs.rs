//! What an update costs against the number of members, up to a hundred thousand, and the plots of
//! it.

use crate::plot::{Axis, Curve, Plot};
use crate::{Failure, PROTOCOLS, Table};

use super::{Progress, Recipients, UpdateOps, update_ops};

/// The sizes of the plots.
pub const COST_SIZES: [u32; 13] =
    [2, 4, 8, 16, 64, 128, 256, 1024, 4096, 10_000, 20_000, 50_000, 100_000];

/// How many recipients are looked at in large groups.
const SAMPLE: u32 = 64;

/// In groups up to this size every recipient is looked at.
const ALL_UP_TO: u32 = 256;

/// Multiplications of points that the sender does.
fn sender(cost: &UpdateOps) -> u64 {
    cost.sender.dh + cost.sender.base
}

/// The costs of all protocols at these sizes.
pub fn costs(sizes: &[u32], progress: Progress<'_>) -> Result<Vec<UpdateOps>, Failure> {
    let mut costs = Vec::new();
    let of = u64::try_from(sizes.len() * PROTOCOLS.len()).unwrap_or(u64::MAX);
    let mut done = 0;
    for protocol in PROTOCOLS {
        for &size in sizes {
            let recipients =
                if size <= ALL_UP_TO { Recipients::All } else { Recipients::Sample(SAMPLE) };
            costs.push(update_ops(*protocol, (size, 0), recipients, u64::from(size))?);
            done += 1;
            progress(done, of);
        }
    }
    Ok(costs)
}

/// The same as a table.
#[must_use]
pub fn costs_table(costs: &[UpdateOps]) -> Table {
    let columns = [
        "protocol",
        "members",
        "path bytes",
        "update bytes",
        "sender DH and base",
        "recipient DH mean",
        "recipient DH max",
        "recipient DH and base mean",
        "recipient DH and base max",
    ];
    let title = "What an update costs; in groups over 256, a sample of 64 recipients";
    let mut table = Table::new("costs", title, &columns);
    for cost in costs {
        let (dh, both) = (cost.spread(|ops| ops.dh), cost.spread(|ops| ops.dh + ops.base));
        table.row([
            cost.protocol.into(),
            cost.size.into(),
            cost.path_bytes.into(),
            cost.message_bytes.into(),
            sender(cost).into(),
            dh.mean.into(),
            dh.max.into(),
            both.mean.into(),
            both.max.into(),
        ]);
    }
    table
}

/// Bytes, the sender's work and the recipients'.
#[must_use]
pub fn cost_plots(costs: &[UpdateOps]) -> Vec<Plot> {
    let curves = |value: &dyn Fn(&UpdateOps) -> f64| -> Vec<Curve> {
        let curve = |name: &'static str| {
            let own = costs.iter().filter(|cost| cost.protocol == name);
            Curve::new(name, own.map(|cost| (f64::from(cost.size), value(cost))).collect())
        };
        PROTOCOLS.iter().map(|protocol| curve(protocol.name())).collect()
    };
    let plot = |name, title: &str, label, y, curves| Plot {
        name,
        title: title.to_owned(),
        labels: ("members", label),
        x: Axis::Logarithmic,
        y,
        curves,
    };
    let wide = |bytes: usize| u32::try_from(bytes).map_or(f64::MAX, f64::from);
    let many = |count: u64| u32::try_from(count).map_or(f64::MAX, f64::from);
    vec![
        plot(
            "update-path-bytes",
            "The path of an update, in warm groups",
            "bytes",
            Axis::Logarithmic,
            curves(&|cost| wide(cost.path_bytes)),
        ),
        plot(
            "update-sender",
            "An update: DH and base multiplications of its sender",
            "operations",
            Axis::Logarithmic,
            curves(&|cost| many(sender(cost))),
        ),
        plot(
            "update-recipients",
            "An update: DH and base multiplications of a recipient, mean",
            "operations",
            Axis::Linear,
            curves(&|cost| cost.spread(|ops| ops.dh + ops.base).mean),
        ),
    ]
}
