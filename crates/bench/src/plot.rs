//! Plots of time against the number of members, both axes logarithmic, as SVG.

use std::fmt::Write;

use crate::report::{Place, Report};
use crate::table::{bytes, cpu, nanoseconds};
use crate::{Phase, Stack};

/// What a plot shows.
struct Plot {
    name: &'static str,
    title: &'static str,
    phase: Phase,
    /// The operations whose times are added.
    operations: &'static [&'static str],
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Time,
    BytesWritten,
    Figure,
}

const PLOTS: [Plot; 7] = [
    Plot {
        name: "update-create",
        title: "Update on a warm tree: create and apply, durable",
        phase: Phase::Warm,
        operations: &["update: create", "update: apply"],
        kind: Kind::Time,
    },
    Plot {
        name: "update-process",
        title: "Update on a warm tree: process, durable",
        phase: Phase::Warm,
        operations: &["update: process"],
        kind: Kind::Time,
    },
    Plot {
        name: "update-bytes",
        title: "Bytes written per processed update",
        phase: Phase::Warm,
        operations: &["update: process"],
        kind: Kind::BytesWritten,
    },
    Plot {
        name: "create-group",
        title: "Create a group and add everybody in one commit",
        phase: Phase::Cold,
        operations: &["create and add all"],
        kind: Kind::Time,
    },
    Plot {
        name: "join",
        title: "Join by a Welcome, full validation",
        phase: Phase::Warm,
        operations: &["join, warm tree"],
        kind: Kind::Time,
    },
    Plot {
        name: "message",
        title: "Protect a message of 32 bytes, durable",
        phase: Phase::Warm,
        operations: &["protect 32 B"],
        kind: Kind::Time,
    },
    Plot {
        name: "memory",
        title: "Heap of a loaded group",
        phase: Phase::Heap,
        operations: &["heap of a loaded group"],
        kind: Kind::Figure,
    },
];

/// A curve: its name, its colour, its points.
struct Curve {
    name: String,
    colour: &'static str,
    dashed: bool,
    points: Vec<(f64, f64)>,
}

const STACKS: [(Stack, &str); 4] = [
    (Stack::ConclaveAwsLc, "#0b6e4f"),
    (Stack::ConclaveRustCrypto, "#57b894"),
    (Stack::MlsRsAwsLc, "#c1440e"),
    (Stack::OpenMls, "#3b5ba5"),
];

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 42.0;

/// All plots that have at least one point: file name and contents.
#[must_use]
pub fn plots(report: &Report, suite: u16) -> Vec<(String, String)> {
    let drawn = PLOTS.iter().filter_map(|plot| {
        let curves = curves(report, plot, suite);
        let any = curves.iter().any(|curve| curve.points.len() > 1);
        any.then(|| (format!("{}.svg", plot.name), draw(plot, &curves)))
    });
    drawn.collect()
}

#[allow(clippy::cast_precision_loss, reason = "three digits are drawn")]
fn number(value: u64) -> f64 {
    value as f64
}

/// The value of a plot at a place, and the floor below it.
fn value(report: &Report, plot: &Plot, (stack, place): (Stack, Place)) -> Option<(f64, f64)> {
    let outcome = report.outcome(stack, place)?;
    let (mut total, mut floor) = (0.0, 0.0);
    for operation in plot.operations {
        if plot.kind == Kind::Figure {
            total += number(outcome.figure(operation)?);
            continue;
        }
        let sample = outcome.sample(operation)?;
        total += match plot.kind {
            Kind::BytesWritten => number(sample.bytes),
            Kind::Time | Kind::Figure => cpu(sample.durable()),
        };
        floor += sample.floor.unwrap_or_default();
    }
    Some((total, floor))
}

fn curves(report: &Report, plot: &Plot, suite: u16) -> Vec<Curve> {
    let places = report
        .places()
        .into_iter()
        .filter(|place| place.suite == suite && place.phase == plot.phase && place.threads == 1);
    let places: Vec<Place> = places.collect();
    let mut curves = Vec::new();
    for (stack, colour) in STACKS {
        let points = places.iter().filter_map(|&place| {
            let (total, _) = value(report, plot, (stack, place))?;
            Some((f64::from(place.members), total))
        });
        let points = sorted(points);
        curves.push(Curve { name: stack.to_string(), colour, dashed: false, points });
    }
    if plot.kind == Kind::Time {
        let points = places.iter().filter_map(|&place| {
            let (_, floor) = value(report, plot, (Stack::ConclaveAwsLc, place))?;
            Some((f64::from(place.members), floor))
        });
        let name = "floor (AWS-LC)".to_string();
        curves.push(Curve { name, colour: "#777777", dashed: true, points: sorted(points) });
    }
    curves.retain(|curve| !curve.points.is_empty());
    curves
}

fn sorted(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut points: Vec<_> = points.filter(|&(_, value)| value > 0.0).collect();
    points.sort_by(|one, two| one.0.total_cmp(&two.0));
    points
}

/// Where numbers are on the paper.
struct Scale {
    x: (f64, f64),
    y: (f64, f64),
}

impl Scale {
    /// Whole powers of ten around everything.
    fn around(curves: &[Curve]) -> Self {
        let points = || curves.iter().flat_map(|curve| curve.points.iter().copied());
        let low = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(f64::INFINITY, f64::min).log10().floor()
        };
        let high =
            |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max).log10().ceil();
        let x = (low(&mut points().map(|it| it.0)), high(&mut points().map(|it| it.0)));
        let y = (low(&mut points().map(|it| it.1)), high(&mut points().map(|it| it.1)));
        Self { x, y }
    }

    fn x(&self, value: f64) -> f64 {
        let part = (value.log10() - self.x.0) / (self.x.1 - self.x.0).max(1.0);
        LEFT + part * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let part = (value.log10() - self.y.0) / (self.y.1 - self.y.0).max(1.0);
        HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
    }
}

/// The powers of ten in a range of exponents.
fn powers((low, high): (f64, f64)) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(low), |exponent| Some(exponent + 1.0))
        .take_while(move |&exponent| exponent <= high)
        .map(|exponent| 10_f64.powf(exponent))
}

fn draw(plot: &Plot, curves: &[Curve]) -> String {
    let scale = Scale::around(curves);
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"
 font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<text x="{LEFT}" y="20" font-size="14">{}</text>"#,
        plot.title
    );
    axes(&mut svg, plot, &scale);
    let mut labels: Vec<f64> = Vec::new();
    for curve in curves {
        draw_curve(&mut svg, curve, &scale, &mut labels);
    }
    svg.push_str("</svg>\n");
    svg
}

fn axes(svg: &mut String, plot: &Plot, scale: &Scale) {
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for power in powers(scale.x) {
        let x = scale.x(power);
        let _ = writeln!(
            svg,
            r##"<line x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom}" stroke="#dddddd"/>
<text x="{x:.1}" y="{:.1}" text-anchor="middle">{power:.0}</text>"##,
            bottom + 16.0
        );
    }
    for power in powers(scale.y) {
        let y = scale.y(power);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a power of ten"
        )]
        let label = match plot.kind {
            Kind::Time => nanoseconds(power),
            Kind::BytesWritten | Kind::Figure => bytes(power as u64),
        };
        let _ = writeln!(
            svg,
            r##"<line x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}" stroke="#dddddd"/>
<text x="{:.1}" y="{:.1}" text-anchor="end">{label}</text>"##,
            LEFT - 6.0,
            y + 4.0
        );
    }
    let _ = writeln!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">members</text>"#,
        (LEFT + right) / 2.0,
        HEIGHT - 8.0
    );
}

fn draw_curve(svg: &mut String, curve: &Curve, scale: &Scale, labels: &mut Vec<f64>) {
    let Curve { name, colour, dashed, points } = curve;
    let path: Vec<String> =
        points.iter().map(|&(x, y)| format!("{:.1},{:.1}", scale.x(x), scale.y(y))).collect();
    let dash = if *dashed { r#" stroke-dasharray="5 4""# } else { "" };
    let _ = writeln!(
        svg,
        r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>"#,
        path.join(" ")
    );
    for &(x, y) in points.iter().filter(|_| !dashed) {
        let (x, y) = (scale.x(x), scale.y(y));
        let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="2.5" fill="{colour}"/>"#);
    }
    let Some(&(x, y)) = points.last() else { return };
    // Names stand at the ends of their curves, one below the other where those meet.
    let mut place = scale.y(y) + 4.0;
    while labels.iter().any(|taken| (taken - place).abs() < 13.0) {
        place += 13.0;
    }
    labels.push(place);
    let x = scale.x(x) + 7.0;
    let _ = writeln!(svg, r#"<text x="{x:.1}" y="{place:.1}" fill="{colour}">{name}</text>"#);
}
