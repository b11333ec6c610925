//! What follows from what: a graph of secrets, and what somebody knows who starts with some.
//!
//! A rule says that whoever knows all its premises can compute its conclusion. What is public is no
//! premise. A ciphertext is a rule from the key to what is inside, since everybody has all
//! ciphertexts. The graph only grows.

use std::collections::HashSet;

/// A secret, by its place in the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId(pub u32);

impl SecretId {
    fn place(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Rule {
    /// At most two; the second is the first if there is one.
    premises: [SecretId; 2],
    conclusion: SecretId,
}

/// Secrets and the rules between them.
#[derive(Clone, Default)]
pub struct Graph {
    size: u32,
    rules: Vec<Rule>,
    /// For each secret, the rules that it is a premise of.
    uses: Vec<Vec<u32>>,
    known_rules: HashSet<Rule>,
    /// The rules with two premises.
    joint: Vec<u32>,
    /// What everybody knows.
    public: Knowledge,
}

impl Graph {
    /// A secret that nothing leads to yet.
    pub fn fresh(&mut self) -> SecretId {
        let id = SecretId(self.size);
        self.size += 1;
        self.uses.push(Vec::new());
        id
    }

    /// How many secrets there are.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// How many rules there are.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// From now on everybody knows the secret.
    pub fn publish(&mut self, secret: SecretId) {
        self.public.insert(secret);
    }

    /// Whoever knows all premises knows the conclusion. With three premises or more, those after
    /// the first two go through secrets in between.
    pub fn add_rule(&mut self, premises: &[SecretId], conclusion: SecretId) {
        let premises = match premises {
            [] => return self.publish(conclusion),
            [only] => [*only, *only],
            [one, other] => [*one, *other],
            [one, other, rest @ ..] => {
                let both = self.fresh();
                self.add_rule(&[*one, *other], both);
                return self.add_rule(&[&[both], rest].concat(), conclusion);
            }
        };
        let rule = Rule { premises, conclusion };
        if premises.contains(&conclusion) || !self.known_rules.insert(rule.clone()) {
            return;
        }
        let number = u32::try_from(self.rules.len()).expect("fewer rules than memory has bytes");
        self.uses[premises[0].place()].push(number);
        if premises[0] != premises[1] {
            self.uses[premises[1].place()].push(number);
            self.joint.push(number);
        }
        self.rules.push(rule);
    }

    /// All that follows from these secrets and what is public.
    #[must_use]
    pub fn closure(&self, start: impl IntoIterator<Item = SecretId>) -> Knowledge {
        let mut knowledge = Knowledge::default();
        let public = self.public.iter().collect::<Vec<_>>();
        self.learn(&mut knowledge, public.into_iter().chain(start));
        knowledge
    }

    /// All that follows from what two attackers know who meet. Both are closed.
    #[must_use]
    pub fn union(&self, one: &Knowledge, other: &Knowledge) -> Knowledge {
        let mut knowledge = one.clone();
        knowledge.absorb(other);
        // Each is closed, so only a rule with a premise from both can give anything new.
        for &rule in &self.joint {
            let Rule { premises, conclusion } = self.rules[rule as usize];
            if premises.iter().all(|&premise| knowledge.has(premise)) {
                self.learn(&mut knowledge, [conclusion]);
            }
        }
        knowledge
    }

    fn learn(&self, knowledge: &mut Knowledge, news: impl IntoIterator<Item = SecretId>) {
        let mut waiting: Vec<SecretId> =
            news.into_iter().filter(|&secret| knowledge.insert(secret)).collect();
        while let Some(secret) = waiting.pop() {
            for &rule in &self.uses[secret.place()] {
                let Rule { premises, conclusion } = self.rules[rule as usize];
                let follows = premises.iter().all(|&premise| knowledge.has(premise));
                if follows && knowledge.insert(conclusion) {
                    waiting.push(conclusion);
                }
            }
        }
    }
}

/// A set of secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Knowledge(Vec<u64>);

impl Knowledge {
    /// Whether the secret is known.
    #[must_use]
    pub fn has(&self, secret: SecretId) -> bool {
        self.0.get(secret.place() / 64).is_some_and(|word| word >> (secret.0 % 64) & 1 == 1)
    }

    /// Adds a secret; whether it is new.
    pub fn insert(&mut self, secret: SecretId) -> bool {
        let place = secret.place() / 64;
        if self.0.len() <= place {
            self.0.resize(place + 1, 0);
        }
        let bit = 1 << (secret.0 % 64);
        let is_new = self.0[place] & bit == 0;
        self.0[place] |= bit;
        is_new
    }

    /// The secrets, in order.
    pub fn iter(&self) -> impl Iterator<Item = SecretId> + '_ {
        let words = (0..).zip(&self.0);
        words.flat_map(|(place, word)| {
            let bits = (0..64_u32).filter(move |bit| word >> bit & 1 == 1);
            bits.map(move |bit| SecretId(place * 64 + bit))
        })
    }

    fn absorb(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, more)| *word |= more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knowledge_is_closed_under_rules_and_nothing_else() {
        let mut graph = Graph::default();
        let [a, b, c, d, e, f] = [(); 6].map(|()| graph.fresh());
        graph.add_rule(&[a], c);
        graph.add_rule(&[b, c], d);
        graph.add_rule(&[a, b, d], e);
        let one = graph.closure([a]);
        let other = graph.closure([b]);
        assert_eq!(one.iter().collect::<Vec<_>>(), [a, c]);
        assert_eq!(other.iter().collect::<Vec<_>>(), [b]);
        let both = graph.union(&one, &other);
        assert!([a, b, c, d, e].iter().all(|&it| both.has(it)) && !both.has(f));
        assert!(both == graph.closure([a, b]));
        graph.publish(b);
        assert!(graph.closure([a]) == graph.closure([a, b]));
    }
}
