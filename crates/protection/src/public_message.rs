//! Messages that are signed but not encrypted (RFC 9420, section 6.2).
//!
//! A member's message carries a MAC under the epoch's membership key, so that outsiders cannot
//! inject handshake messages. Outsiders' messages carry none.

use crypto::{Secret, Suite};
use wire::{AuthenticatedContent, GroupContext, PublicMessage, Sender, WireFormat};

use crate::content::{check_confirmation_tag, check_context, check_framing};
use crate::{Error, Misuse, UnprotectedContent, Violation};

/// Protects a member's signed content with the membership tag.
pub fn protect(
    suite: &Suite,
    content: AuthenticatedContent,
    membership_key: &Secret,
    context: &GroupContext,
) -> Result<PublicMessage, Error> {
    if !matches!(content.content.sender, Sender::Member(_)) {
        return Err(Misuse::SenderType.into());
    }
    check_context(&content.content, context).map_err(|_| Misuse::WrongContext)?;
    check_public(&content)?;
    let tag = suite.mac(membership_key, &content.to_be_maced(context))?;
    let AuthenticatedContent { wire_format: _, content, auth } = content;
    Ok(PublicMessage { content, auth, membership_tag: Some(tag.expose().into()) })
}

/// Frames the signed content of someone who is not a member: an external sender, or a client that
/// joins.
pub fn protect_from_outside(content: AuthenticatedContent) -> Result<PublicMessage, Error> {
    if matches!(content.content.sender, Sender::Member(_)) {
        return Err(Misuse::SenderType.into());
    }
    check_public(&content)?;
    let AuthenticatedContent { wire_format: _, content, auth } = content;
    Ok(PublicMessage { content, auth, membership_tag: None })
}

/// Checks the framing and, for a member, the membership tag. The signature is still to be verified.
pub fn unprotect(
    suite: &Suite,
    message: PublicMessage,
    membership_key: &Secret,
    context: &GroupContext,
) -> Result<UnprotectedContent, Error> {
    check_context(&message.content, context)?;
    let is_member = matches!(message.content.sender, Sender::Member(_));
    let received = message.membership_tag.as_deref().map(Secret::from_slice);
    let content = UnprotectedContent::new(message.into_authenticated_content())?;
    let expected = if is_member {
        Some(suite.mac(membership_key, &content.authenticated().to_be_maced(context))?)
    } else {
        None
    };
    // Section 6.2: "the application MUST check membership_tag". Secrets compare in constant time.
    if received == expected { Ok(content) } else { Err(Violation::InvalidMembershipTag.into()) }
}

fn check_public(content: &AuthenticatedContent) -> Result<(), Error> {
    if content.wire_format != WireFormat::PUBLIC_MESSAGE {
        return Err(Misuse::WireFormat.into());
    }
    check_framing(content.wire_format, &content.content).map_err(Misuse::WouldViolate)?;
    Ok(check_confirmation_tag(content)?)
}
