//! The one place through which secret values enter and leave the database.
//!
//! Today they pass in clear. Sealing them (a key from the caller or a keyring, an AEAD, the row's
//! name as authenticated data) belongs here and nowhere else; the format number in front leaves
//! room for it.

use super::{StoreError, Stored};
use crypto::Secret;

/// The value is in clear behind this octet.
const IN_CLEAR: u8 = 0;

/// The column of a value.
pub(super) fn to_column(value: &Secret) -> Secret {
    let mut column = Secret::zeros(value.len() + 1);
    column.expose_mut()[0] = IN_CLEAR;
    column.expose_mut()[1..].copy_from_slice(value.expose());
    column
}

/// The value of a column.
pub(super) fn from_column(column: Vec<u8>) -> Stored<Secret> {
    let column = Secret::from_vec(column);
    match column.expose() {
        [IN_CLEAR, value @ ..] => Ok(Secret::from_slice(value)),
        _ => Err(StoreError::Corrupt("secret value")),
    }
}
