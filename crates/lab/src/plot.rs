//! Plots as SVG: curves over one logarithmic and one logarithmic or linear axis.

use std::fmt::Write;

/// What a vertical axis is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// From zero, in equal steps.
    Linear,
    /// In powers of ten.
    Logarithmic,
}

/// A curve.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its name, written at its end.
    pub name: String,
    /// Whether it is dashed and has no marks: a bound, a prediction.
    pub is_dashed: bool,
    /// Its points. Those that an axis cannot show are left out.
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// A curve with marks at its points.
    #[must_use]
    pub fn new(name: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), is_dashed: false, points }
    }

    /// The same as a dashed line.
    #[must_use]
    pub fn dashed(mut self) -> Self {
        self.is_dashed = true;
        self
    }
}

/// A plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// The name of its file, without an ending.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// The horizontal and the vertical axis.
    pub labels: (&'static str, &'static str),
    /// What the horizontal axis is like.
    pub x: Axis,
    /// What the vertical axis is like.
    pub y: Axis,
    /// The curves.
    pub curves: Vec<Curve>,
}

const COLOURS: [&str; 8] =
    ["#0b6e4f", "#c1440e", "#3b5ba5", "#8a5a00", "#7b2d8b", "#2a8fa8", "#a8325e", "#555555"];

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 44.0;
const NAME_HEIGHT: f64 = 13.0;

/// The values that an axis shows.
struct Range {
    axis: Axis,
    low: f64,
    high: f64,
}

impl Range {
    fn around(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|value| shows(axis, *value)).collect();
        let high = values.iter().copied().fold(0.0, f64::max);
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        match axis {
            Axis::Linear => Self { axis, low: 0.0, high: round_up(high) },
            Axis::Logarithmic if values.is_empty() => Self { axis, low: 0.0, high: 1.0 },
            Axis::Logarithmic => {
                let (low, high) = (low.log10().floor(), high.log10().ceil());
                Self { axis, low, high: high.max(low + 1.0) }
            }
        }
    }

    /// Where a value is, from 0 to 1.
    fn part(&self, value: f64) -> f64 {
        let value = if self.axis == Axis::Logarithmic { value.log10() } else { value };
        (value - self.low) / (self.high - self.low)
    }

    fn marks(&self) -> Vec<f64> {
        let step = if self.axis == Axis::Logarithmic { 1.0 } else { (self.high - self.low) / 5.0 };
        let places = std::iter::successors(Some(self.low), |place| Some(place + step));
        let places = places.take_while(|place| *place <= self.high + step / 2.0);
        let value = |place: f64| match self.axis {
            Axis::Linear => place,
            Axis::Logarithmic => 10_f64.powf(place),
        };
        places.map(value).collect()
    }
}

fn shows(axis: Axis, value: f64) -> bool {
    value.is_finite() && (value > 0.0 || (axis == Axis::Linear && value == 0.0))
}

/// The next larger one of 1, 2, 5, 10, 20, ...
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * power)
        .into_iter()
        .find(|it| *it >= value)
        .unwrap_or(value)
}

fn shown(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{} M", trimmed(value / 1e6)),
        value if value >= 1e3 => format!("{} k", trimmed(value / 1e3)),
        value => trimmed(value),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Plot {
    /// The plot as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| curve.points.iter());
        let x = Range::around(self.x, points().map(|point| point.0));
        let y = Range::around(self.y, points().map(|point| point.1));
        let mut svg = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"
 font-family="sans-serif" font-size="12">
<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>
<text x="{LEFT}" y="20" font-size="14">{}</text>"#,
            escaped(&self.title)
        );
        self.axes(&mut svg, &x, &y);
        let mut ends = Vec::new();
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let shown = curve.points.iter();
            let shown = shown.filter(|(to, up)| shows(self.x, *to) && shows(self.y, *up));
            let places = shown.map(|(to, up)| (place_x(x.part(*to)), place_y(y.part(*up))));
            let places: Vec<_> = places.collect();
            draw_curve(&mut svg, curve, colour, &places);
            ends.extend(places.last().map(|end| (*end, *colour, &*curve.name)));
        }
        draw_names(&mut svg, ends);
        svg.push_str("</svg>\n");
        svg
    }

    fn axes(&self, svg: &mut String, x: &Range, y: &Range) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for value in x.marks() {
            let place = place_x(x.part(value));
            let _ = writeln!(
                svg,
                r##"<line x1="{place:.1}" y1="{TOP}" x2="{place:.1}" y2="{bottom}"
 stroke="#dddddd"/>
<text x="{place:.1}" y="{:.1}" text-anchor="middle">{}</text>"##,
                bottom + 16.0,
                shown(value)
            );
        }
        for value in y.marks() {
            let place = place_y(y.part(value));
            let _ = writeln!(
                svg,
                r##"<line x1="{LEFT}" y1="{place:.1}" x2="{right}" y2="{place:.1}"
 stroke="#dddddd"/>
<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"##,
                LEFT - 6.0,
                place + 4.0,
                shown(value)
            );
        }
        let _ = writeln!(
            svg,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>
<text transform="translate(16 {:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
            (LEFT + right) / 2.0,
            HEIGHT - 8.0,
            escaped(self.labels.0),
            (TOP + bottom) / 2.0,
            escaped(self.labels.1)
        );
    }
}

fn place_x(part: f64) -> f64 {
    LEFT + part * (WIDTH - LEFT - RIGHT)
}

fn place_y(part: f64) -> f64 {
    HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
}

fn draw_curve(svg: &mut String, curve: &Curve, colour: &str, places: &[(f64, f64)]) {
    if places.is_empty() {
        return;
    }
    let path: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let dash = if curve.is_dashed { r#" stroke-dasharray="5 4""# } else { "" };
    let _ = writeln!(
        svg,
        r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>"#,
        path.join(" ")
    );
    for (x, y) in places.iter().filter(|_| !curve.is_dashed && places.len() < 40) {
        let _ = writeln!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="2.5" fill="{colour}"/>"#);
    }
}

/// Names stand at the ends of their curves, in the same order.
fn draw_names(svg: &mut String, mut ends: Vec<((f64, f64), &str, &str)>) {
    ends.sort_by(|one, other| one.0.1.total_cmp(&other.0.1));
    let places = apart(ends.iter().map(|end| end.0.1 + 4.0));
    for (((x, _), colour, name), y) in ends.iter().zip(places) {
        let (x, name) = (x + 7.0, escaped(name));
        let _ = writeln!(svg, r#"<text x="{x:.1}" y="{y:.1}" fill="{colour}">{name}</text>"#);
    }
}

/// Ascending places, moved so far that two names do not meet: those that would stand around the
/// middle of where they belong.
fn apart(wanted: impl Iterator<Item = f64>) -> Vec<f64> {
    // Middle and number of the names of each heap.
    let mut heaps: Vec<(f64, f64)> = Vec::new();
    for place in wanted {
        let mut heap = (place, 1.0);
        while let Some((middle, count)) = heaps.pop() {
            if heap.0 - middle >= (heap.1 + count) * NAME_HEIGHT / 2.0 {
                heaps.push((middle, count));
                break;
            }
            let all = count + heap.1;
            heap = ((middle * count + heap.0 * heap.1) / all, all);
        }
        heaps.push(heap);
    }
    let mut places = Vec::new();
    for (middle, count) in heaps {
        let mut place = middle - (count - 1.0) * NAME_HEIGHT / 2.0;
        while place < middle + count * NAME_HEIGHT / 2.0 {
            places.push(place);
            place += NAME_HEIGHT;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(y: Axis, points: Vec<(f64, f64)>) -> String {
        let curves = vec![Curve::new("a < b", points.clone()), Curve::new("c", points).dashed()];
        let labels = ("members", "bytes");
        let title = "A plot".to_owned();
        Plot { name: "plot", title, labels, x: Axis::Logarithmic, y, curves }.svg()
    }

    #[test]
    fn curves_marks_and_names_are_drawn_inside_the_paper() {
        for axis in [Axis::Linear, Axis::Logarithmic] {
            let svg = plot(axis, vec![(2.0, 30.0), (10.0, 70.0), (1000.0, 4000.0)]);
            assert_eq!(svg.matches("<polyline").count(), 2);
            assert_eq!(svg.matches("<circle").count(), 3);
            assert_eq!(svg.matches("stroke-dasharray").count(), 1);
            assert!(svg.contains("a &lt; b") && svg.contains(">1 k<"));
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
        }
    }

    #[test]
    fn what_an_axis_cannot_show_is_left_out() {
        let svg = plot(Axis::Logarithmic, vec![(2.0, 0.0), (f64::NAN, 5.0), (10.0, 7.0)]);
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(!svg.contains("NaN"));
        assert_eq!(plot(Axis::Linear, Vec::new()).matches("<circle").count(), 0);
    }

    #[test]
    fn names_stand_apart_in_the_order_of_their_curves() {
        let places = |wanted: &[f64]| apart(wanted.iter().copied());
        assert_eq!(places(&[]), []);
        assert_eq!(places(&[10.0, 30.0]), [10.0, 30.0]);
        assert_eq!(places(&[10.0, 10.0]), [3.5, 16.5]);
        assert_eq!(places(&[10.0, 11.0, 12.0, 100.0]), [-2.0, 11.0, 24.0, 100.0]);
        // Two heaps that meet are one.
        assert_eq!(places(&[0.0, 0.0, 14.0, 14.0]), [-12.5, 0.5, 13.5, 26.5]);
    }

    #[test]
    fn linear_axes_end_at_a_round_number() {
        assert_eq!(
            [0.0, 0.7, 1.0, 3.0, 12.0, 51.0].map(round_up),
            [1.0, 1.0, 1.0, 5.0, 20.0, 100.0]
        );
    }
}
