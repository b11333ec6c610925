//! Decoders. A result is 1 if the bytes are the encoding of a value, else 0.

use codec::{Decode, Opaque, Reader};

/// What comes as an address and a length, as a slice.
///
/// # Safety
///
/// There are `length` bytes at `address`, and they stay for as long as the slice is used.
pub(crate) unsafe fn bytes<'a>(address: *const u8, length: usize) -> &'a [u8] {
    // SAFETY: what this function asks for.
    unsafe { std::slice::from_raw_parts(address, length) }
}

fn accepts<T: Decode>(bytes: &[u8]) -> u32 {
    T::from_bytes(bytes).is_ok().into()
}

/// Defines an exported function for each.
macro_rules! decoders {
    ($($name:ident => $decode:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(address: *const u8, length: usize) -> u32 {
            // SAFETY: the executor puts that many bytes there.
            let decode: fn(&[u8]) -> u32 = $decode;
            decode(unsafe { bytes(address, length) })
        }
    )*};
}
pub(crate) use decoders;

decoders! {
    decode_length => |bytes| Reader::new(bytes).length().is_ok().into();
    decode_opaque => accepts::<Opaque>;
    decode_numbers => accepts::<Vec<u16>>;
    decode_nested => accepts::<Vec<Vec<u16>>>;
    decode_optional => accepts::<Option<u32>>;
    decode_extensions => accepts::<wire::Extensions>;
    decode_capabilities => accepts::<wire::Capabilities>;
    decode_credential => accepts::<wire::Credential>;
    decode_sender => accepts::<wire::Sender>;
    decode_sender_data => accepts::<wire::SenderData>;
    decode_pre_shared_key_id => accepts::<wire::PreSharedKeyId>;
    decode_proposal => accepts::<wire::Proposal>;
    decode_proposal_or_ref => accepts::<wire::ProposalOrRef>;
    decode_commit => accepts::<wire::Commit>;
    decode_leaf_node => accepts::<wire::LeafNode>;
    decode_parent_node => accepts::<wire::ParentNode>;
    decode_ratchet_tree => accepts::<wire::RatchetTreeNodes>;
    decode_update_path => accepts::<wire::UpdatePath>;
    decode_key_package => accepts::<wire::KeyPackage>;
    decode_group_context => accepts::<wire::GroupContext>;
    decode_group_secrets => accepts::<wire::GroupSecrets>;
    decode_group_info => accepts::<wire::GroupInfo>;
    decode_welcome => accepts::<wire::Welcome>;
    decode_public_message => accepts::<wire::PublicMessage>;
    decode_private_message => accepts::<wire::PrivateMessage>;
    decode_message => accepts::<wire::MlsMessage>;
}
