//! `conclave lab`: group key agreements compared, attacked and measured.

mod oracle;

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use lab::measure::{self, Recipients};
use lab::{Cell, Table, attacker};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::{Path, PathBuf};

#[derive(clap::Subcommand)]
pub(crate) enum Lab {
    /// What members that were removed still know, and what it costs that they do not
    Attacks {
        /// How many members the attacked groups have
        #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(4..=1000))]
        members: u32,
        /// The numbers of members of the groups whose creators are removed
        #[arg(long, value_delimiter = ',', default_values_t = [8, 64, 1000])]
        sizes: Vec<u32>,
    },
    /// The ART paper's benchmark: its columns at its 16 sizes, as comma-separated values
    Bench {
        /// The numbers of members
        #[arg(long, value_delimiter = ',', default_values_t = measure::PAPER_SIZES)]
        sizes: Vec<u32>,
        /// How many messages are sent
        #[arg(long, default_value_t = 100)]
        messages: u32,
    },
    /// Bytes on the wire, beside their closed forms
    Bytes {
        /// The numbers of members
        #[arg(long, value_delimiter = ',', default_values_t = measure::BYTE_SIZES)]
        sizes: Vec<u32>,
    },
    /// What was claimed in 2018, what is measured, and the verdict
    Claims,
    /// Several members update in one epoch: what each way costs, leaves and heals
    Concurrency {
        /// How many members the group has
        #[arg(long, default_value_t = 1000)]
        #[arg(value_parser = clap::value_parser!(u32).range(4..=5000))]
        members: u32,
        /// How many of them update
        #[arg(long, value_delimiter = ',', default_values_t = [2, 4, 8, 32])]
        updaters: Vec<u32>,
    },
    /// What the next commit costs as members come online, and under policies for who updates when
    Curves {
        /// How many members the group has
        #[arg(long, default_value_t = 1000)]
        #[arg(value_parser = clap::value_parser!(u32).range(4..=5000))]
        members: u32,
    },
    /// Random lives of groups, after each commit of which it is compared who knows which key
    Invariant {
        /// How many lives
        #[arg(long, default_value_t = 10_000)]
        lives: u64,
        /// How many members a group has at most
        #[arg(long, default_value_t = 256)]
        #[arg(value_parser = clap::value_parser!(u32).range(3..=5000))]
        members: u32,
    },
    /// Operations of an update: of its sender and of its recipients
    Ops {
        /// The numbers of members
        #[arg(long, value_delimiter = ',', default_values_t = [8, 64, 128, 1024])]
        sizes: Vec<u32>,
        /// Look at so many recipients, drawn at random, and not at all of them
        #[arg(long)]
        sample: Option<u32>,
        /// Also print how many recipients need how many Diffie-Hellman operations in the last group
        #[arg(long)]
        histogram: bool,
    },
    /// Draw what updates cost in groups of up to a hundred thousand
    Plot {
        /// The folder for the SVG files and a table of their points; created if needed
        directory: PathBuf,
        /// The numbers of members
        #[arg(long, value_delimiter = ',', default_values_t = measure::COST_SIZES)]
        sizes: Vec<u32>,
    },
    /// How long updates take, and what each level of the tree adds
    Times {
        /// Up to two to the power of this many members
        #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(2..=16))]
        levels: u32,
    },
    /// What a stolen state tells: forward secrecy and post-compromise security
    Oracle(oracle::Oracle),
}

/// What went wrong in the laboratory is a result that does not hold.
pub(crate) fn failure(failure: lab::Failure) -> Failure {
    Failure::check(failure.to_string())
}

/// Does long work behind a bar.
pub(crate) fn behind_bar<T>(
    name: &str,
    output: &Output,
    work: impl FnOnce(measure::Progress<'_>) -> Result<T, lab::Failure>,
) -> Result<T, Failure> {
    let bar = Progress::steps(name, output.is_json());
    work(&mut |done, of| bar.set(done, of)).map_err(failure)
}

/// Prints a table for people, or one object for each row.
pub(crate) fn print(table: &Table, output: &mut Output) -> Result<(), Failure> {
    if !output.is_json() {
        return output.print(&table.text(), &Value::Null);
    }
    for row in &table.rows {
        let mut object = Map::from_iter([
            ("type".to_owned(), json!("row")),
            ("table".to_owned(), json!(table.name)),
        ]);
        for (column, cell) in table.columns.iter().zip(row) {
            let value = match cell {
                Cell::Count(count) => json!(count),
                Cell::Number(number) => json!(number),
                Cell::Text(text) => json!(text),
            };
            object.insert(column.replace([' ', '-'], "_").to_lowercase(), value);
        }
        output.print("", &Value::Object(object))?;
    }
    Ok(())
}

impl Lab {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Oracle(oracle) => oracle.run(output),
            Self::Attacks { members, sizes } => {
                check_sizes(&sizes)?;
                let table =
                    behind_bar("attacks", output, |bar| attacker::double_join_table(members, bar))?;
                print(&table, output)?;
                let table =
                    behind_bar("evictions", output, |bar| attacker::eviction_table(&sizes, bar))?;
                print(&table, output)
            }
            Self::Bench { sizes, messages } => bench(&sizes, messages, output),
            Self::Bytes { sizes } => {
                check_sizes(&sizes)?;
                let table = behind_bar("bytes", output, |bar| measure::bytes_table(&sizes, bar))?;
                print(&table, output)
            }
            Self::Claims => print(&behind_bar("claims", output, measure::claims_table)?, output),
            Self::Concurrency { members, updaters } => {
                let updaters: Vec<usize> = updaters.into_iter().map(number).collect();
                let table = behind_bar("variants", output, |bar| {
                    lab::concurrency::table(number(members), &updaters, bar)
                })?;
                print(&table, output)
            }
            Self::Curves { members } => {
                let tables =
                    behind_bar("curves", output, |bar| lab::curves::tables(number(members), bar))?;
                tables.iter().try_for_each(|table| print(table, output))
            }
            Self::Invariant { lives, members } => {
                let table = behind_bar("lives", output, |bar| {
                    lab::invariant::table(lives, number(members), bar)
                })?;
                print(&table, output)
            }
            Self::Plot { directory, sizes } => plot(&directory, &sizes, output),
            Self::Times { levels } => {
                let tables = behind_bar("times", output, |bar| measure::times_tables(levels, bar))?;
                tables.iter().try_for_each(|table| print(table, output))
            }
            Self::Ops { sizes, sample, histogram } => {
                check_sizes(&sizes)?;
                let recipients = sample.map_or(Recipients::All, Recipients::Sample);
                let table = behind_bar("operations", output, |bar| {
                    measure::ops_table(&sizes, recipients, bar)
                })?;
                print(&table, output)?;
                match sizes.last().filter(|_| histogram) {
                    Some(&size) => print(&measure::histogram_table(size).map_err(failure)?, output),
                    None => Ok(()),
                }
            }
        }
    }
}

/// A number of members, as an index counts them.
fn number(members: u32) -> usize {
    usize::try_from(members).unwrap_or(usize::MAX)
}

/// How many members the curves are drawn for: as many as were shown at IETF 103.
const CURVE_MEMBERS: usize = 1000;

fn bench(sizes: &[u32], messages: u32, output: &mut Output) -> Result<(), Failure> {
    check_sizes(sizes)?;
    let table = behind_bar("benchmark", output, |bar| measure::paper_table(sizes, messages, bar))?;
    match output.is_json() {
        true => print(&table, output),
        false => output.bytes(table.csv().as_bytes()),
    }
}

/// Draws everything that there is to draw.
fn plot(directory: &Path, sizes: &[u32], output: &mut Output) -> Result<(), Failure> {
    check_sizes(sizes)?;
    let write = |name: &str, contents: &str, output: &mut Output| {
        let path = directory.join(name);
        fs::write(&path, contents).map_err(|error| Failure::file(&path, &error))?;
        let file = path.display().to_string();
        output.print(&file, &json!({"type": "file", "file": file}))
    };
    fs::create_dir_all(directory).map_err(|error| Failure::file(directory, &error))?;
    let costs = behind_bar("costs", output, |bar| measure::costs(sizes, bar))?;
    write("costs.csv", &measure::costs_table(&costs).csv(), output)?;
    let curves = behind_bar("curves", output, |bar| lab::curves::plots(CURVE_MEMBERS, bar))?;
    for plot in measure::cost_plots(&costs).into_iter().chain(curves) {
        write(&format!("{}.svg", plot.name), &plot.svg(), output)?;
    }
    Ok(())
}

/// Groups that fit into a machine's memory, and have somebody to talk to.
pub(crate) fn check_sizes(sizes: &[u32]) -> Result<(), Failure> {
    match sizes.iter().all(|size| (2..=200_000).contains(size)) {
        true => Ok(()),
        false => {
            Err(Failure::usage("a group in the laboratory has 2 to 200000 members".to_owned()))
        }
    }
}
