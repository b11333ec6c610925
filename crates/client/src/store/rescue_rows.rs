//! The statements on what gets a group back: anchors and the truth about its commits, whom to ask,
//! and rejoining.

use super::{GroupStatus, StoreTransaction, Stored};
use crate::GroupId;
use crate::rescue::AnchorOffer;
use codec::Encode;
use crypto::Secret;
use delivery_api::log::CommitBundle;
use delivery_api::repair::RestatedCommit;
use delivery_api::{DeviceId, Position, PublicKey};
use rusqlite::{OptionalExtension, params};

/// How many accepted commits of a log are kept to be restated: a reader may be behind by as many.
const SEGMENTS_KEPT: u64 = 256;

/// What this client has to repair a log with.
pub(crate) struct AnchorRecord {
    pub(crate) group: GroupId,
    /// Seed of the own anchor key.
    pub(crate) key: Secret,
    /// The number of the last repair that is known.
    pub(crate) number: u64,
    /// Up to where the commits were restated by the repair with which this client has locked the
    /// log; `None` if it has not.
    pub(crate) locked: Option<Position>,
    /// Whether the keys are to be replaced, since somebody who is no member any more knows one.
    pub(crate) renewal_due: bool,
    pub(crate) role: AnchorRole,
}

/// How a log's anchors stand to each other.
pub(crate) struct AnchorRole {
    /// The public halves of the keys of all anchors, this client's among them.
    pub(crate) keys: Vec<PublicKey>,
    /// Who gave this client its key; `None` if it made it.
    pub(crate) giver: Option<DeviceId>,
    /// The key for a successor, at the client that made the keys.
    pub(crate) reserve: Option<Reserve>,
    /// The keys that a renewal under way brings.
    pub(crate) next: Option<NextKeys>,
    /// Other keys for this log that members have given this client: some member may have lied.
    pub(crate) offers: Vec<AnchorOffer>,
}
codec::fields!(AnchorRole { keys, giver, reserve, next, offers });

/// The key for a successor.
pub(crate) struct Reserve {
    pub(crate) seed: Secret,
    /// Who has it.
    pub(crate) holder: Option<DeviceId>,
}
codec::fields!(Reserve { seed, holder });

/// New anchor keys.
pub(crate) struct NextKeys {
    pub(crate) own: Secret,
    pub(crate) reserve: Secret,
}
codec::fields!(NextKeys { own, reserve });

/// Whom a client can ask about a group, should it lose its way there.
pub(crate) struct MeansRecord {
    /// The group's rescue secret.
    pub(crate) secret: Secret,
    /// Devices of other members.
    pub(crate) devices: Vec<DeviceId>,
}

/// The way back into a group.
pub(crate) struct RejoinRecord {
    pub(crate) group: GroupId,
    /// How often somebody was asked.
    pub(crate) attempts: u32,
    /// When to ask next.
    pub(crate) not_before: u64,
    /// The secret behind the HPKE key that answers are sealed to.
    pub(crate) key: Option<Secret>,
    /// The external commit that is to be sent, and the seed of the access key that signs it.
    pub(crate) submission: Option<(CommitBundle, Secret)>,
}

impl StoreTransaction<'_> {
    /// What this client has to repair a group's log with, if it is one of its anchors.
    pub(crate) fn anchor(&self, id: &GroupId) -> Stored<Option<AnchorRecord>> {
        let sql = "SELECT key, number, locked, renewal_due, role FROM anchors WHERE group_id = ?";
        let row = self.0.prepare_cached(sql)?.query_row([id.as_slice()], |row| {
            let (number, locked): (u64, Option<u64>) = (row.get(1)?, row.get(2)?);
            let sealed = (row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(4)?);
            Ok((sealed, number, locked, row.get::<_, bool>(3)?))
        });
        let Some(((key, role), number, locked, renewal_due)) = row.optional()? else {
            return Ok(None);
        };
        Ok(Some(AnchorRecord {
            group: id.clone(),
            key: self.unseal("anchors.key", id.as_slice(), &key)?,
            number,
            locked: locked.map(Position),
            renewal_due,
            role: self.unseal_as("anchors.role", id.as_slice(), &role)?,
        }))
    }

    /// Writes what this client has to repair a log with.
    pub(crate) fn put_anchor(&self, record: &AnchorRecord) -> Stored<()> {
        let sql = "INSERT OR REPLACE INTO anchors
                   (group_id, key, number, locked, renewal_due, spare, role)
                   VALUES (?, ?, ?, ?, ?, ?, ?)";
        let id = record.group.as_slice();
        let is_spare = |reserve: &Reserve| reserve.holder.is_none();
        self.0.prepare_cached(sql)?.execute(params![
            id,
            self.seal("anchors.key", id, record.key.expose())?,
            record.number,
            record.locked.map(|position| position.0),
            record.renewal_due,
            record.role.reserve.as_ref().is_some_and(is_spare),
            self.seal("anchors.role", id, &record.role.to_bytes())?,
        ])?;
        Ok(())
    }

    /// The groups in use of which these columns say so.
    fn anchored(&self, condition: &str) -> Stored<Vec<GroupId>> {
        let sql = format!(
            "SELECT group_id FROM anchors JOIN groups USING (group_id)
             WHERE status = ? AND {condition}"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([GroupStatus::Active.code()], |row| {
            row.get::<_, Vec<u8>>(0).map(GroupId::new)
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The groups whose anchors' keys are to be replaced.
    pub(crate) fn due_renewals(&self) -> Stored<Vec<GroupId>> {
        self.anchored("locked IS NULL AND renewal_due = 1")
    }

    /// The groups that lack a successor of who repairs their logs.
    pub(crate) fn spare_anchors(&self) -> Stored<Vec<GroupId>> {
        self.anchored("locked IS NULL AND spare = 1")
    }

    /// The groups in use whose log this client has locked, and of which nothing is wanted.
    pub(crate) fn locked_without_intent(&self) -> Stored<Vec<GroupId>> {
        self.anchored(
            "locked IS NOT NULL AND NOT EXISTS
             (SELECT 1 FROM intents WHERE intents.group_id = anchors.group_id)",
        )
    }

    /// Forgets an anchor key.
    pub(crate) fn delete_anchor(&self, id: &GroupId) -> Stored<()> {
        self.0.execute("DELETE FROM anchors WHERE group_id = ?", [id.as_slice()])?;
        Ok(())
    }

    /// Notes a commit that was accepted, and the key of the segment that it opened.
    pub(crate) fn put_segment(&self, id: &GroupId, commit: &RestatedCommit) -> Stored<()> {
        let sql = "INSERT OR REPLACE INTO segments (group_id, head, access_key, removes)
                   VALUES (?, ?, ?, ?)";
        let key = commit.access_key.as_bytes();
        self.0.prepare_cached(sql)?.execute(params![
            id.as_slice(),
            commit.head.0,
            key,
            commit.removes
        ])?;
        let sql = "DELETE FROM segments WHERE group_id = ?1 AND head <
                   (SELECT head FROM segments WHERE group_id = ?1
                    ORDER BY head DESC LIMIT 1 OFFSET ?2)";
        self.0.prepare_cached(sql)?.execute(params![id.as_slice(), SEGMENTS_KEPT - 1])?;
        Ok(())
    }

    /// The latest commits that were accepted, in order.
    pub(crate) fn segments(&self, id: &GroupId) -> Stored<Vec<RestatedCommit>> {
        let sql = "SELECT head, access_key, removes FROM segments WHERE group_id = ?
                   ORDER BY head";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([id.as_slice()], |row| {
            Ok(RestatedCommit {
                head: Position(row.get(0)?),
                access_key: PublicKey::new(row.get(1)?),
                removes: row.get(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets which commits of a log were accepted.
    pub(crate) fn forget_segments(&self, id: &GroupId) -> Stored<()> {
        self.0.execute("DELETE FROM segments WHERE group_id = ?", [id.as_slice()])?;
        Ok(())
    }

    /// Whom to ask about a group.
    pub(crate) fn means(&self, id: &GroupId) -> Stored<Option<MeansRecord>> {
        let sql = "SELECT secret, devices FROM means WHERE group_id = ?";
        let row = self.0.prepare_cached(sql)?.query_row([id.as_slice()], |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?))
        });
        let Some((secret, devices)) = row.optional()? else { return Ok(None) };
        let id = id.as_slice();
        let secret = self.unseal("means.secret", id, &secret)?;
        let devices = self.unseal_as("means.devices", id, &devices)?;
        Ok(Some(MeansRecord { secret, devices }))
    }

    /// Writes whom to ask about a group.
    pub(crate) fn put_means(&self, id: &GroupId, record: &MeansRecord) -> Stored<()> {
        let sql = "INSERT OR REPLACE INTO means (group_id, secret, devices) VALUES (?, ?, ?)";
        let id = id.as_slice();
        let secret = self.seal("means.secret", id, record.secret.expose())?;
        let devices = self.seal("means.devices", id, &record.devices.to_bytes())?;
        self.0.prepare_cached(sql)?.execute(params![id, secret, devices])?;
        Ok(())
    }

    /// The way back into a group, if one is sought.
    pub(crate) fn rejoin(&self, id: &GroupId) -> Stored<Option<RejoinRecord>> {
        let sql = "SELECT attempts, not_before, key, bundle, access_key
                   FROM rejoins WHERE group_id = ?";
        let row = self.0.prepare_cached(sql)?.query_row([id.as_slice()], |row| {
            let key: Option<Vec<u8>> = row.get(2)?;
            let submission: (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(3)?, row.get(4)?);
            Ok((row.get(0)?, row.get(1)?, key, submission))
        });
        let Some((attempts, not_before, key, submission)) = row.optional()? else {
            return Ok(None);
        };
        let submission = match submission {
            (Some(bundle), Some(key)) => {
                let bundle: CommitBundle =
                    self.unseal_as("rejoins.bundle", id.as_slice(), &bundle)?;
                Some((bundle, self.unseal("rejoins.access_key", id.as_slice(), &key)?))
            }
            _ => None,
        };
        let key = key.map(|key| self.unseal("rejoins.key", id.as_slice(), &key)).transpose()?;
        Ok(Some(RejoinRecord { group: id.clone(), attempts, not_before, key, submission }))
    }

    /// A group for which it is time to look for the way back.
    pub(crate) fn due_rejoin(&self, now: u64) -> Stored<Option<GroupId>> {
        let sql = "SELECT group_id FROM rejoins WHERE bundle IS NOT NULL OR not_before <= ?
                   ORDER BY not_before LIMIT 1";
        let row = self.0.prepare_cached(sql)?.query_row([now], |row| row.get::<_, Vec<u8>>(0));
        Ok(row.optional()?.map(GroupId::new))
    }

    /// Writes the way back into a group.
    pub(crate) fn put_rejoin(&self, record: &RejoinRecord) -> Stored<()> {
        let id = record.group.as_slice();
        let (bundle, access_key) = match &record.submission {
            Some((bundle, key)) => (
                Some(self.seal("rejoins.bundle", id, &bundle.to_bytes())?),
                Some(self.seal("rejoins.access_key", id, key.expose())?),
            ),
            None => (None, None),
        };
        let key = record.key.as_ref();
        let key = key.map(|key| self.seal("rejoins.key", id, key.expose())).transpose()?;
        let sql = "INSERT OR REPLACE INTO rejoins
                   (group_id, attempts, not_before, key, bundle, access_key)
                   VALUES (?, ?, ?, ?, ?, ?)";
        self.0.prepare_cached(sql)?.execute(params![
            id,
            record.attempts,
            record.not_before,
            key,
            bundle,
            access_key,
        ])?;
        Ok(())
    }

    /// Forgets what is kept of the log of a group that was lost, and the way back; what is wanted
    /// of it stays.
    pub(crate) fn forget_followed(&self, id: &GroupId) -> Stored<()> {
        for sql in [
            "DELETE FROM chain_hashes WHERE group_id = ?",
            "DELETE FROM outbox WHERE group_id = ?",
            "DELETE FROM segments WHERE group_id = ?",
            "DELETE FROM rejoins WHERE group_id = ?",
        ] {
            self.0.execute(sql, [id.as_slice()])?;
        }
        Ok(())
    }

    /// Ends the search for a way back into a group.
    pub(crate) fn delete_rejoin(&self, id: &GroupId) -> Stored<()> {
        self.0
            .prepare_cached("DELETE FROM rejoins WHERE group_id = ?")?
            .execute([id.as_slice()])?;
        Ok(())
    }
}
