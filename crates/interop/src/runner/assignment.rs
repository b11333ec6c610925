//! Which client plays which actor.

use super::chance::Chance;

/// Beyond this many, "all" assignments of a script are one at random: a script with hundreds of
/// actors has more than there are atoms.
const ALL_MAX: usize = 10_000;

/// Which assignments of actors to clients are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignments {
    /// Every one; one at random if there are more than ten thousand.
    All,
    /// At most so many, at random.
    Random(usize),
}

impl Assignments {
    /// For each assignment, the client of each actor.
    pub(super) fn of(self, clients: usize, actors: usize, mut chance: Chance) -> Vec<Vec<usize>> {
        let exponent = u32::try_from(actors).unwrap_or(u32::MAX);
        let total = clients.checked_pow(exponent).filter(|&total| total <= ALL_MAX);
        match (self, total) {
            (Self::All, Some(total)) => every(total, clients, actors),
            (Self::Random(most), Some(total)) if total <= most => every(total, clients, actors),
            (Self::All, None) => random(1, clients, actors, &mut chance),
            (Self::Random(most), _) => random(most, clients, actors, &mut chance),
        }
    }
}

/// The numbers from 0 on, written in base `clients` with a digit for each actor.
fn every(total: usize, clients: usize, actors: usize) -> Vec<Vec<usize>> {
    let digits = |mut number: usize| {
        let digit = |_| {
            let digit = number % clients;
            number /= clients;
            digit
        };
        (0..actors).map(digit).collect()
    };
    (0..total).map(digits).collect()
}

/// Each with every client in it, as far as there are actors enough.
fn random(count: usize, clients: usize, actors: usize, chance: &mut Chance) -> Vec<Vec<usize>> {
    let draw = |_| {
        let mut drawn: Vec<usize> = (0..actors)
            .map(|actor| if actor < clients { actor } else { chance.below(clients) })
            .collect();
        for last in (1..drawn.len()).rev() {
            drawn.swap(last, chance.below(last + 1));
        }
        drawn
    };
    (0..count).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_assignments_are_different_and_complete() {
        let chance = Chance::of(0, &[]);
        let all = Assignments::All.of(2, 3, chance.clone());
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (8, 8));
        assert_eq!(Assignments::All.of(3, 0, chance.clone()), [Vec::<usize>::new()]);
        assert!(Assignments::All.of(0, 2, chance.clone()).is_empty());
        assert_eq!(Assignments::Random(9).of(2, 3, chance).len(), 8);
    }

    #[test]
    fn random_assignments_involve_everyone_and_come_again() {
        let chance = || Chance::of(7, &[b"script"]);
        let drawn = Assignments::All.of(3, 800, chance());
        assert_eq!(drawn.len(), 1);
        assert!((0..3).all(|client| drawn[0].contains(&client)));
        assert_eq!(drawn, Assignments::All.of(3, 800, chance()));
        let drawn = Assignments::Random(4).of(3, 5, chance());
        assert_eq!(drawn.len(), 4);
        assert!(drawn.iter().all(|one| (0..3).all(|client| one.contains(&client))));
    }
}
