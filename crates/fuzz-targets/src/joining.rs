//! Joining: Welcomes, GroupInfos and trees, changed by somebody without a key or by the member who
//! invites.

use std::cell::OnceCell;

use codec::{Decode, Encode};
use mls::{
    CommitOptions, ExternalJoinOptions, GroupInfoOptions, MemoryStorage, MlsMessage,
    MlsMessageBody, RatchetTreeNodes,
};
use testkit::forge::{Insider, WelcomeForge};
use testkit::{NOW, Person, SeededRandom, Traits, group_of};
use tree::RatchetTree;
use wire::{Extension, ExtensionType, GroupInfo};

use crate::Outcome;
use crate::input::Input;
use crate::scene::{copy, group_info};

/// Dave is invited into a group of three, by a Welcome without the tree, and could also join by
/// himself.
struct Invited {
    alice: Person,
    dave: Person,
    welcome: MlsMessage,
    tree: RatchetTreeNodes,
    info: MlsMessage,
    authenticator: Vec<u8>,
}

impl Invited {
    fn new() -> Self {
        let mut people = group_of(&["alice", "bob", "carol"], || Traits::new(1));
        let mut dave = Person::new("dave", Traits::new(1));
        let mut options = CommitOptions::new().add_member(dave.key_package());
        options.welcome_info = GroupInfoOptions { ratchet_tree: false, external_pub: false };
        let mut alice = people.swap_remove(0);
        let mut sent = alice.commit_and_advance(options);
        let welcome = sent.welcomes.swap_remove(0);
        let (tree, info) = (alice.group().ratchet_tree(), group_info(&mut alice));
        let authenticator = alice.group().epoch_authenticator().expose().to_vec();
        Self { alice, dave, welcome, tree, info, authenticator }
    }

    /// Joins; what is joined can be stored, and used at once.
    fn join(&self, welcome: &MlsMessage, tree: RatchetTreeNodes) -> Option<Vec<u8>> {
        let Person { client, store, .. } = &self.dave;
        let joined = client.join(store, welcome, Some(tree), NOW).ok()?;
        let mut dave = copy(&self.dave);
        dave.group = Some(dave.save(Ok(joined)));
        let authenticator = dave.group().epoch_authenticator().expose().to_vec();
        dave.restart();
        assert!(dave.group().epoch_authenticator().expose() == authenticator, "stored otherwise");
        dave.say("hello");
        Some(authenticator)
    }

    /// Makes an external commit; the group that it leads to can be stored.
    fn join_by_himself(&self, info: &MlsMessage) -> Outcome {
        let mut frank = Person::new("frank", Traits::new(1));
        let mut store = MemoryStorage::new();
        let options = ExternalJoinOptions::default();
        let joining = frank.client.join_external(&store, info, options, NOW, &mut frank.random);
        let Ok(joining) = joining else { return Outcome::Refused };
        let joining = joining.save(&mut store).expect("memory does not fail");
        let joined = frank.client.complete_join(&store, &joining.pending);
        let (group, _) = joined.expect("the candidate is stored").into_parts();
        assert!(group.members().any(|member| member.index == group.own_leaf()));
        Outcome::Accepted
    }
}

/// An octet chooses what is changed and who changes it; the rest are changes.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    thread_local! {
        static INVITED: OnceCell<Invited> = const { OnceCell::new() };
    }
    let input = &mut Input::new(bytes);
    INVITED.with(|invited| {
        let invited = invited.get_or_init(Invited::new);
        let outcome = match input.byte() % 6 {
            0 => welcome(invited, input),
            1 => tree_beside(invited, input),
            2 => welcome_by_insider(invited, input),
            3 => info(invited, input),
            4 => info_by_insider(invited, input),
            _ => tree_by_insider(invited, input),
        };
        outcome.unwrap_or(Outcome::Refused)
    })
}

/// The Welcome on its way: whoever joins by it joins the group that it was for.
fn welcome(invited: &Invited, input: &mut Input<'_>) -> Option<Outcome> {
    let welcome = input.vary(&invited.welcome)?;
    let authenticator = invited.join(&welcome, invited.tree.clone())?;
    assert!(authenticator == invited.authenticator, "led into another group");
    Some(Outcome::Accepted)
}

/// The tree on its way: only the right one will do.
fn tree_beside(invited: &Invited, input: &mut Input<'_>) -> Option<Outcome> {
    let tree = RatchetTreeNodes::from_bytes(&input.change(&invited.tree.to_bytes())).ok()?;
    let is_right = tree == invited.tree;
    let authenticator = invited.join(&invited.welcome, tree)?;
    assert!(is_right && authenticator == invited.authenticator, "joined with another tree");
    Some(Outcome::Accepted)
}

/// The Welcome as Alice might make it: another GroupInfo or other secrets.
fn welcome_by_insider(invited: &Invited, input: &mut Input<'_>) -> Option<Outcome> {
    let mut forge = WelcomeForge::open(&invited.dave, &invited.welcome, &[]);
    let what = input.byte();
    let path_secret = forge.path_secret.take();
    if what & 1 == 0 {
        forge.path_secret = path_secret;
    }
    if what & 2 != 0 {
        let place = input.below(forge.joiner_secret.len());
        forge.joiner_secret.expose_mut()[place] ^= input.byte();
    }
    forge.group_info = input.vary(&forge.group_info)?;
    if what & 4 != 0 {
        forge.confirm();
    }
    forge.sign(&*invited.alice.signer());
    let welcome = forge.seal(&mut SeededRandom::new(1));
    let welcome = MlsMessage::from_bytes(&welcome.to_bytes()).ok()?;
    invited.join(&welcome, invited.tree.clone())?;
    Some(Outcome::Accepted)
}

/// The GroupInfo on its way: all of it is signed.
fn info(invited: &Invited, input: &mut Input<'_>) -> Option<Outcome> {
    let info: MlsMessage = input.vary(&invited.info)?;
    let is_right = info == invited.info;
    let outcome = invited.join_by_himself(&info);
    assert!(is_right || outcome == Outcome::Refused, "joined by a GroupInfo nobody has signed");
    Some(outcome)
}

/// The GroupInfo as Alice might sign it.
fn info_by_insider(invited: &Invited, input: &mut Input<'_>) -> Option<Outcome> {
    let MlsMessageBody::GroupInfo(honest) = &invited.info.0 else { return None };
    let changed: GroupInfo = input.vary(&**honest)?;
    let signed = Insider::of(&invited.alice).group_info(|info| *info = changed);
    Some(invited.join_by_himself(&signed))
}

/// Another tree in the GroupInfo, with its own tree hash.
fn tree_by_insider(invited: &Invited, input: &mut Input<'_>) -> Option<Outcome> {
    let nodes = RatchetTreeNodes::from_bytes(&input.change(&invited.tree.to_bytes())).ok()?;
    let alice = Insider::of(&invited.alice);
    let mut tree = RatchetTree::from_nodes(nodes.clone()).ok()?;
    let tree_hash = tree.tree_hash(&alice.suite).ok()?;
    let signed = alice.group_info(|info| {
        info.group_context.tree_hash = tree_hash;
        info.extensions.set(Extension::new(ExtensionType::RATCHET_TREE, &nodes));
    });
    Some(invited.join_by_himself(&signed))
}
