//! Scenarios: who does how much. Each looks at one part of the promises, so that each stays small.

use crate::log::Who;

/// How much each participant may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// Requests that Alice makes.
    pub alice: u8,
    /// Requests that Bob makes.
    pub bob: u8,
    /// Requests of Mallory that the service carries out.
    pub mallory: u8,
    /// How often the service crashes.
    pub crashes: u8,
    /// How often Carol crashes.
    pub carol_crashes: u8,
    /// Whether members send messages too.
    pub messages: bool,
    /// Whether members remove Mallory.
    pub removals: bool,
    /// Whether Alice invites Carol.
    pub invitations: bool,
    /// Whether Alice repairs.
    pub repairs: bool,
    /// Who holds an anchor key at first.
    pub anchors: Vec<Who>,
}

impl Scenario {
    const QUIET: Self = Self {
        name: "quiet",
        alice: 0,
        bob: 0,
        mallory: 0,
        crashes: 0,
        carol_crashes: 0,
        messages: false,
        removals: false,
        invitations: false,
        repairs: false,
        anchors: Vec::new(),
    };

    /// Members race and retry while the service crashes.
    #[must_use]
    pub fn races(requests: u8, crashes: u8) -> Self {
        let name = "races";
        Self { name, alice: requests, bob: requests, crashes, messages: true, ..Self::QUIET }
    }

    /// Alice invites Carol while the service and Carol crash.
    #[must_use]
    pub fn invitations(requests: u8, crashes: u8) -> Self {
        Self {
            name: "invitations",
            alice: requests,
            bob: 1,
            crashes,
            carol_crashes: crashes,
            invitations: true,
            ..Self::QUIET
        }
    }

    /// Members remove Mallory, who does what she can before and after.
    #[must_use]
    pub fn insider(requests: u8, posts: u8) -> Self {
        Self {
            name: "insider",
            alice: requests,
            bob: 1,
            mallory: posts,
            removals: true,
            repairs: true,
            anchors: vec![Who::Alice],
            ..Self::QUIET
        }
    }

    /// Mallory does what she can while the service crashes and nobody removes her.
    #[must_use]
    pub fn insider_and_crashes(requests: u8, posts: u8) -> Self {
        Self {
            name: "insider and crashes",
            crashes: 1,
            removals: false,
            ..Self::insider(requests, posts)
        }
    }

    /// Mallory holds an anchor key too.
    #[must_use]
    pub fn malicious_anchor(requests: u8, posts: u8) -> Self {
        Self {
            name: "malicious anchor",
            anchors: vec![Who::Alice, Who::Mallory],
            ..Self::insider(requests, posts)
        }
    }

    /// What must hold at small bounds: seconds.
    #[must_use]
    pub fn small() -> Vec<Self> {
        vec![
            Self::races(2, 1),
            Self::invitations(2, 1),
            Self::insider(2, 2),
            Self::insider_and_crashes(2, 1),
        ]
    }

    /// The same at larger bounds: minutes, and 3 GB of memory.
    #[must_use]
    pub fn large() -> Vec<Self> {
        vec![
            Self::races(3, 1),
            Self::invitations(3, 2),
            Self::insider(2, 3),
            Self::insider_and_crashes(2, 2),
        ]
    }
}
