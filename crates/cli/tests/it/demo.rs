//! `conclave demo` tells its story, in both forms, and leaves what it says.

use crate::program::{conclave, lines};
use serde_json::Value;

#[test]
fn the_demo_tells_its_story_and_leaves_it_behind() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().join("kept");
    let output = conclave(&["demo", "--keep", keep.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = lines(&output);
    let carol: Vec<_> = told.iter().skip_while(|line| *line != "As carol saw it:").collect();
    assert!(carol.iter().any(|line| line.ends_with("alice removed you")));
    assert!(!carol.iter().any(|line| line.contains("birthday")));
    assert!(carol.iter().any(|line| line.ends_with("carol: You two! What did I miss?")));
    for left in ["service/delivery.sqlite3", "alice/client.sqlite3", "carol/client.sqlite3"] {
        assert!(keep.join(left).is_file(), "{left}");
    }
    // The accounts work on: offline, since the service has ended.
    let home = keep.join("bob");
    let listed = conclave(&["group", "list", "--home", home.to_str().unwrap()]).output().unwrap();
    assert!(lines(&listed)[0].ends_with("active, epoch 6, 2 members"));
    let offline = ["send", "greenhouse", "hello?", "--home", home.to_str().unwrap()];
    assert_eq!(conclave(&offline).output().unwrap().status.code(), Some(4));
    // A second demo in the same folder finds it taken.
    let again = conclave(&["demo", "--keep", keep.to_str().unwrap()]).output().unwrap();
    assert!(!again.status.success());
}

#[test]
fn the_demo_is_json_lines_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let keep = folder.path().to_str().unwrap();
    let output = conclave(&["demo", "--json", "--keep", keep]).output().unwrap();
    assert!(output.status.success());
    let values: Vec<Value> =
        lines(&output).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_type = |kind: &str| values.iter().filter(|value| value["type"] == kind).count();
    assert_eq!((of_type("service"), of_type("view"), of_type("end")), (1, 3, 1));
    assert!(of_type("said") >= 8 && of_type("step") >= 10);
    let end = values.last().unwrap();
    assert!(end["checks"].as_u64().unwrap() > 50 && end["folder"] == keep);
}
