//! The story of the demo, in order.

use super::scene::{NEW_NAME, Scene};
use crate::failure::Failure;
use client::{GroupState, Peek};

const ALICE: &str = "alice";
const BOB: &str = "bob";
const CAROL: &str = "carol";

/// Tells the story and checks it.
pub(super) fn tell(scene: &mut Scene<'_>) -> Result<(), Failure> {
    for name in [ALICE, BOB, CAROL] {
        scene.enter(name)?;
    }
    first_words(scene)?;
    new_keys(scene)?;
    removal(scene)?;
    restart(scene)?;
    homecoming(scene)?;
    plan(scene)?;
    farewell(scene)?;
    scene.end()
}

/// Somebody says something, and these hear it.
fn talk(
    scene: &mut Scene<'_>,
    from: &'static str,
    text: &str,
    (hearers, epoch): (&[&'static str], u64),
) -> Result<(), Failure> {
    scene.say(from, text)?;
    for &hearer in hearers.iter().filter(|&&hearer| hearer != from) {
        scene.expect(hearer, epoch, &format!("{from}: {text}"));
        scene.look(hearer)?;
    }
    Ok(())
}

fn first_words(scene: &mut Scene<'_>) -> Result<(), Failure> {
    let everybody = (&[ALICE, BOB, CAROL][..], 1);
    scene.create_group(ALICE)?;
    let epoch = scene.add(ALICE, &[BOB, CAROL])?;
    scene.expect(ALICE, epoch, "alice added bob");
    scene.expect(ALICE, epoch, "alice added carol");
    for joiner in [BOB, CAROL] {
        scene.expect(joiner, epoch, "you joined: alice, bob, carol");
        scene.look(joiner)?;
    }
    talk(scene, ALICE, "Welcome to the garden, both of you.", everybody)?;
    talk(scene, BOB, "Thanks! Who brings the seeds?", everybody)?;
    talk(scene, CAROL, "I do. Tomatoes and beans.", everybody)?;
    scene.agree(&[ALICE, BOB, CAROL], 1)
}

fn new_keys(scene: &mut Scene<'_>) -> Result<(), Failure> {
    let epoch = scene.update(BOB)?;
    for name in [ALICE, BOB, CAROL] {
        scene.expect(name, epoch, "bob updated their keys");
    }
    talk(scene, ALICE, "New keys, same garden.", (&[ALICE, BOB, CAROL], epoch))?;
    scene.agree(&[ALICE, BOB, CAROL], 2)
}

fn removal(scene: &mut Scene<'_>) -> Result<(), Failure> {
    let epoch = scene.remove(ALICE, CAROL)?;
    for name in [ALICE, BOB] {
        scene.expect(name, epoch, "alice removed carol");
    }
    scene.expect(CAROL, epoch, "alice removed you");
    talk(scene, ALICE, "Bob, let us plan Carol's birthday.", (&[ALICE, BOB], epoch))?;
    talk(scene, BOB, "A cake in the greenhouse!", (&[ALICE, BOB], epoch))?;
    // She sees the removal and nothing behind it: not in what she has, not from the service.
    scene.look(CAROL)?;
    let group = scene.group()?;
    let state = scene.view(CAROL)?.state;
    scene.check(state == GroupState::Removed, || format!("carol's group is {state}"))?;
    let peek = scene.person(CAROL)?.peek(&group)?;
    let is_shut = matches!(peek, Peek::Refused(_) | Peek::Shown { entries: 0, stopped: true });
    scene.check(is_shut, || format!("the service shows carol more: {peek:?}"))?;
    let (bobs, carols) = (scene.remembers(BOB, "birthday")?, scene.remembers(CAROL, "birthday")?);
    scene.check(bobs && !carols, || "carol has the words that were said behind her".to_owned())?;
    let refused = scene.person(CAROL)?.send(&group, "Hello?").is_err();
    scene.check(refused, || "carol can still send".to_owned())?;
    scene.step("  Checked: the service shows carol's keys nothing behind the removal.")?;
    scene.agree(&[ALICE, BOB], 3)
}

fn restart(scene: &mut Scene<'_>) -> Result<(), Failure> {
    scene.restart(BOB)?;
    talk(scene, BOB, "I am back, and remember everything.", (&[ALICE, BOB], 3))?;
    talk(scene, ALICE, "Then you bring the candles.", (&[ALICE, BOB], 3))?;
    scene.agree(&[ALICE, BOB], 3)
}

fn homecoming(scene: &mut Scene<'_>) -> Result<(), Failure> {
    let epoch = scene.add(BOB, &[CAROL])?;
    for name in [ALICE, BOB] {
        scene.expect(name, epoch, "bob added carol");
    }
    scene.expect(CAROL, epoch, "you joined: alice, bob, carol");
    let everybody = (&[ALICE, BOB, CAROL][..], epoch);
    talk(scene, BOB, "Surprise! Come to the greenhouse.", everybody)?;
    talk(scene, CAROL, "You two! What did I miss?", everybody)?;
    scene.agree(&[ALICE, BOB, CAROL], 4)
}

fn plan(scene: &mut Scene<'_>) -> Result<(), Failure> {
    let epoch = scene.rename(ALICE, NEW_NAME)?;
    for name in [ALICE, BOB, CAROL] {
        scene.expect(name, epoch, "alice renamed the group from garden to greenhouse");
    }
    scene.share(BOB, "plan.txt", "Tomatoes by the door, beans behind them.", &[ALICE, CAROL])?;
    scene.agree(&[ALICE, BOB, CAROL], 5)
}

fn farewell(scene: &mut Scene<'_>) -> Result<(), Failure> {
    scene.leave(CAROL)?;
    // Whoever is there next sees to it, before anything else is said.
    scene.person(BOB)?.receive()?;
    for name in [ALICE, BOB, CAROL] {
        scene.expect(name, 5, "carol wants to leave");
    }
    for name in [ALICE, BOB] {
        scene.expect(name, 6, "carol left; bob removed them for it");
    }
    talk(scene, BOB, "Goodbye, Carol! We water your beans.", (&[ALICE, BOB], 6))?;
    scene.expect(CAROL, 6, "you left; bob removed you for it");
    scene.look(CAROL)?;
    scene.agree(&[ALICE, BOB], 6)
}
