//! `conclave lab oracle`: what a stolen state tells.

use super::print;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Progress;
use lab::Table;
use lab::oracle::audit::{Counts, Finding, Leaks, Scope};
use lab::oracle::explore::{Menu, explore_all, grow, walks};
use lab::oracle::exposure::{self, PEOPLE};
use lab::oracle::model::Model;
use lab::oracle::real::{Real, strict};
use mls::HandshakeFormat;

#[derive(clap::Args)]
pub(crate) struct Oracle {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(clap::Subcommand)]
enum What {
    /// Every history of so many commits, compared with what should be known
    Explore {
        #[command(flatten)]
        group: Group,
        /// How many commits
        #[arg(long, default_value_t = 2)]
        depth: usize,
        /// All kinds of commits, and not only paths with or without one Add or Remove
        #[arg(long)]
        full: bool,
        /// Two leaks, and not only one
        #[arg(long)]
        pairs: bool,
    },
    /// What leaks expose, as tables (this is what happens without a command)
    Tables,
    /// Random histories
    Walk {
        #[command(flatten)]
        group: Group,
        /// How many histories
        #[arg(long, default_value_t = 10)]
        count: u64,
        /// How many commits each has
        #[arg(long, default_value_t = 60)]
        length: usize,
        /// The seed of the first
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
}

#[derive(clap::Args)]
struct Group {
    /// How many people there are: members and those who may join
    #[arg(long, default_value_t = 4)]
    people: usize,
    /// How many members there are at first
    #[arg(long, default_value_t = 4)]
    members: u32,
    /// Take the twin of the rules without cryptography, and not the library
    #[arg(long)]
    model: bool,
    /// Send commits and proposals encrypted
    #[arg(long)]
    private: bool,
}

/// A property that does not hold is a result that does not hold.
fn failure(finding: impl ToString) -> Failure {
    Failure::check(finding.to_string())
}

impl Group {
    fn check(&self) -> Result<(), Failure> {
        let fits = usize::try_from(self.members).is_ok_and(|members| members <= self.people);
        if fits && self.members > 0 && self.people <= 256 {
            return Ok(());
        }
        Err(Failure::usage("1 <= members <= people <= 256".to_owned()))
    }

    fn real(&self) -> Result<Real, Finding> {
        let handshakes =
            if self.private { HandshakeFormat::Private } else { HandshakeFormat::Public };
        let world = Real::new(self.people, strict(handshakes), 1);
        let mut world = world.map_err(|error| Finding::failed(&error))?;
        grow(&mut world, self.members)?;
        Ok(world)
    }

    fn twin(&self) -> Result<Model, Finding> {
        let mut world = Model::new(self.people, None);
        grow(&mut world, self.members)?;
        Ok(world)
    }
}

impl Oracle {
    pub(crate) fn run(self, output: &mut Output) -> Result<(), Failure> {
        match self.what.unwrap_or(What::Tables) {
            What::Tables => tables(output),
            What::Explore { group, depth, full, pairs } => {
                group.check()?;
                let menu = if full { Menu::Full } else { Menu::Core };
                let scope = Scope::all(if pairs { Leaks::Pairs } else { Leaks::Single });
                let counts = {
                    let bar = Progress::steps("histories", output.is_json());
                    let mut tell = |done, of| bar.set(done, of);
                    if group.model {
                        group.twin().and_then(|it| explore_all(&it, menu, depth, scope, &mut tell))
                    } else {
                        group.real().and_then(|it| explore_all(&it, menu, depth, scope, &mut tell))
                    }
                };
                print(&counts_table(counts.map_err(failure)?), output)
            }
            What::Walk { group, count, length, seed } => {
                group.check()?;
                let counts = {
                    let bar = Progress::steps("walks", output.is_json());
                    let mut tell = |done, of| bar.set(done, of);
                    let lives = (seed, count, length);
                    if group.model {
                        group.twin().and_then(|it| walks(&it, lives, &mut tell))
                    } else {
                        group.real().and_then(|it| walks(&it, lives, &mut tell))
                    }
                };
                print(&counts_table(counts.map_err(failure)?), output)
            }
        }
    }
}

fn tables(output: &mut Output) -> Result<(), Failure> {
    let world = Real::new(PEOPLE, strict(HandshakeFormat::Public), 2).map_err(failure)?;
    let world = exposure::start(world).map_err(failure)?;
    let kept = exposure::kept_table().map_err(failure)?;
    for table in exposure::tables(&world).map_err(failure)?.iter().chain([&kept]) {
        print(table, output)?;
    }
    Ok(())
}

fn counts_table(counts: Counts) -> Table {
    let columns =
        ["histories", "one leak", "two leaks", "theorem is loose", "tree nodes", "outsiders"];
    let mut table = Table::new("oracle", "What was compared, and nothing was found", &columns);
    let Counts { histories, singles, pairs, theorem_is_loose, nodes, outsiders } = counts;
    let row = [histories, singles, pairs, theorem_is_loose, nodes, outsiders];
    table.rows.push(row.map(Into::into).into());
    table
}
