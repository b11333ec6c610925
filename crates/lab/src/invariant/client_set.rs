//! Sets of clients, as bits.

/// Somebody who is, was or will be in the group, or attacks it; numbered in order of appearance.
/// Who is removed and added again is somebody new, with new keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Client(pub usize);

/// A set of clients.
#[derive(Clone, Debug, Default)]
pub struct ClientSet(Vec<u64>);

const BITS: usize = 64;

impl ClientSet {
    /// The empty set.
    pub const NOBODY: Self = Self(Vec::new());

    /// The set of one client.
    #[must_use]
    pub fn of(client: Client) -> Self {
        let mut set = Self::default();
        set.insert(client);
        set
    }

    /// Puts a client into the set.
    pub fn insert(&mut self, Client(number): Client) {
        let word = number / BITS;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (number % BITS);
    }

    /// Takes a client out of the set.
    pub fn remove(&mut self, Client(number): Client) {
        if let Some(word) = self.0.get_mut(number / BITS) {
            *word &= !(1 << (number % BITS));
        }
    }

    /// Whether a client is in the set.
    #[must_use]
    pub fn contains(&self, Client(number): Client) -> bool {
        self.0.get(number / BITS).is_some_and(|word| word >> (number % BITS) & 1 == 1)
    }

    /// Puts all of another set into this one.
    pub fn extend(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, more)| *word |= more);
    }

    /// Keeps what is in another set too.
    pub fn retain(&mut self, other: &Self) {
        self.0.truncate(other.0.len());
        self.0.iter_mut().zip(&other.0).for_each(|(word, kept)| *word &= kept);
    }

    /// The clients of this set that are not in another.
    pub fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Client> + 'a {
        self.iter().filter(|client| !other.contains(*client))
    }

    /// The clients, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Client> + '_ {
        self.0.iter().enumerate().flat_map(|(place, &word)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let bit = usize::try_from(left.trailing_zeros()).ok().filter(|bit| *bit < BITS)?;
                left &= left - 1;
                Some(Client(place * BITS + bit))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(numbers: &[usize]) -> ClientSet {
        let mut set = ClientSet::default();
        numbers.iter().for_each(|number| set.insert(Client(*number)));
        set
    }

    fn numbers(set: &ClientSet) -> Vec<usize> {
        set.iter().map(|Client(number)| number).collect()
    }

    #[test]
    fn sets_of_different_lengths_are_united_intersected_and_compared() {
        let (small, large) = (set(&[0, 3, 63]), set(&[3, 64, 200]));
        assert_eq!(numbers(&large), [3, 64, 200]);
        assert!(large.contains(Client(200)) && !large.contains(Client(199)));
        assert!(!small.contains(Client(1000)));
        for (mut left, right) in [(small.clone(), &large), (large.clone(), &small)] {
            let only_left: Vec<Client> = left.without(right).collect();
            assert_eq!(only_left.len(), 2);
            left.extend(right);
            assert_eq!(numbers(&left), [0, 3, 63, 64, 200]);
            left.retain(right);
            assert_eq!(numbers(&left), numbers(right));
        }
    }
}
