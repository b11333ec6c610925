//! What an operator sees: counts for Prometheus, and lines of a log. Neither can hold an
//! identifier: all they are made of is the names of routes, statuses, and numbers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds of the buckets of times, in microseconds; a last bucket holds the rest.
const BUCKET_MICROS: [u64; 8] = [500, 1_000, 2_500, 5_000, 25_000, 100_000, 1_000_000, 10_000_000];

/// Takes the lines of the log, each one JSON object without a line break.
#[derive(Clone)]
pub struct LogSink(Arc<dyn Fn(&str) + Send + Sync>);

impl LogSink {
    /// A sink that hands every line to `take`, which must not block for long.
    pub fn new(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    /// A sink that writes to standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::new(|line| eprintln!("{line}"))
    }
}

impl std::fmt::Debug for LogSink {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("LogSink")
    }
}

/// A value in a line of the log: nothing that could come from a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    Name(&'static str),
    Number(u64),
}

/// Times of one kind of request with one outcome.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    buckets: [u64; BUCKET_MICROS.len()],
    count: u64,
    sum_micros: u64,
}

/// Everything that is counted, and where the log goes.
#[derive(Debug, Default)]
pub(crate) struct Observer {
    requests: Mutex<BTreeMap<(&'static str, u16), Times>>,
    connections: AtomicU64,
    connections_refused: AtomicU64,
    handshakes: AtomicU64,
    handshakes_failed: AtomicU64,
    streams: AtomicU64,
    streams_refused: AtomicU64,
    streams_dropped: AtomicU64,
    subscriptions: AtomicU64,
    waiting: AtomicU64,
    hints: AtomicU64,
    housekeeping_failed: AtomicU64,
    log: Option<LogSink>,
}

impl Observer {
    pub(crate) fn new(log: Option<LogSink>) -> Self {
        Self { log, ..Self::default() }
    }

    /// Writes a line with the time, what happened, and more.
    pub(crate) fn log(&self, now_seconds: u64, event: &'static str, fields: &[(&str, Field)]) {
        let Some(LogSink(take)) = &self.log else { return };
        let mut line = format!("{{\"time\":{now_seconds},\"event\":\"{event}\"");
        for (name, field) in fields {
            line += &match field {
                Field::Name(value) => format!(",\"{name}\":\"{value}\""),
                Field::Number(value) => format!(",\"{name}\":{value}"),
            };
        }
        line.push('}');
        take(&line);
    }

    /// Counts a request that was answered.
    pub(crate) fn request(&self, route: &'static str, status: u16, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let times = requests.entry((route, status)).or_default();
        let buckets = times.buckets.iter_mut().zip(BUCKET_MICROS);
        buckets.filter(|(_, bound)| micros <= *bound).for_each(|(count, _)| *count += 1);
        times.count += 1;
        times.sum_micros = times.sum_micros.saturating_add(micros);
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn connection_refused(&self) {
        self.connections_refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handshake_done(&self) {
        self.handshakes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handshake_failed(&self) {
        self.handshakes_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stream_opened(&self) {
        self.streams.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stream_closed(&self) {
        self.streams.fetch_sub(1, Ordering::Relaxed);
    }

    /// There were too many.
    pub(crate) fn stream_refused(&self) {
        self.streams_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The client was too slow.
    pub(crate) fn stream_dropped(&self) {
        self.streams_dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn subscriptions_begun(&self, count: usize) {
        self.subscriptions.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn subscriptions_ended(&self, count: usize) {
        self.subscriptions.fetch_sub(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// A request waits for news, as long as what is returned lives.
    pub(crate) fn request_waits(&self) -> Waiting<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Waiting(&self.waiting)
    }

    /// Something was sent on a stream.
    pub(crate) fn hint(&self) {
        self.hints.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn housekeeping_failed(&self) {
        self.housekeeping_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// All counts in the text format of Prometheus, version 0.0.4.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        let mut single = |name: &str, kind: &str, value: u64| {
            text += &format!("# TYPE conclave_{name} {kind}\nconclave_{name} {value}\n");
        };
        for (name, number) in [
            ("connections", &self.connections),
            ("streams", &self.streams),
            ("stream_subscriptions", &self.subscriptions),
            ("requests_waiting", &self.waiting),
        ] {
            single(name, "gauge", number.load(Ordering::Relaxed));
        }
        for (name, count) in [
            ("connections_refused_total", &self.connections_refused),
            ("tls_handshakes_total", &self.handshakes),
            ("tls_handshakes_failed_total", &self.handshakes_failed),
            ("streams_refused_total", &self.streams_refused),
            ("streams_dropped_total", &self.streams_dropped),
            ("stream_events_total", &self.hints),
            ("housekeeping_failed_total", &self.housekeeping_failed),
        ] {
            single(name, "counter", count.load(Ordering::Relaxed));
        }
        text += "# TYPE conclave_request_seconds histogram\n";
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for ((route, status), times) in requests.iter() {
            let labels = format!("route=\"{route}\",status=\"{status}\"");
            // Writing to a string does not fail.
            let _ = write_times(&mut text, &labels, times);
        }
        text
    }
}

/// A request that waits for news.
pub(crate) struct Waiting<'a>(&'a AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn write_times(text: &mut String, labels: &str, times: &Times) -> std::fmt::Result {
    const NAME: &str = "conclave_request_seconds";
    for (count, bound) in times.buckets.iter().zip(BUCKET_MICROS) {
        writeln!(text, "{NAME}_bucket{{{labels},le=\"{}\"}} {count}", seconds(bound))?;
    }
    writeln!(text, "{NAME}_bucket{{{labels},le=\"+Inf\"}} {}", times.count)?;
    writeln!(text, "{NAME}_sum{{{labels}}} {}", seconds(times.sum_micros))?;
    writeln!(text, "{NAME}_count{{{labels}}} {}", times.count)
}

/// Microseconds as decimal seconds, without rounding.
fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::{Field, LogSink, Observer};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    #[test]
    fn times_are_counted_in_every_bucket_that_holds_them() {
        let observer = Observer::default();
        for micros in [500, 501, 30_000_000] {
            observer.request("append", 200, Duration::from_micros(micros));
        }
        let text = observer.metrics();
        for line in [
            "conclave_request_seconds_bucket{route=\"append\",status=\"200\",le=\"0.000500\"} 1",
            "conclave_request_seconds_bucket{route=\"append\",status=\"200\",le=\"0.001000\"} 2",
            "conclave_request_seconds_bucket{route=\"append\",status=\"200\",le=\"10.000000\"} 2",
            "conclave_request_seconds_bucket{route=\"append\",status=\"200\",le=\"+Inf\"} 3",
            "conclave_request_seconds_sum{route=\"append\",status=\"200\"} 30.001001",
            "conclave_request_seconds_count{route=\"append\",status=\"200\"} 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_line_of_the_log_is_one_json_object() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let taken = Arc::clone(&lines);
        let sink = LogSink::new(move |line| taken.lock().unwrap().push(line.to_owned()));
        let fields = [("route", Field::Name("append")), ("status", Field::Number(200))];
        Observer::new(Some(sink)).log(7, "request", &fields);
        let expected = r#"{"time":7,"event":"request","route":"append","status":200}"#;
        assert_eq!(*lines.lock().unwrap(), [expected]);
        Observer::new(None).log(7, "request", &fields);
    }
}
