//! Admission: who may register a device. Whoever has registered one stays admitted.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use std::io::{Error, ErrorKind};
use std::path::Path;

use super::log::sha256;

/// Bytes of a token at least, so that nobody guesses one.
const TOKEN_BYTES_MIN: usize = 16;

/// Who may register a device.
#[derive(Clone, Default)]
pub enum Admission {
    /// Everybody.
    #[default]
    Open,
    /// Who brings one of these tokens; kept as their SHA-256.
    Tokens(Vec<[u8; 32]>),
}

impl std::fmt::Debug for Admission {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Open => "Open",
            Self::Tokens(_) => "Tokens",
        })
    }
}

impl Admission {
    /// The tokens in a file, one a line; empty lines and those that begin with `#` do not count.
    ///
    /// # Errors
    /// The file cannot be read, holds no token, or one that is too short or too long.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        let lines = text.lines().map(str::trim);
        let tokens: Vec<_> =
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        let lengths = TOKEN_BYTES_MIN..=delivery_api::limits::TOKEN_BYTES_MAX;
        if tokens.is_empty() || !tokens.iter().all(|token| lengths.contains(&token.len())) {
            let what = format!("{}: a token has {lengths:?} bytes", path.display());
            return Err(Error::new(ErrorKind::InvalidData, what));
        }
        Ok(Self::Tokens(tokens.iter().map(|token| sha256(token.as_bytes())).collect()))
    }

    /// Whether a device with this token may be registered.
    pub(super) fn admits(&self, token: &[u8]) -> bool {
        match self {
            Self::Open => true,
            Self::Tokens(tokens) => {
                let hash = sha256(token);
                tokens.iter().any(|known| verify_slices_are_equal(known, &hash).is_ok())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Admission;

    #[test]
    fn a_file_of_tokens_admits_who_has_one_of_them() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("conclave-tokens-{}", std::process::id()));
        let (one, two) = ("0123456789abcdef", "another token of sufficient length");
        std::fs::write(&path, format!("# for friends\n{one}\n\n  {two}  \n")).unwrap();
        let admission = Admission::from_file(&path).unwrap();
        assert!(admission.admits(one.as_bytes()) && admission.admits(two.as_bytes()));
        for stranger in ["", "0123456789abcdeF", "# for friends"] {
            assert!(!admission.admits(stranger.as_bytes()), "{stranger}");
        }
        assert!(!format!("{admission:?}").contains("01"));
        // Nobody could use a file like these.
        for text in ["", "# nothing", "0123456789abcde", &"x".repeat(257)] {
            std::fs::write(&path, text).unwrap();
            assert!(Admission::from_file(&path).is_err(), "{text}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Admission::from_file(&path).is_err());
        assert!(Admission::Open.admits(b""));
    }
}
