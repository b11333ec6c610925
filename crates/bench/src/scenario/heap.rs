//! How much memory a group takes: peaks while it is made and joined, and what stays. Runs in the
//! program whose allocator counts.

use super::warm::enter;
use super::{HeapProbe, Stage, commit_and_apply, process};
use crate::Failure;
use crate::floor::count;
use crate::stack::Change;

impl HeapProbe {
    /// The peak above the start while something runs.
    pub(super) fn peak_of<T>(
        self,
        operation: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<(T, u64), Failure> {
        (self.reset_peak)();
        let before = (self.current)();
        let output = operation()?;
        Ok((output, count((self.peak)().saturating_sub(before))))
    }
}

/// Peaks and steady use.
pub fn heap(mut stage: Stage<'_>) -> Result<(), Failure> {
    let probe = stage.heap.ok_or("the allocator of this program does not count")?;
    made(&mut stage, probe)?;
    let mut pair = enter(&mut stage)?;
    // A group that was loaded and has processed a commit holds whatever it needs in the long run.
    pair.first.persist()?;
    pair.last.persist()?;
    pair.last.forget();
    let committed = commit_and_apply(&mut *pair.first, Change::Update)?;
    let stored = pair.last.stored().bytes;
    let before = (probe.current)();
    let ((), peak) = probe.peak_of(|| {
        pair.last.load()?;
        process(&mut *pair.last, &committed.made.commit).map(|_| ())
    })?;
    let held = count((probe.current)().saturating_sub(before));
    let grown = pair.last.stored().bytes.saturating_sub(stored);
    stage.recorder.figure("heap of a loaded group", held.saturating_sub(grown))?;
    stage.recorder.figure("peak of loading and processing a commit", peak)?;
    let ((), peak) = probe.peak_of(|| {
        let committed = commit_and_apply(&mut *pair.first, Change::Update)?;
        process(&mut *pair.last, &committed.made.commit).map(|_| ())
    })?;
    stage.recorder.figure("peak of a commit, both sides", peak)?;
    stage.recorder.finish()
}

/// Creating with everybody in one commit, and joining that.
fn made(stage: &mut Stage<'_>, probe: HeapProbe) -> Result<(), Failure> {
    let (mut first, mut last) = ((stage.new)("first")?, (stage.new)("last")?);
    let mut key_packages = stage.material.key_packages(stage.setting.members - 2)?;
    key_packages.push(last.key_package()?);
    last.persist()?;
    let (added, peak) = probe.peak_of(|| {
        first.create_group()?;
        commit_and_apply(&mut *first, Change::Add(&key_packages))
    })?;
    stage.recorder.figure("peak of creating and adding all", peak)?;
    let (welcome, ratchet_tree) = (added.made.welcome.ok_or("no Welcome")?, first.ratchet_tree()?);
    let ((), peak) = probe.peak_of(|| {
        last.join(&welcome, &ratchet_tree)?;
        last.persist()
    })?;
    stage.recorder.figure("peak of joining", peak)
}
