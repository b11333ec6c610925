//! The curves as plots.

use super::{Point, at_ietf_103, rfc_9420};
use crate::Failure;
use crate::measure::Progress;
use crate::plot::{Axis, Curve, Plot};

/// How many random lives the curves of IETF 103 are the mean of.
const LIVES: u64 = 100;

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

fn means(name: &str, points: &[Point]) -> Curve {
    let points = points.iter().map(|point| (number(point.at), point.cost.mean));
    Curve::new(name, points.collect())
}

/// The warm-up of IETF 103 and that of RFC 9420 for so many members, side by side.
pub fn plots(members: usize, progress: Progress<'_>) -> Result<Vec<Plot>, Failure> {
    let [warm, empty] = at_ietf_103(LIVES);
    progress(1, 2);
    let today = rfc_9420(members, 1);
    let today = today.map_err(|error| Failure::Message(error.to_string()))?;
    progress(2, 2);
    let plot = |name, title: String, curves| Plot {
        name,
        title,
        labels: ("members who came online", "ciphertexts of the next commit, mean"),
        x: Axis::Logarithmic,
        y: Axis::Logarithmic,
        curves,
    };
    let named = |name: &str| today.iter().find(|curve| curve.name == name);
    let shown = [
        ("online-in-order", "in order"),
        ("unmerged", "half unmerged"),
        ("online-random", "at random"),
        ("online-spread", "far apart"),
    ];
    let shown = shown.into_iter().filter_map(|(name, as_name)| Some((named(name)?, as_name)));
    let title = "IETF 103: 1000 members, at random".to_owned();
    Ok(vec![
        plot("warm-up-2018", title, vec![means("empty", &empty), means("top filled", &warm)]),
        plot(
            "warm-up",
            format!("RFC 9420: {members} members, after one commit of the creator"),
            shown.map(|(curve, name)| means(name, &curve.points)).collect(),
        ),
    ])
}
