//! Results as plain tables: for people, for documents, for other programs.

use std::fmt::Write;

/// One entry of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// A number of things.
    Count(u64),
    /// A measured or computed number.
    Number(f64),
    /// Words.
    Text(String),
}

impl From<u64> for Cell {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<u32> for Cell {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<usize> for Cell {
    fn from(count: usize) -> Self {
        // A usize has at most 64 bits.
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Number(number) if number.abs() >= 100.0 => write!(formatter, "{number:.0}"),
            Self::Number(number) => write!(formatter, "{number:.2}"),
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

/// A table: a name for programs, a title for people, columns and rows of the same length.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// A short name.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// The names of the columns.
    pub columns: Vec<&'static str>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(name: &'static str, title: &str, columns: &[&'static str]) -> Self {
        Self { name, title: title.to_owned(), columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row; what the row lacks is left empty.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut cells: Vec<Cell> = cells.into_iter().collect();
        cells.resize(self.columns.len(), Cell::Text(String::new()));
        self.rows.push(cells);
    }

    /// The table in Markdown, without its title.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text =
            format!("| {} |\n|{}\n", self.columns.join(" | "), "---|".repeat(self.columns.len()));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text
    }

    /// The table with aligned columns and its title above.
    #[must_use]
    pub fn text(&self) -> String {
        let shown = |row: &Vec<Cell>| row.iter().map(ToString::to_string).collect::<Vec<_>>();
        let head: Vec<String> = self.columns.iter().map(ToString::to_string).collect();
        let lines: Vec<_> = std::iter::once(head).chain(self.rows.iter().map(shown)).collect();
        let width = |column: usize| {
            lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max()
        };
        let widths: Vec<usize> =
            (0..self.columns.len()).map(|column| width(column).unwrap_or_default()).collect();
        let mut text = format!("{}\n", self.title);
        for line in &lines {
            let cells = line.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
            let _ = writeln!(text, "  {}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        text
    }

    /// The table as comma-separated values (RFC 4180).
    #[must_use]
    pub fn csv(&self) -> String {
        let quoted = |cell: String| match cell.contains([',', '"', '\n']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell,
        };
        let mut text = format!("{}\n", self.columns.join(","));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| quoted(cell.to_string())).collect();
            let _ = writeln!(text, "{}", cells.join(","));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("small", "A small table", &["n", "what"]);
        table.row([Cell::from(7_u64), Cell::from("seven, \"odd\"")]);
        table.row([Cell::from(2.5)]);
        table
    }

    #[test]
    fn a_table_has_three_forms() {
        assert_eq!(
            table().markdown(),
            "| n | what |\n|---|---|\n| 7 | seven, \"odd\" |\n| 2.50 |  |\n"
        );
        assert_eq!(table().text(), "A small table\n  n     what\n  7     seven, \"odd\"\n  2.50\n");
        assert_eq!(table().csv(), "n,what\n7,\"seven, \"\"odd\"\"\"\n2.50,\n");
    }
}
