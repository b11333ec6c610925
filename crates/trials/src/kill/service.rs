//! `conclave serve` as a process that can be killed and started again at the same address.

use crate::Failure;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A process that ends with its owner.
pub(super) struct Process(pub(super) Child);

impl Process {
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        // It may be over.
        let _ = self.0.kill();
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// The service.
pub(super) struct Service {
    program: PathBuf,
    data: PathBuf,
    /// Host and port, once taken.
    listen: String,
    process: Process,
}

impl Service {
    /// Starts a service with an empty folder, at any port.
    pub(super) fn start(program: &Path, data: &Path) -> Result<Self, Failure> {
        let listen = "127.0.0.1:0".to_owned();
        let mut process = spawn(program, data, &listen)?;
        let url = address(&mut process)?;
        let listen = url.strip_prefix("http://").ok_or("an address of another kind")?.to_owned();
        Ok(Self { program: program.to_owned(), data: data.to_owned(), listen, process })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        self.process.kill()
    }

    /// Starts it, and kills it after a while, whether it serves by then or not.
    pub(super) fn kill_starting(&mut self, delay: Duration) -> Result<(), Failure> {
        self.process = spawn(&self.program, &self.data, &self.listen)?;
        std::thread::sleep(delay);
        self.process.kill()
    }

    /// Starts it again and waits until it serves.
    pub(super) fn restart(&mut self) -> Result<(), Failure> {
        self.process = spawn(&self.program, &self.data, &self.listen)?;
        address(&mut self.process).map(drop)
    }
}

fn spawn(program: &Path, data: &Path, listen: &str) -> Result<Process, Failure> {
    let child = Command::new(program)
        .args(["serve", "--json", "--listen", listen, "--data"])
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(Process(child))
}

/// Where it says that it listens.
fn address(process: &mut Process) -> Result<String, Failure> {
    let output = process.0.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let value: serde_json::Value = serde_json::from_str(&line)
        .map_err(|_| format!("the service did not start; it says: {line}"))?;
    Ok(value["url"].as_str().ok_or("the service does not say where it listens")?.to_owned())
}
