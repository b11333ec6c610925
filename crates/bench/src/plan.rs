//! What a whole comparison covers.

use crate::{Phase, Setting, Stack, machine};

/// All sizes.
const MEMBERS: [u32; 7] = [2, 10, 100, 1_000, 10_000, 50_000, 100_000];

/// The settings of every combination, which `each` makes of a setting without an implementation.
#[must_use]
pub fn every(
    suites: &[u16],
    members: &[u32],
    phases: &[Phase],
    each: &dyn Fn(&Setting) -> Vec<Setting>,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for &suite in suites {
        for &members in members {
            for &phase in phases {
                let stack = Stack::ConclaveAwsLc;
                let setting = Setting { stack, suite, members, phase, threads: 1, seconds: 0 };
                settings.extend(each(&setting));
            }
        }
    }
    settings
}

/// Whether an implementation is measured there. The slower backends stop where they have shown
/// their law, OpenMLS where creating a group takes tens of minutes, and the file store only matters
/// for what is read from and written to it.
fn is_covered(stack: Stack, setting: &Setting) -> bool {
    let Setting { suite, members, phase, .. } = *setting;
    let compared = matches!(phase, Phase::Cold | Phase::Warm);
    match stack {
        Stack::ConclaveAwsLc => true,
        Stack::ConclaveSqlite => suite == 1 && phase == Phase::Warm,
        Stack::ConclaveRustCrypto => compared && suite == 1 && members != 50_000,
        Stack::MlsRsAwsLc => compared || members <= 50_000,
        Stack::MlsRsRustCrypto => compared && suite == 1 && members <= 10_000,
        Stack::OpenMls if suite > 1 => compared && members <= 1_000,
        Stack::OpenMls => members <= 10_000 || (phase == Phase::Warm && members == 50_000),
    }
}

/// Everything: suite 1 at all sizes, suites 2 and 3 at some, the linear operations also on all
/// processors, what must be refused.
#[must_use]
pub fn whole(seconds: u64) -> Vec<Setting> {
    let covered = |setting: &Setting| {
        let stacks = Stack::ALL.into_iter().filter(|&stack| is_covered(stack, setting));
        stacks.map(|stack| Setting { stack, seconds, ..setting.clone() }).collect()
    };
    let hostile = |setting: &Setting| vec![Setting { seconds, ..setting.clone() }];
    let mut settings = every(&[1], &[3], &[Phase::Hostile], &hostile);
    settings.extend(every(&[1], &MEMBERS, &Phase::COMPARED, &covered));
    settings.extend(every(&[2, 3], &[1_000, 10_000], &[Phase::Cold, Phase::Warm], &covered));
    let spread = |setting: &Setting| {
        let stacks = [Stack::ConclaveAwsLc, Stack::MlsRsAwsLc];
        let threads = machine::processors();
        stacks.map(|stack| Setting { stack, seconds, threads, ..setting.clone() }).to_vec()
    };
    settings.extend(every(&[1], &[10_000, 100_000], &[Phase::Cold], &spread));
    settings
}
