//! What all members together must fulfil (RFC 9420, sections 5.3, 7.3, 11.1, 12.1.7 and 13.4).
//!
//! Judged on the counts of the tree's census, so it costs the number of features in use, not of
//! members.

use wire::Extensions;

use crate::{Error, RatchetTree, Violation};

/// Verifies the members of a group that has these extensions in its GroupContext.
pub(crate) fn verify_members(tree: &RatchetTree, extensions: &Extensions) -> Result<(), Error> {
    let census = tree.census();
    if extensions.duplicate().is_some() {
        return Err(Violation::DuplicateExtension.into());
    }
    // "an extension in use by the group MUST be supported by all members of the group" (section
    // 13.4).
    if !extensions.types().all(|extension| census.all_support_extension(extension)) {
        return Err(Violation::ExtensionNotSupportedByMembers.into());
    }
    // "the required extensions, proposals, and credential types MUST be listed in the LeafNode's
    // capabilities field" (section 7.3).
    if let Some(required) = extensions.required_capabilities()?
        && !census.all_satisfy(&required)
    {
        return Err(Violation::RequiredCapabilities.into());
    }
    // "Verify that the credential type is supported by all members of the group" (section 7.3).
    if !census.credentials_in_use().all(|credential| census.all_support_credential(credential)) {
        return Err(Violation::CredentialTypeNotSupportedByMembers.into());
    }
    Ok(())
}
