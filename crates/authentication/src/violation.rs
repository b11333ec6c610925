//! What can be wrong with a device credential.

use tree::Refusal;

wire::violations! {
    /// Ways in which a device credential can be wrong. The sections are RFC 9420's.
    pub enum Violation {
        /// The credential is not a device credential, or of a version that is not known here.
        NotADeviceCredential = "5.3",
        /// The statement is about another signature key than the leaf's.
        WrongSignatureKey = "5.3",
        /// The account's root key did not sign the statement.
        BadAccountSignature = "5.3.1",
        /// The device did not sign that it speaks for the name with these keys.
        BadDeviceSignature = "5.3.1",
        /// A root key does not follow the one before it, or one of the two did not sign.
        BadSuccession = "5.3.1",
        /// The list of devices is not one of the account's root key.
        BadDeviceList = "5.3.1",
        /// The lifetime is empty, or longer than a credential's may be.
        BadLifetime = "5.3.1",
        /// The name stands for another account, of which this one is not the successor.
        OtherAccount = "5.3.1",
        /// The credential is for another name, device or account than the one that it replaces.
        OtherClient = "5.3.1",
        /// The root key was replaced and speaks for the account no more.
        FormerAccountKey = "5.3.1",
        /// The credential is not valid yet.
        NotYetValid = "5.3.1",
        /// The credential has expired.
        Expired = "5.3.1",
        /// The account's list of devices does not name the device, or names it no more.
        NotListed = "5.3.1",
    }
}

impl std::error::Error for Violation {}

/// Says which rule, and nothing that a peer has written.
impl From<Violation> for Refusal {
    fn from(violation: Violation) -> Self {
        Self(violation.to_string())
    }
}
