//! The configuration file: what is not said on the command line or in the environment.
//!
//! `CONCLAVE_CONFIG` names it; otherwise it is `conclave/config.toml` in the folder where the
//! system keeps configuration (`XDG_CONFIG_HOME`, or `.config` in the home folder). It need not
//! exist. An empty `CONCLAVE_CONFIG` means that there is none.

use crate::failure::Failure;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// The folder of the account.
    pub(crate) home: Option<PathBuf>,
    /// The delivery service for new accounts.
    pub(crate) server: Option<String>,
}

impl Config {
    /// Reads the file, if there is one.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Some(path) = path() else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
        };
        let wrong = |why: String| Failure::usage(format!("{}: {why}", path.display()));
        Self::parse(&text, home_folder().as_deref()).map_err(wrong)
    }

    fn parse(text: &str, user: Option<&Path>) -> Result<Self, String> {
        let table: Table =
            text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
        let mut config = Self::default();
        for (key, value) in table {
            let Value::String(value) = value else {
                return Err(format!("`{key}` is not a text in quotes"));
            };
            match key.as_str() {
                "home" => config.home = Some(expand(&value, user)?),
                "server" => config.server = Some(value),
                _ => return Err(format!("`{key}` is not known; there are `home` and `server`")),
            }
        }
        Ok(config)
    }
}

/// A path from the file: absolute, or below the user's folder.
fn expand(path: &str, user: Option<&Path>) -> Result<PathBuf, String> {
    let below = path.strip_prefix("~/").zip(user).map(|(rest, user)| user.join(rest));
    let path = below.unwrap_or_else(|| PathBuf::from(path));
    match path.is_absolute() {
        true => Ok(path),
        false => Err("`home` is neither absolute nor starts with `~/`".to_owned()),
    }
}

fn set(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn home_folder() -> Option<PathBuf> {
    set("HOME").map(PathBuf::from)
}

fn path() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CONCLAVE_CONFIG") {
        return (!path.is_empty()).then(|| path.into());
    }
    let folder = set("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| home_folder().map(|home| home.join(".config")))?;
    Some(folder.join("conclave").join("config.toml"))
}

#[cfg(test)]
mod tests {
    use super::Config;
    use std::path::{Path, PathBuf};

    #[test]
    fn a_file_says_home_and_server_and_nothing_else() {
        let user = Some(Path::new("/home/a"));
        let parse = |text: &str| Config::parse(text, user);
        assert_eq!(parse(""), Ok(Config::default()));
        let both = parse("home = \"~/chats\"\nserver = \"http://a:1\" # ours").unwrap();
        assert_eq!(both.home, Some(PathBuf::from("/home/a/chats")));
        assert_eq!(both.server.as_deref(), Some("http://a:1"));
        assert_eq!(parse("home = \"/x\"").unwrap().home, Some(PathBuf::from("/x")));
        for bad in ["home = \"x\"", "home = 1", "hom = \"/x\"", "home", "[home]"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(Config::parse("home = \"~/x\"", None).is_err());
    }
}
