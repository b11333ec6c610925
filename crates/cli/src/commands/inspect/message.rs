//! Messages, field by field (RFC 9420, sections 6 and 12).

use super::field::Field;
use super::leaf::{code_point, extensions, key_package, leaf_node, suite, version};
use crypto::HpkeCiphertext;
use wire::{
    Commit, Content, ContentType, FramedContent, GroupContext, GroupInfo, MlsMessage,
    MlsMessageBody, PreSharedKeyId, PrivateMessage, Proposal, ProposalOrRef, PskKind,
    PublicMessage, ReInit, Sender, UpdatePath, Welcome,
};

pub(super) fn message(message: &MlsMessage) -> Field {
    let (wire_format, body) = match &message.0 {
        MlsMessageBody::PublicMessage(it) => ("mls_public_message", public_message(it)),
        MlsMessageBody::PrivateMessage(it) => ("mls_private_message", private_message(it)),
        MlsMessageBody::Welcome(it) => ("mls_welcome", welcome(it)),
        MlsMessageBody::GroupInfo(it) => ("mls_group_info", group_info("GroupInfo", it)),
        MlsMessageBody::KeyPackage(it) => ("mls_key_package", key_package("KeyPackage", it)),
    };
    let number = message.wire_format().0;
    let inside = vec![
        Field::new("version", version(wire::ProtocolVersion::MLS10)),
        Field::new("wire_format", format!("{wire_format} ({number})")),
        body,
    ];
    Field::structure("MLSMessage", message, "6", inside)
}

fn public_message(message: &PublicMessage) -> Field {
    let mut inside =
        vec![framed_content(&message.content), Field::bytes("signature", &message.auth.signature)];
    if let Some(tag) = &message.auth.confirmation_tag {
        inside.push(Field::bytes("confirmation_tag", tag).section("6.1"));
    }
    if let Some(tag) = &message.membership_tag {
        inside.push(Field::bytes("membership_tag", tag).section("6.2"));
    }
    Field::structure("PublicMessage", message, "6.2", inside)
}

fn content_type(content_type: ContentType) -> &'static str {
    match content_type {
        ContentType::Application => "application (1)",
        ContentType::Proposal => "proposal (2)",
        ContentType::Commit => "commit (3)",
    }
}

fn sender(sender: Sender) -> String {
    match sender {
        Sender::Member(leaf) => format!("member (1), leaf {leaf}"),
        Sender::External(index) => format!("external (2), sender {index}"),
        Sender::NewMemberProposal => "new_member_proposal (3)".to_owned(),
        Sender::NewMemberCommit => "new_member_commit (4)".to_owned(),
    }
}

fn framed_content(content: &FramedContent) -> Field {
    let body = match &content.content {
        Content::Application(data) => {
            Field::new("application_data", format!("{} bytes", data.len()))
        }
        Content::Proposal(it) => proposal("proposal", it),
        Content::Commit(it) => commit(it),
    };
    let inside = vec![
        Field::bytes("group_id", &content.group_id),
        Field::new("epoch", content.epoch),
        Field::new("sender", sender(content.sender)),
        Field::bytes("authenticated_data", &content.authenticated_data),
        Field::new("content_type", content_type(content.content.content_type())),
        body,
    ];
    Field::structure("content", content, "6", inside)
}

fn private_message(message: &PrivateMessage) -> Field {
    let inside = vec![
        Field::bytes("group_id", &message.group_id),
        Field::new("epoch", message.epoch),
        Field::new("content_type", content_type(message.content_type)),
        Field::bytes("authenticated_data", &message.authenticated_data),
        Field::bytes("encrypted_sender_data", &message.encrypted_sender_data).section("6.3.2"),
        Field::bytes("ciphertext", &message.ciphertext).section("6.3.1"),
    ];
    Field::structure("PrivateMessage", message, "6.3", inside)
}

fn commit(commit: &Commit) -> Field {
    let proposals = commit.proposals.iter().map(|it| match it {
        ProposalOrRef::Proposal(it) => proposal("proposal", it),
        ProposalOrRef::Reference(reference) => Field::bytes("reference", reference.0.as_slice()),
    });
    let path = match &commit.path {
        Some(path) => update_path(path),
        None => Field::new("path", "none"),
    };
    let inside = vec![Field::list("proposals", proposals.collect()), path];
    Field::structure("commit", commit, "12.4", inside)
}

fn update_path(path: &UpdatePath) -> Field {
    let nodes = path.nodes.iter().map(|node| {
        let secrets = node.encrypted_path_secret.iter();
        let inside = vec![
            Field::bytes("encryption_key", node.encryption_key.as_slice()),
            Field::list(
                "encrypted_path_secret",
                secrets.map(|it| ciphertext("ciphertext", it)).collect(),
            ),
        ];
        Field::structure("node", node, "7.6", inside)
    });
    let inside =
        vec![leaf_node("leaf_node", &path.leaf_node), Field::list("nodes", nodes.collect())];
    Field::structure("path", path, "7.6", inside)
}

fn ciphertext(name: &str, ciphertext: &HpkeCiphertext) -> Field {
    let inside = vec![
        Field::bytes("kem_output", &ciphertext.kem_output),
        Field::bytes("ciphertext", &ciphertext.ciphertext),
    ];
    Field::structure(name, ciphertext, "7.6", inside)
}

fn proposal(name: &str, proposal: &Proposal) -> Field {
    let (section, inside) = match proposal {
        Proposal::Add(it) => ("12.1.1", vec![key_package("key_package", it)]),
        Proposal::Update(it) => ("12.1.2", vec![leaf_node("leaf_node", it)]),
        Proposal::Remove(leaf) => ("12.1.3", vec![Field::new("removed", format!("leaf {leaf}"))]),
        Proposal::PreSharedKey(it) => ("12.1.4", vec![psk(it)]),
        Proposal::ReInit(it) => ("12.1.5", reinit(it)),
        Proposal::ExternalInit(it) => ("12.1.6", vec![Field::bytes("kem_output", it)]),
        Proposal::GroupContextExtensions(it) => ("12.1.7", vec![extensions("extensions", it)]),
        Proposal::Other(_, body) => ("12.1", vec![Field::bytes("body", body)]),
    };
    let proposal_type = proposal.proposal_type();
    let said = code_point(proposal_type.0, proposal_type.name());
    Field::structure(name, proposal, section, inside).saying(said)
}

fn psk(id: &PreSharedKeyId) -> Field {
    let mut inside = match &id.kind {
        PskKind::External { psk_id } => {
            vec![Field::new("psktype", "external (1)"), Field::bytes("psk_id", psk_id)]
        }
        PskKind::Resumption { usage, psk_group_id, psk_epoch } => vec![
            Field::new("psktype", "resumption (2)"),
            Field::new("usage", format!("{usage:?}").to_ascii_lowercase()),
            Field::bytes("psk_group_id", psk_group_id),
            Field::new("psk_epoch", psk_epoch),
        ],
    };
    inside.push(Field::bytes("psk_nonce", &id.psk_nonce));
    Field::structure("psk", id, "8.4", inside)
}

fn reinit(reinit: &ReInit) -> Vec<Field> {
    vec![
        Field::bytes("group_id", &reinit.group_id),
        Field::new("version", version(reinit.version)),
        Field::new("cipher_suite", suite(reinit.cipher_suite)),
        extensions("extensions", &reinit.extensions),
    ]
}

fn welcome(welcome: &Welcome) -> Field {
    let secrets = welcome.secrets.iter().map(|it| {
        let inside = vec![
            Field::bytes("new_member", it.new_member.0.as_slice()).section("5.2"),
            ciphertext("encrypted_group_secrets", &it.encrypted_group_secrets),
        ];
        Field::structure("secrets", it, "12.4.3.1", inside)
    });
    let inside = vec![
        Field::new("cipher_suite", suite(welcome.cipher_suite)),
        Field::list("secrets", secrets.collect()),
        Field::bytes("encrypted_group_info", &welcome.encrypted_group_info),
    ];
    Field::structure("Welcome", welcome, "12.4.3.1", inside)
}

pub(super) fn group_info(name: &str, info: &GroupInfo) -> Field {
    let inside = vec![
        group_context(&info.group_context),
        extensions("extensions", &info.extensions),
        Field::bytes("confirmation_tag", &info.confirmation_tag),
        Field::new("signer", format!("leaf {}", info.signer)),
        Field::bytes("signature", &info.signature),
    ];
    Field::structure(name, info, "12.4.3", inside)
}

pub(super) fn group_context(context: &GroupContext) -> Field {
    let inside = vec![
        Field::new("version", version(context.version)),
        Field::new("cipher_suite", suite(context.cipher_suite)),
        Field::bytes("group_id", &context.group_id),
        Field::new("epoch", context.epoch),
        Field::bytes("tree_hash", context.tree_hash.as_slice()).section("7.8"),
        Field::bytes("confirmed_transcript_hash", context.confirmed_transcript_hash.as_slice())
            .section("8.2"),
        extensions("extensions", &context.extensions),
    ];
    Field::structure("group_context", context, "8.1", inside)
}
