//! What was measured, as a table or as JSON.

use serde_json::json;

/// One measured thing.
struct Row {
    store: &'static str,
    what: String,
    value: String,
    number: f64,
    unit: &'static str,
}

/// All that was measured, in order.
pub(crate) struct Report {
    rows: Vec<Row>,
    json: bool,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { rows: Vec::new(), json }
    }

    /// Notes a figure, and shows on standard error that there is progress.
    pub(crate) fn note(&mut self, store: &'static str, what: &str, figure: (f64, &'static str)) {
        let (number, unit) = figure;
        let value = if number >= 100.0 { format!("{number:.0}") } else { format!("{number:.2}") };
        eprintln!("{store}: {what}: {value} {unit}");
        self.rows.push(Row { store, what: what.to_owned(), value, number, unit });
    }

    /// The table: what was measured down, the stores across.
    pub(crate) fn print(&self) {
        if self.json {
            for Row { store, what, number, unit, .. } in &self.rows {
                let row = json!({"store": store, "what": what, "value": number, "unit": unit});
                println!("{row}");
            }
            return;
        }
        let mut stores: Vec<&str> = self.rows.iter().map(|row| row.store).collect();
        let mut whats: Vec<&str> = self.rows.iter().map(|row| row.what.as_str()).collect();
        for names in [&mut stores, &mut whats] {
            let mut seen = std::collections::BTreeSet::new();
            names.retain(|name| seen.insert(*name));
        }
        println!("| | {} |", stores.join(" | "));
        println!("|---|{}", "---:|".repeat(stores.len()));
        for what in whats {
            let cell = |store: &&str| {
                let row = self.rows.iter().find(|row| row.what == what && row.store == *store);
                row.map_or_else(String::new, |row| format!("{} {}", row.value, row.unit))
            };
            println!("| {what} | {} |", stores.iter().map(cell).collect::<Vec<_>>().join(" | "));
        }
    }
}

/// The value below which a share of the sorted values lies.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let mut index = 0;
    // No cast from floating point: the first index that leaves enough of them below.
    while index < last && (index as f64 + 1.0) < share * sorted.len() as f64 {
        index += 1;
    }
    sorted.get(index).copied().unwrap_or_default()
}
