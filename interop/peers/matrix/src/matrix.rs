//! The matrix: scenarios and random groups in every company of stacks.
//!
//! A run passes, or a stack answers `UNIMPLEMENTED` to what its adapter lists as lacking, or it
//! fails in a way that is listed as a known deviation. Anything else is a failure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use interop::runner::{Assignments, Handshakes, Outcome, RandomGroup, RunOptions};
use tonic::Code;

use crate::deviations;
use crate::document;
use crate::stacks::{Company, Stack};

/// `conclave-interop matrix`.
#[derive(clap::Args)]
pub(crate) struct Matrix {
    /// Only this suite; may be given several times
    #[arg(long = "suite")]
    suites: Vec<u32>,
    /// Suite 1 only, few assignments, one short random group for each company
    #[arg(long)]
    quick: bool,
    /// Only companies of exactly these stacks
    #[arg(long = "stack")]
    stacks: Vec<Stack>,
    /// A scenario file or folder; several may be given. The working group's and ours if none is
    #[arg(long = "config", value_name = "FILE|DIR")]
    configs: Vec<PathBuf>,
    /// All assignments of actors to stacks up to this many, or so many at random
    #[arg(long, value_name = "N", default_value_t = 9)]
    assignments: usize,
    /// Operations of each random group
    #[arg(long, value_name = "N", default_value_t = 300)]
    operations: usize,
    /// Random groups for each company, suite and form
    #[arg(long, value_name = "N", default_value_t = 1)]
    groups: usize,
    /// Decides what is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Writes the results into this document, between its marks
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// What came of the runs of a script in a company.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) passed: usize,
    pub(crate) lacking: usize,
    pub(crate) deviating: usize,
    pub(crate) failed: usize,
}

/// Everything that came of a matrix.
#[derive(Default)]
pub(crate) struct Results {
    /// By script, then by company.
    pub(crate) cells: BTreeMap<String, BTreeMap<String, Cell>>,
    /// The companies in their order, with their suites.
    pub(crate) companies: Vec<(String, Vec<u32>)>,
    /// How many runs each known deviation explains.
    pub(crate) deviations: BTreeMap<&'static str, usize>,
}

/// A scenario so big that it is played once, in the first suite.
const BIG: &str = "deep_random";

impl Matrix {
    /// Plays; whether nothing failed.
    pub(crate) fn run(&self) -> Result<bool, String> {
        let mut results = Results::default();
        for stacks in Stack::COMPANIES {
            if self.stacks.is_empty() || same(&self.stacks, stacks) {
                self.play(&Company::start(stacks)?, &mut results)?;
            }
        }
        println!("{}", document::text(&results));
        let failed: usize = results.all().map(|cell| cell.failed).sum();
        if let Some(path) = &self.write {
            document::write(path, "matrix", &document::markdown(&results, &self.description()))?;
        }
        Ok(failed == 0)
    }

    fn play(&self, company: &Company, results: &mut Results) -> Result<(), String> {
        let mut suites = company.suites();
        suites.retain(|suite| match self.suites.is_empty() {
            true => !self.quick || *suite == 1,
            false => self.suites.contains(suite),
        });
        let name = company.name();
        eprintln!("{name}, suites {suites:?}");
        results.companies.push((name.clone(), suites.clone()));
        if suites.is_empty() {
            return Ok(());
        }
        for file in self.files()? {
            let is_big = file.file_stem().is_some_and(|stem| stem == BIG);
            match is_big {
                true if self.quick => {}
                true => self.play_big(company, &file, &suites, results)?,
                false => {
                    let options = self.options(suites.clone(), &Handshakes::ALL);
                    self.play_file(company, &file, &options, results)?;
                }
            }
        }
        self.play_random(company, &suites, results);
        Ok(())
    }

    fn play_big(
        &self,
        company: &Company,
        file: &Path,
        suites: &[u32],
        results: &mut Results,
    ) -> Result<(), String> {
        if let Some(suite) = suites.first() {
            let form = Handshakes::Private;
            let options = self.options(vec![*suite], &[form]);
            let options = RunOptions { assignments: Assignments::Random(1), ..options };
            self.play_file(company, file, &options, results)?;
        }
        Ok(())
    }

    fn play_file(
        &self,
        company: &Company,
        file: &Path,
        options: &RunOptions,
        results: &mut Results,
    ) -> Result<(), String> {
        let name = company.name();
        let played = company.runner.run(file, options, |outcome| results.note(&name, outcome));
        played.map(drop).map_err(|error| error.to_string())
    }

    fn play_random(&self, company: &Company, suites: &[u32], results: &mut Results) {
        let name = company.name();
        let able = |_: usize, _: &str| true;
        for &suite in suites {
            for handshakes in Handshakes::ALL {
                for number in 0..self.groups {
                    let number = u64::try_from(number).unwrap_or_default();
                    let seed = self.seed + number * 100 + u64::from(suite);
                    let group = RandomGroup {
                        seed,
                        operations: self.operations(),
                        clients: company.stacks.len(),
                        members_max: 16,
                        able: &able,
                    };
                    let (script, cast) = group.script();
                    let mut outcome = company.runner.play(&script, cast, (suite, handshakes), seed);
                    outcome.script = "random groups".to_owned();
                    results.note(&name, &outcome);
                }
            }
        }
    }

    fn options(&self, suites: Vec<u32>, handshakes: &[Handshakes]) -> RunOptions {
        RunOptions {
            suites,
            handshakes: handshakes.to_vec(),
            assignments: Assignments::Random(self.assignments()),
            seed: self.seed,
            ..RunOptions::default()
        }
    }

    /// The scenario files, in order.
    fn files(&self) -> Result<Vec<PathBuf>, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
        let official = std::env::var_os("MLS_INTEROP_CONFIGS")
            .map_or_else(|| root.join("../shared/interop/configs"), PathBuf::from);
        let configs = match self.configs.is_empty() {
            true => vec![official, root.join("crates/interop/scenarios")],
            false => self.configs.clone(),
        };
        let mut files = Vec::new();
        for config in configs {
            if config.is_file() {
                files.push(config);
                continue;
            }
            let failed = |error| format!("{}: {error}", config.display());
            for entry in std::fs::read_dir(&config).map_err(failed)? {
                files.push(entry.map_err(failed)?.path());
            }
        }
        files.retain(|file| file.extension().is_some_and(|it| it == "json"));
        files.sort();
        Ok(files)
    }

    fn assignments(&self) -> usize {
        if self.quick { 2 } else { self.assignments }
    }

    fn operations(&self) -> usize {
        if self.quick { 60 } else { self.operations }
    }

    fn description(&self) -> String {
        format!(
            "every assignment of actors to stacks where there are at most {0}, else {0} at random, \
             each with every stack in it; random groups of {1} operations; seed {2}",
            self.assignments(),
            self.operations(),
            self.seed,
        )
    }
}

/// Whether these are the same stacks in any order.
fn same(left: &[Stack], right: &[Stack]) -> bool {
    left.len() == right.len() && left.iter().all(|stack| right.contains(stack))
}

impl Results {
    fn note(&mut self, company: &str, outcome: &Outcome) {
        let cell = self.cells.entry(outcome.script.clone()).or_default();
        let cell = cell.entry(company.to_owned()).or_default();
        let Some(failure) = &outcome.failure else {
            cell.passed += 1;
            return;
        };
        let lacks = failure.refusal.as_ref().is_some_and(|refusal| {
            refusal.code == Code::Unimplemented
                && Stack::named(&refusal.peer)
                    .is_some_and(|stack| stack.is_lacking(&refusal.rpc, outcome.suite))
        });
        if lacks {
            cell.lacking += 1;
        } else if let Some(deviation) = deviations::known(outcome) {
            cell.deviating += 1;
            *self.deviations.entry(deviation.what).or_default() += 1;
        } else {
            cell.failed += 1;
            println!("{company}: {outcome}");
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Cell> {
        self.cells.values().flat_map(BTreeMap::values)
    }
}
