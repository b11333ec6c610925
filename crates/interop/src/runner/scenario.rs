//! Scenario files: JSON as the working group writes it. Both spellings of an option that occur
//! there are understood, where the group's own runner reads only one and skips the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::proto;

/// A script of a file.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// `file/script`.
    pub name: String,
    pub(super) steps: Vec<Step>,
}

/// Why a file cannot be played.
#[derive(Debug)]
pub struct ScenarioError(String);

impl fmt::Display for ScenarioError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for ScenarioError {}

/// A step, also as it was read.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) actor: String,
    pub(super) action: Action,
    pub(super) json: Value,
}

#[derive(Deserialize)]
struct File {
    scripts: BTreeMap<String, Vec<Value>>,
}

/// What a step does. Numbers are those of earlier steps.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "action", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Action {
    CreateGroup {
        #[serde(default)]
        members: Vec<String>,
    },
    CreateKeyPackage,
    JoinGroup {
        welcome: usize,
    },
    ExternalJoin(ExternalJoin),
    #[serde(rename = "installExternalPSK")]
    InstallExternalPsk {
        clients: Vec<String>,
    },
    GroupInfo {
        #[serde(default, alias = "external_tree")]
        external_tree: bool,
    },
    AddProposal {
        key_package: usize,
    },
    UpdateProposal,
    RemoveProposal {
        removed: String,
    },
    #[serde(rename = "externalPSKProposal")]
    ExternalPskProposal {
        #[serde(rename = "pskID")]
        psk_id: usize,
    },
    #[serde(rename = "resumptionPSKProposal")]
    ResumptionPskProposal {
        #[serde(rename = "epochID")]
        epoch_id: u64,
    },
    GroupContextExtensionsProposal {
        #[serde(default)]
        extensions: Vec<Extension>,
    },
    FullCommit(Commit),
    Commit(Commit),
    #[serde(rename_all = "camelCase")]
    HandleCommit {
        commit: usize,
        #[serde(default)]
        by_reference: Vec<usize>,
    },
    HandlePendingCommit,
    Protect {
        #[serde(default)]
        authenticated_data: String,
        #[serde(default)]
        plaintext: String,
    },
    Unprotect {
        ciphertext: usize,
    },
    #[serde(rename = "reinit")]
    ReInit(ReInit),
    Branch(Branch),
    NewMemberAddProposal {
        joiner: String,
    },
    AddExternalSigner {
        signer: String,
    },
    ExternalSignerProposal {
        member: String,
        description: Description,
    },
    /// Ours: that all see the same epoch, and export the same.
    Compare {
        members: Vec<String>,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExternalJoin {
    pub(super) joiner: String,
    #[serde(default)]
    pub(super) members: Vec<String>,
    #[serde(default, alias = "external_tree")]
    pub(super) external_tree: bool,
    #[serde(default)]
    pub(super) remove_prior: bool,
    #[serde(default)]
    pub(super) psks: Vec<usize>,
}

/// `fullCommit` and `commit`; members and joiners are of the former.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Commit {
    #[serde(default)]
    pub(super) by_reference: Vec<usize>,
    #[serde(default)]
    pub(super) by_value: Vec<Description>,
    #[serde(default)]
    pub(super) members: Vec<String>,
    #[serde(default)]
    pub(super) joiners: Vec<String>,
    #[serde(default, alias = "force_path")]
    pub(super) force_path: bool,
    #[serde(default, alias = "external_tree")]
    pub(super) external_tree: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReInit {
    #[serde(default)]
    pub(super) proposer: String,
    pub(super) committer: String,
    pub(super) welcomer: String,
    #[serde(default)]
    pub(super) members: Vec<String>,
    #[serde(default, alias = "changeCiphersuite")]
    pub(super) change_cipher_suite: bool,
    #[serde(default, rename = "changeGroupID")]
    pub(super) change_group_id: bool,
    #[serde(default)]
    pub(super) extensions: Vec<Extension>,
    #[serde(default, alias = "force_path")]
    pub(super) force_path: bool,
    #[serde(default, alias = "external_tree")]
    pub(super) external_tree: bool,
    #[serde(default)]
    pub(super) external_reinit_proposal: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Branch {
    #[serde(default)]
    pub(super) members: Vec<String>,
    #[serde(default, alias = "force_path")]
    pub(super) force_path: bool,
    #[serde(default, alias = "external_tree")]
    pub(super) external_tree: bool,
    #[serde(default)]
    pub(super) extensions: Vec<Extension>,
}

/// A proposal by value.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Description {
    pub(super) proposal_type: String,
    #[serde(default)]
    pub(super) key_package: usize,
    #[serde(default)]
    pub(super) removed: String,
    #[serde(default, rename = "pskID")]
    pub(super) psk_id: usize,
    #[serde(default, rename = "epochID")]
    pub(super) epoch_id: u64,
    #[serde(default)]
    pub(super) extensions: Vec<Extension>,
    #[serde(default, rename = "changeGroupID")]
    pub(super) change_group_id: bool,
    #[serde(default, alias = "changeCiphersuite")]
    pub(super) change_cipher_suite: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Extension {
    extension_type: u32,
    #[serde(default, deserialize_with = "base64_bytes")]
    extension_data: Vec<u8>,
}

fn base64_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

/// Extensions for a request.
pub(super) fn extensions(extensions: &[Extension]) -> Vec<proto::Extension> {
    let extensions = extensions.iter().map(|it| proto::Extension {
        extension_type: it.extension_type,
        extension_data: it.extension_data.clone(),
    });
    extensions.collect()
}

impl Scenario {
    /// The scripts of a file, or of every `.json` file in a folder, in the order of their names.
    pub fn load(path: &Path) -> Result<Vec<Self>, ScenarioError> {
        let failed = |path: &Path, error: &dyn fmt::Display| {
            ScenarioError(format!("{}: {error}", path.display()))
        };
        let mut files: Vec<PathBuf> = if path.is_dir() {
            let entries = std::fs::read_dir(path).map_err(|error| failed(path, &error))?;
            let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
            paths.filter(|path| path.extension().is_some_and(|it| it == "json")).collect()
        } else {
            vec![path.to_owned()]
        };
        files.sort();
        let mut scenarios = Vec::new();
        for file in files {
            let text = std::fs::read_to_string(&file).map_err(|error| failed(&file, &error))?;
            let parsed: File =
                serde_json::from_str(&text).map_err(|error| failed(&file, &error))?;
            let stem = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            for (script, steps) in parsed.scripts {
                let name = format!("{stem}/{script}");
                let steps = steps.into_iter().enumerate().map(|(index, step)| {
                    Step::parse(step)
                        .map_err(|error| ScenarioError(format!("{name}, step {index}: {error}")))
                });
                let steps = steps.collect::<Result<_, _>>()?;
                scenarios.push(Self { name, steps });
            }
        }
        Ok(scenarios)
    }

    /// The steps, as a file has them.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.steps.iter().map(|step| step.json.clone()).collect()
    }

    /// Everyone who does something, in the order of their names.
    pub(super) fn actors(&self) -> Vec<String> {
        let mut actors = BTreeSet::new();
        for step in &self.steps {
            actors.insert(&step.actor);
            match &step.action {
                Action::CreateGroup { members } => actors.extend(members),
                Action::ExternalJoin(join) => actors.extend([&join.joiner]),
                Action::NewMemberAddProposal { joiner } => actors.extend([joiner]),
                Action::AddExternalSigner { signer } => actors.extend([signer]),
                _ => {}
            }
        }
        actors.into_iter().filter(|actor| !actor.is_empty()).cloned().collect()
    }
}

impl Step {
    pub(super) fn parse(step: Value) -> Result<Self, serde_json::Error> {
        let json = step.clone();
        let actor = step.get("actor").and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { actor, action: Action::deserialize(step)?, json })
    }
}
