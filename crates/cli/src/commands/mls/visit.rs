//! Looking into a state for `conclave inspect`, which changes nothing.

use super::{Options, Session, group, receive};
use crate::failure::Failure;
use crate::output::Output;
use mls::{Group, MlsMessage, MlsMessageBody};
use serde_json::Value;

/// Describes the groups of a state, or the one that the options name.
pub(crate) fn state(
    options: &Options,
    output: &mut Output,
    explain: impl Fn(&Group) -> (String, Value),
) -> Result<(), Failure> {
    let session = Session::open(options, output)?;
    let groups = match &options.group {
        Some(start) => vec![session.state.group_id(Some(start))?],
        None => session.client.group_ids(&session.state.rows())?,
    };
    for id in groups {
        let Some(group) = session.client.load_group(&session.state.rows(), &id)? else { continue };
        let (line, mut value) = group::describe(&group);
        let (text, fields) = explain(&group);
        value["type"] = serde_json::json!("group");
        value["state_of_group"] = fields;
        session.output.print(&format!("{line}\n{text}"), &value)?;
    }
    Ok(())
}

/// What a message would do to the client, or why it is refused.
pub(crate) fn judge(
    options: &Options,
    output: &mut Output,
    message: &MlsMessage,
) -> Result<Result<String, Failure>, Failure> {
    let session = Session::open(options, output)?;
    Ok(match &message.0 {
        MlsMessageBody::PublicMessage(_) | MlsMessageBody::PrivateMessage(_) => {
            receive::judge(&session, message)
        }
        MlsMessageBody::Welcome(_) => {
            let rows = session.state.rows();
            let joined = session.client.join(&rows, message, None, session.now);
            joined.map_err(Failure::from).map(|effect| {
                let (joined, _) = effect.into_parts();
                format!("joins {}", group::describe(&joined).0)
            })
        }
        MlsMessageBody::GroupInfo(_) | MlsMessageBody::KeyPackage(_) => {
            Ok("this kind of message is not processed by itself".to_owned())
        }
    })
}
