//! Files between separate processes, and what the configuration file says.

use crate::program::{Service, conclave, lines};
use serde_json::Value;

fn run(service: &Service, name: &str, arguments: &[&str]) -> Vec<String> {
    let output = service.run(name, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    lines(&output)
}

#[test]
fn a_file_goes_from_folder_to_folder() {
    let service = Service::start();
    for name in ["alice", "bob"] {
        run(&service, name, &["account", "create", name, "--server", &service.url]);
    }
    run(&service, "alice", &["group", "create", "garden"]);
    run(&service, "alice", &["group", "add", "garden", "bob"]);
    let path = service.folder().join("plan.txt");
    std::fs::write(&path, "beans left, peas right").unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(
        run(&service, "alice", &["send", "garden", "--file", path]),
        ["sent to garden in epoch 1"]
    );
    let inbox = service.folder().join("inbox");
    let folder = inbox.to_str().unwrap();
    let told = run(&service, "bob", &["receive", "--save", folder, "--json"]);
    let told: Vec<Value> = told.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [_, file, saved] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&file["type"], &file["name"]), (&"file".into(), &"plan.txt".into()));
    assert_eq!((&file["media_type"], &file["size"]), (&"text/plain".into(), &22.into()));
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    assert_eq!(saved["type"], "saved");
    assert_eq!(read(saved["path"].as_str().unwrap()), "beans left, peas right");
    // Again by its name, beside the first; and by its number to a path.
    let again = run(&service, "bob", &["fetch", "garden", "plan.txt", "--save", folder]);
    assert_eq!(again, [format!("saved {folder}/plan-2.txt")]);
    let other = service.folder().join("other");
    let other = other.to_str().unwrap();
    let number = file["number"].to_string();
    run(&service, "bob", &["fetch", "garden", &number, "-o", other]);
    assert_eq!(read(other), "beans left, peas right");
    let refused = service.run("bob", &["fetch", "garden", &number, "-o", other]);
    assert_eq!(refused.status.code(), Some(3), "nothing is written over");
    let none = service.run("bob", &["fetch", "garden", "peas"]);
    assert_eq!(none.status.code(), Some(3));
}

#[test]
fn the_configuration_file_says_which_account_and_which_service() {
    let service = Service::start();
    let path = service.folder().join("config.toml");
    let home = service.home("alice");
    let text = format!("home = {home:?}\nserver = {:?}\n", service.url);
    std::fs::write(&path, text).unwrap();
    let configured = |arguments: &[&str]| {
        let mut command = conclave(arguments);
        command.env("CONCLAVE_CONFIG", &path).output().unwrap()
    };
    assert!(configured(&["account", "create", "alice"]).status.success());
    assert_eq!(lines(&configured(&["account", "show"]))[0], "alice");
    // The environment and the command line say more than the file.
    let elsewhere = service.home("bob");
    let other = configured(&["account", "show", "--home", elsewhere.to_str().unwrap()]);
    assert_eq!(other.status.code(), Some(6));
    std::fs::write(&path, "hom = \"/x\"").unwrap();
    assert_eq!(configured(&["account", "show"]).status.code(), Some(2));
    assert_eq!(
        conclave(&["account", "create", "x", "--home", "/x"]).output().unwrap().status.code(),
        Some(2)
    );
}
