//! `PreSharedKeyID` and `PSKLabel` (RFC 9420, section 8.4).

use codec::{Decode, DecodeError, DecodeErrorKind, Encode, Opaque, Reader, Writer};

/// What a resumption PSK is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResumptionPskUsage {
    /// Chosen by the application.
    Application,
    /// Links a reinitialized group to the old one (section 11.2).
    ReInit,
    /// Links a subgroup to the main group (section 11.3).
    Branch,
}

impl Encode for ResumptionPskUsage {
    fn encode(&self, writer: &mut Writer) {
        let value: u8 = match self {
            Self::Application => 1,
            Self::ReInit => 2,
            Self::Branch => 3,
        };
        value.encode(writer);
    }
}

impl Decode for ResumptionPskUsage {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match u8::decode(reader)? {
            1 => Ok(Self::Application),
            2 => Ok(Self::ReInit),
            3 => Ok(Self::Branch),
            _ => Err(at.error(DecodeErrorKind::InvalidValue("resumption psk usage"))),
        }
    }
}

/// Which key a [`PreSharedKeyId`] means, without the nonce.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PskKind {
    /// A key that the application provides.
    External {
        /// The application's name for it.
        psk_id: Opaque,
    },
    /// The `resumption_psk` of some epoch of some group.
    Resumption {
        /// What for.
        usage: ResumptionPskUsage,
        /// The group.
        psk_group_id: Opaque,
        /// The epoch.
        psk_epoch: u64,
    },
}

impl Encode for PskKind {
    fn encode(&self, writer: &mut Writer) {
        match self {
            Self::External { psk_id } => {
                1_u8.encode(writer);
                psk_id.encode(writer);
            }
            Self::Resumption { usage, psk_group_id, psk_epoch } => {
                2_u8.encode(writer);
                usage.encode(writer);
                psk_group_id.encode(writer);
                psk_epoch.encode(writer);
            }
        }
    }
}

impl Decode for PskKind {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = reader.clone();
        match u8::decode(reader)? {
            1 => Ok(Self::External { psk_id: Opaque::decode(reader)? }),
            2 => Ok(Self::Resumption {
                usage: ResumptionPskUsage::decode(reader)?,
                psk_group_id: Opaque::decode(reader)?,
                psk_epoch: u64::decode(reader)?,
            }),
            _ => Err(at.error(DecodeErrorKind::InvalidValue("psktype"))),
        }
    }
}

/// `PreSharedKeyID`: which key, and a nonce that makes its use unique.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PreSharedKeyId {
    /// Which key.
    pub kind: PskKind,
    /// A fresh value of length `KDF.Nh`.
    pub psk_nonce: Opaque,
}

codec::fields!(PreSharedKeyId { kind, psk_nonce });

/// `PSKLabel`: the context in which one of several keys is expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PskLabel {
    /// Which key.
    pub id: PreSharedKeyId,
    /// Its place in the list, from 0.
    pub index: u16,
    /// Length of the list.
    pub count: u16,
}

codec::fields!(PskLabel { id, index, count });
