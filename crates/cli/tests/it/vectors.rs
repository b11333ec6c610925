//! `conclave vectors`: what is generated verifies, and what is damaged does not.

use crate::program::{conclave, lines};

#[test]
fn generated_vectors_verify_and_damaged_ones_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    let made = conclave(&["vectors", "generate", directory, "--small"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert_eq!(lines(&made).len(), 16);
    let verified = conclave(&["vectors", "verify", directory]).output().unwrap();
    let told = lines(&verified);
    assert!(verified.status.success() && told.len() == 17, "{told:?}");
    assert!(told[16].ends_with(" passed, 0 failed"));

    let path = folder.path().join("psk_secret.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let place = text.find("\"psk_secret\"").unwrap() + "\"psk_secret\": \"".len();
    let mut damaged = text.into_bytes();
    let digit = damaged[place..].iter().position(u8::is_ascii_hexdigit).unwrap() + place;
    damaged[digit] = if damaged[digit] == b'0' { b'1' } else { b'0' };
    std::fs::write(&path, damaged).unwrap();
    let verified = conclave(&["vectors", "verify", directory]).output().unwrap();
    assert_eq!(verified.status.code(), Some(1));
    assert!(lines(&verified).last().unwrap().ends_with(" passed, 1 failed"));
    std::fs::remove_file(&path).unwrap();
    let missing = conclave(&["vectors", "verify", directory]).output().unwrap();
    assert_eq!(missing.status.code(), Some(1));
}
