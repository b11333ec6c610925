//! The key-package directory: each key package is handed out once, the last-resort one is flagged.

use crate::flag;
use codec::{Decode, DecodeError, Encode, Opaque, Reader, Writer};

/// Key packages of one suite, uploaded by their owner.
///
/// Uploading the same bytes again changes nothing, even if they were handed out in between: a retry
/// cannot put a used key package back into stock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadKeyPackages {
    /// The MLS cipher suite.
    pub suite: u16,
    /// When to stop handing them out, in seconds since 1970.
    pub not_after_seconds: u64,
    /// Whether to withdraw everything of the suite that this upload does not contain.
    pub replace: bool,
    /// Key packages for single use, opaque.
    pub key_packages: Vec<Opaque>,
    /// The key package for when the others are used up; replaces the one before.
    pub last_resort: Option<Opaque>,
}

impl Encode for UploadKeyPackages {
    fn encode(&self, writer: &mut Writer) {
        self.suite.encode(writer);
        self.not_after_seconds.encode(writer);
        flag::encode(self.replace, writer);
        self.key_packages.encode(writer);
        self.last_resort.encode(writer);
    }
}

impl Decode for UploadKeyPackages {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            suite: Decode::decode(reader)?,
            not_after_seconds: Decode::decode(reader)?,
            replace: flag::decode(reader)?,
            key_packages: Decode::decode(reader)?,
            last_resort: Decode::decode(reader)?,
        })
    }
}

/// What is left of one suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuiteStock {
    /// The MLS cipher suite.
    pub suite: u16,
    /// Key packages for single use that can still be handed out.
    pub count: u32,
    /// Whether there is a last-resort key package.
    pub last_resort: bool,
}

impl Encode for SuiteStock {
    fn encode(&self, writer: &mut Writer) {
        self.suite.encode(writer);
        self.count.encode(writer);
        flag::encode(self.last_resort, writer);
    }
}

impl Decode for SuiteStock {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            suite: Decode::decode(reader)?,
            count: Decode::decode(reader)?,
            last_resort: flag::decode(reader)?,
        })
    }
}

/// A device's stock by suite, in the order of the suites' numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stock {
    /// One element per suite with anything in stock.
    pub suites: Vec<SuiteStock>,
}
codec::fields!(Stock { suites });

/// Asks for one key package of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimKeyPackage {
    /// The MLS cipher suite.
    pub suite: u16,
}
codec::fields!(ClaimKeyPackage { suite });

/// The key package handed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedKeyPackage {
    /// The key package, opaque.
    pub key_package: Opaque,
    /// Whether it is the last-resort one, which others may have been given too.
    pub last_resort: bool,
}

impl Encode for ClaimedKeyPackage {
    fn encode(&self, writer: &mut Writer) {
        self.key_package.encode(writer);
        flag::encode(self.last_resort, writer);
    }
}

impl Decode for ClaimedKeyPackage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { key_package: Decode::decode(reader)?, last_resort: flag::decode(reader)? })
    }
}
