//! Runs every symbolic model and each of its variants, and compares the verdicts with those that
//! the model's own comments state.
//!
//! `cargo run -p conclave-symbolic [--write-logs | FILE...]` in `models/`. The tools are `verifpal`
//! and `proverif` on the path, or what `$VERIFPAL` and `$PROVERIF` name. Verifpal must be there.
//! Where ProVerif is not, its models are not run and not counted; it is only checked that the
//! committed log is of the files as they are now.

mod log;
mod model;
mod tool;

use log::Log;
use model::Model;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tool::Tool;

fn main() -> ExitCode {
    let mut write = false;
    let mut files = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--write-logs" => write = true,
            _ => files.push(argument),
        }
    }
    match run(write, &files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("symbolic: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the tools one after the other; all verdicts are told before the first surprise is.
fn run(write: bool, files: &[String]) -> Result<(), String> {
    if write && !files.is_empty() {
        return Err("--write-logs writes what all models come to, and takes no files".to_owned());
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut surprises = Vec::new();
    for tool in [Tool::Verifpal, Tool::ProVerif] {
        let paths = models(root, tool, files)?;
        let logged = root.join("logs").join(format!("{}.log", tool.name()));
        match tool.version() {
            Some(version) => {
                let log = run_all(tool, &version, &paths, &mut surprises)?;
                if write {
                    std::fs::write(&logged, log.text()).map_err(|e| e.to_string())?;
                } else if files.is_empty() {
                    surprises.extend(log.differs_from(&logged));
                }
            }
            None if tool == Tool::Verifpal => {
                let hint = "cargo install verifpal --version 1.6.7 --locked --ignore-rust-version";
                return Err(format!("verifpal is not installed: {hint}"));
            }
            None => {
                println!("{}: not installed, {} models not run here", tool.name(), paths.len());
                for path in &paths {
                    surprises.extend(Log::is_stale(&logged, &Model::read(path)?));
                }
            }
        }
    }
    if surprises.is_empty() {
        return Ok(());
    }
    Err(format!("not as stated:\n  {}", surprises.join("\n  ")))
}

/// The tool's models in alphabetical order: all, or those that `files` names.
fn models(root: &Path, tool: Tool, files: &[String]) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(root).map_err(|e| e.to_string())? {
        let path = entry.map_err(|e| e.to_string())?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let wanted = files.is_empty() || files.iter().any(|file| file == name);
        if wanted && path.extension().is_some_and(|e| e == tool.extension()) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn run_all(
    tool: Tool,
    version: &str,
    paths: &[PathBuf],
    surprises: &mut Vec<String>,
) -> Result<Log, String> {
    let mut log = Log::new(version);
    println!("{version}");
    let (mut claims, mut variants) = (0, 0);
    for path in paths {
        let model = Model::read(path)?;
        claims += model.claims.len();
        variants += model.variants.len();
        let heading = log.model(&model);
        println!("{heading}");
        for run in model.runs()? {
            let outcome = tool.verify(&run)?;
            let (line, surprise) = log.run(&model, &run, &outcome);
            println!("{line}");
            surprises.extend(surprise);
        }
    }
    println!("{} models, {claims} claims, {variants} variants run", paths.len());
    Ok(log)
}
