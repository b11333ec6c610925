//! One process measures one implementation at one size: the others' heaps, caches and threads are
//! out of its way.

use std::cell::Cell;
use std::path::Path;

use mls_rs_crypto_awslc::AwsLcCryptoProvider;
use mls_rs_crypto_rustcrypto::RustCryptoProvider;

use crate::material::Material;
use crate::record::Recorder;
use crate::scenario::{self, HeapProbe, Stage};
use crate::stack::Participant;
use crate::stack::conclave::Conclave;
use crate::stack::mls_rs::MlsRs;
use crate::stack::open_mls::OpenMls;
use crate::{Failure, Phase, Setting, Stack};

/// Measures what a setting says, and writes lines to the standard output.
pub fn work(setting: &Setting, cache: &Path, heap: Option<HeapProbe>) -> Result<(), Failure> {
    let material = Material::new(cache, setting.suite)?;
    let folder = tempfile::tempdir()?;
    // Names return, files do not.
    let clients = Cell::new(0);
    let new = |name: &str| {
        clients.set(clients.get() + 1);
        let file = folder.path().join(clients.get().to_string());
        participant(setting, name, &file)
    };
    let output = Box::new(std::io::stdout());
    let recorder = Recorder::new(setting.stack.backend(), setting, output);
    let stage = Stage { setting, new: &new, material: &material, recorder, heap };
    match setting.phase {
        Phase::Cold => scenario::cold(stage),
        Phase::Warm => scenario::warm(stage),
        Phase::Heap => scenario::heap(stage),
        Phase::Hostile => scenario::hostile(stage),
    }
}

/// A new client of the implementation.
fn participant(
    setting: &Setting,
    name: &str,
    file: &Path,
) -> Result<Box<dyn Participant>, Failure> {
    let (backend, suite) = (setting.stack.backend(), setting.suite);
    Ok(match setting.stack {
        Stack::ConclaveAwsLc | Stack::ConclaveRustCrypto => {
            Box::new(Conclave::new(backend, suite, name, None)?)
        }
        Stack::ConclaveSqlite => Box::new(Conclave::new(backend, suite, name, Some(file))?),
        Stack::MlsRsAwsLc => Box::new(MlsRs::new(AwsLcCryptoProvider::new(), suite, name)?),
        Stack::MlsRsRustCrypto => Box::new(MlsRs::new(RustCryptoProvider::new(), suite, name)?),
        Stack::OpenMls => Box::new(OpenMls::new(suite, name)?),
    })
}
