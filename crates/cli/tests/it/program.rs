//! Runs the program, and a delivery service that ends with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The program with these arguments and no account.
pub(crate) fn conclave(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_conclave"));
    command
        .args(arguments)
        .env_remove("CONCLAVE_HOME")
        .env_remove("CONCLAVE_SERVER")
        .env_remove("CONCLAVE_PASSPHRASE_FILE")
        .env_remove("CONCLAVE_TOKEN")
        .env_remove("CONCLAVE_DATABASE")
        .stdin(Stdio::null())
        .env("CONCLAVE_CONFIG", "");
    command
}

/// The lines of a program's standard output.
pub(crate) fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

/// A process that is killed when the test ends, however it ends.
pub(crate) struct Running {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, output }
    }

    /// The next line that it prints; waits for it.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Interrupts it as Ctrl-C does, and waits until it has ended.
    pub(crate) fn interrupt(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), None, "it ends by the signal");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A delivery service in a process of its own, and a folder for it and the accounts.
pub(crate) struct Service {
    process: Option<Running>,
    pub(crate) url: String,
    folder: tempfile::TempDir,
}

impl Service {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut service = Self { process: None, url: String::new(), folder };
        service.listen("127.0.0.1:0");
        service
    }

    fn listen(&mut self, address: &str) {
        let data = self.folder.path().join("service");
        let data = data.to_str().unwrap();
        let arguments = ["serve", "--data", data, "--listen", address, "--json"];
        let mut process = Running::start(conclave(&arguments));
        let line: serde_json::Value = serde_json::from_str(&process.line()).unwrap();
        assert_eq!(line["type"], "listening");
        self.url = line["url"].as_str().unwrap().to_owned();
        self.process = Some(process);
    }

    /// Kills the service.
    pub(crate) fn stop(&mut self) {
        self.process = None;
    }

    /// Starts the service again, at the address that it had.
    pub(crate) fn restart(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        self.listen(&address);
    }

    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments for an account.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> Output {
        self.command(name, arguments).output().unwrap()
    }

    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = conclave(arguments);
        command.env("CONCLAVE_HOME", self.home(name));
        command
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
