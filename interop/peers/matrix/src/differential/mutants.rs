//! Honest messages with bytes changed: cut short, flipped, with other lengths, with something
//! inserted. Each mutant is followed by its original, which must still be accepted.

use codec::Encode;
use crypto::Random as _;
use mls::{HandshakeFormat, MlsMessage, MlsMessageBody};
use testkit::forge::Insider;
use testkit::{Person, SeededRandom};

use super::forgery::{Evidence, Studio};
use super::joining::{Invitation, LIES, invitations};
use super::stage::{Jury, Stage, Verdict, key_package, with_path};
use crate::stacks::Stack;

/// What was done to whom, and what came of the mutant and of the original.
pub(crate) struct Round {
    pub(crate) situation: String,
    pub(crate) mutant: Vec<(Stack, Verdict)>,
    pub(crate) original: Vec<(Stack, Verdict)>,
}

/// What is mutated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Commit,
    KeyPackage,
    GroupInfo,
    Proposal,
    Welcome,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] = [
        Self::Text,
        Self::Commit,
        Self::KeyPackage,
        Self::GroupInfo,
        Self::Proposal,
        Self::Welcome,
    ];

    /// Whether the forger's own state is left behind.
    pub(crate) fn spends_stage(self) -> bool {
        matches!(self, Self::Proposal)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Text => "application message",
            Self::Commit => "commit",
            Self::KeyPackage => "key package",
            Self::GroupInfo => "GroupInfo",
            Self::Proposal => "proposal",
            Self::Welcome => "Welcome",
        }
    }
}

fn below(random: &mut SeededRandom, end: usize) -> usize {
    let mut bytes = [0; 8];
    random.fill(&mut bytes).expect("a seed does not fail");
    let end = u64::try_from(end.max(1)).unwrap_or(u64::MAX);
    usize::try_from(u64::from_be_bytes(bytes) % end).unwrap_or_default()
}

/// A changed copy, with what was done to it.
pub(crate) fn mutate(bytes: &[u8], random: &mut SeededRandom) -> (String, Vec<u8>) {
    let place = below(random, bytes.len());
    let mut copy = bytes.to_vec();
    let what = match below(random, 6) {
        0 => {
            copy.truncate(place);
            "cut off"
        }
        1 => {
            copy[place] ^= 1 << below(random, 8);
            "bit flipped"
        }
        2 => {
            let specials = [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff];
            let value = specials[below(random, specials.len())];
            copy[place] = if copy[place] == value { !value } else { value };
            "byte replaced"
        }
        3 => {
            copy.push(0);
            return ("a byte appended".to_owned(), copy);
        }
        4 => {
            copy.insert(place, 0);
            "zero inserted"
        }
        _ => return longer_length(bytes, place),
    };
    (format!("{what} at {place} of {}", bytes.len()), copy)
}

/// What may be a length of one byte, written with two (section 2.1.2 wants the shortest form).
fn longer_length(bytes: &[u8], from: usize) -> (String, Vec<u8>) {
    let is_length = |place: &usize| {
        let length = usize::from(bytes[*place]);
        (1..64).contains(&length) && place + 1 + length <= bytes.len()
    };
    let place = (from..bytes.len()).chain(0..from).find(is_length).unwrap_or_default();
    let mut copy = bytes.to_vec();
    copy.insert(place, 0x40);
    (format!("length in two bytes at {place} of {}", bytes.len()), copy)
}

/// A round of this kind.
pub(crate) fn round(
    stage: &mut Stage<'_>,
    kind: Kind,
    (handshakes, random): (HandshakeFormat, &mut SeededRandom),
) -> Result<Round, String> {
    let form = match handshakes {
        HandshakeFormat::Public => "public",
        HandshakeFormat::Private => "private",
    };
    let (what, mutant, original) = match kind {
        Kind::Text => text(stage, random),
        Kind::Commit => commit(stage, random),
        Kind::KeyPackage => newcomer(stage, random),
        Kind::GroupInfo => group_info(stage, random),
        Kind::Proposal => proposal(stage, (handshakes, random)),
        Kind::Welcome => welcome(stage, random)?,
    };
    Ok(Round { situation: format!("{}, {form}: {what}", kind.name()), mutant, original })
}

type Rounds = (String, Vec<(Stack, Verdict)>, Vec<(Stack, Verdict)>);

fn text(stage: &mut Stage<'_>, random: &mut SeededRandom) -> Rounds {
    let Person { group, random: own, .. } = &mut stage.forger;
    let said = group.as_mut().expect("in a group").protect(b"hello", b"aad", own);
    let message = stage.forger.save(said).to_bytes();
    let (what, mutant) = mutate(&message, random);
    let hear = |bytes: &[u8]| {
        let seats = stage.seats.iter();
        seats.map(|seat| (seat.stack, stage.hear_text(*seat, bytes, b"hello"))).collect()
    };
    (what, hear(&mutant), hear(&message))
}

/// Everyone moves on with the original, the friend too.
fn commit(stage: &mut Stage<'_>, random: &mut SeededRandom) -> Rounds {
    let Person { group, random: own, .. } = &mut stage.forger;
    let made = group.as_mut().expect("in a group").commit(with_path(), super::stage::now(), own);
    let made = stage.forger.save(made);
    let message = made.commit.to_bytes();
    stage.forger.advance(made.pending);
    super::stage::follow(&mut stage.friend, &made.commit);
    let expected = stage.authenticator();
    let (what, mutant) = mutate(&message, random);
    let hear = |bytes: &[u8]| {
        let seats = stage.seats.iter();
        seats.map(|seat| (seat.stack, stage.hear_commit(*seat, &[], bytes, &expected))).collect()
    };
    (what, hear(&mutant), hear(&message))
}

fn newcomer(stage: &mut Stage<'_>, random: &mut SeededRandom) -> Rounds {
    let name = format!("newcomer {}", below(random, usize::MAX));
    let mut newcomer = Person::new(&name, super::stage::traits(stage.jury.suite));
    let made = key_package(&mut newcomer);
    let message = MlsMessage(MlsMessageBody::KeyPackage(Box::new(made))).to_bytes();
    let (what, mutant) = mutate(&message, random);
    let consider = |bytes: &[u8]| {
        let seats = stage.seats.iter();
        seats.map(|seat| (seat.stack, stage.consider(*seat, bytes.to_vec()))).collect()
    };
    (what, consider(&mutant), consider(&message))
}

fn group_info(stage: &mut Stage<'_>, random: &mut SeededRandom) -> Rounds {
    let message = Insider::of(&stage.forger).group_info(|_| {}).to_bytes();
    let (what, mutant) = mutate(&message, random);
    let jury: &Jury = stage.jury;
    let join = |bytes: &[u8]| {
        jury.stacks().map(|stack| (stack, jury.join_external(stack, bytes.to_vec()))).collect()
    };
    (what, join(&mutant), join(&message))
}

/// An Update of the friend, and the forger's commit that refers to it.
fn proposal(
    stage: &mut Stage<'_>,
    (handshakes, random): (HandshakeFormat, &mut SeededRandom),
) -> Rounds {
    let evidence = Studio::new(stage, handshakes).update_of_friend(|_| {});
    let Evidence::Commit { proposals, commit, authenticator } = evidence else {
        panic!("an update is committed")
    };
    let (what, mutant) = mutate(&proposals[0], random);
    let hear = |proposals: &[Vec<u8>]| {
        let seats = stage.seats.iter();
        seats
            .map(|seat| (seat.stack, stage.hear_commit(*seat, proposals, &commit, &authenticator)))
            .collect()
    };
    (what, hear(&[mutant]), hear(&proposals))
}

/// The same is done to everyone's Welcome.
fn welcome(stage: &Stage<'_>, random: &mut SeededRandom) -> Result<Rounds, String> {
    let (mut what, mut first, mut second) = (String::new(), Vec::new(), Vec::new());
    let alike = random.clone();
    for invitation in invitations(stage, &LIES[0])? {
        let Invitation { stack, transaction, welcome, authenticator } = invitation;
        *random = alike.clone();
        let (done, mutant) = mutate(&welcome, random);
        what = done;
        let join = |bytes| stage.jury.join((stack, transaction), bytes, authenticator.as_deref());
        first.push((stack, join(mutant)));
        second.push((stack, join(welcome)));
        stage.jury.free(stack, transaction);
    }
    Ok((what, first, second))
}
