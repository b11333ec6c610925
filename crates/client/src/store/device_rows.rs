//! The statements on the account's devices, and on items for the inboxes of devices.

use super::{BelongingRecord, StoreTransaction, Stored};
use authentication::DeviceCredential;
use codec::{Decode, Encode};
use delivery_api::DeviceId;
use delivery_api::inbox::PutItem;
use rusqlite::{OptionalExtension, params};

impl StoreTransaction<'_> {
    /// How this device belongs to its account.
    pub(crate) fn belonging(&self) -> Stored<BelongingRecord> {
        let sql = "SELECT owner_key, link_secret, keep, backup, backed_up FROM belonging";
        let row = self.0.query_row(sql, [], |row| {
            let secrets: [Vec<u8>; 2] = [row.get(0)?, row.get(1)?];
            let later: [Option<Vec<u8>>; 3] = [row.get(2)?, row.get(3)?, row.get(4)?];
            Ok((secrets, later))
        });
        let ([owner_key, link_secret], [keep, backup, backed_up]) = row?;
        Ok(BelongingRecord {
            owner_key: self.unseal("belonging.owner_key", &[], &owner_key)?,
            link_secret: self.unseal("belonging.link_secret", &[], &link_secret)?,
            keep: self.unseal_some("belonging.keep", keep)?,
            backup: self.unseal_some("belonging.backup", backup)?,
            backed_up: self.unseal_some("belonging.backed_up", backed_up)?,
        })
    }

    fn unseal_some<T: Decode>(
        &self,
        column: &'static str,
        sealed: Option<Vec<u8>>,
    ) -> Stored<Option<T>> {
        sealed.map(|sealed| self.unseal_as(column, &[], &sealed)).transpose()
    }

    fn seal_some<T: Encode>(&self, column: &str, value: Option<&T>) -> Stored<Option<Vec<u8>>> {
        value.map(|value| self.seal(column, &[], &value.to_bytes())).transpose()
    }

    /// Writes how this device belongs to its account.
    pub(crate) fn put_belonging(&self, record: &BelongingRecord) -> Stored<()> {
        let sql = "INSERT OR REPLACE INTO belonging
                   (id, owner_key, link_secret, keep, backup, backed_up) VALUES (1, ?, ?, ?, ?, ?)";
        self.0.execute(
            sql,
            params![
                self.seal("belonging.owner_key", &[], record.owner_key.expose())?,
                self.seal("belonging.link_secret", &[], record.link_secret.expose())?,
                self.seal_some("belonging.keep", record.keep.as_ref())?,
                self.seal_some("belonging.backup", record.backup.as_ref())?,
                self.seal_some("belonging.backed_up", record.backed_up.as_ref())?,
            ],
        )?;
        Ok(())
    }

    /// Lets the service be told anew who the account is.
    pub(crate) fn register_again(&self) -> Stored<()> {
        self.0.execute("UPDATE account SET registered = 0", [])?;
        Ok(())
    }

    /// What the root key last said of each other device of the account.
    pub(crate) fn device_credentials(&self) -> Stored<Vec<DeviceCredential>> {
        let mut statement = self.0.prepare("SELECT device, credential FROM devices")?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        rows.map(|row| {
            let (tag, credential) = row?;
            self.unseal_as("devices.credential", &tag, &credential)
        })
        .collect()
    }

    /// Notes what the root key says of another device of the account.
    pub(crate) fn put_device_credential(&self, credential: &DeviceCredential) -> Stored<()> {
        let tag = self.tag("devices.device", credential.statement().device.as_bytes())?;
        let sealed = self.seal("devices.credential", &tag, &credential.to_bytes())?;
        let sql = "INSERT OR REPLACE INTO devices (device, credential) VALUES (?, ?)";
        self.0.execute(sql, params![tag, sealed])?;
        Ok(())
    }

    /// Forgets a device that is none of the account's any more.
    pub(crate) fn delete_device_credential(&self, device: &DeviceId) -> Stored<()> {
        let tag = self.tag("devices.device", device.as_bytes())?;
        self.0.execute("DELETE FROM devices WHERE device = ?", [tag])?;
        Ok(())
    }

    /// Adds an item to what is to be sent.
    pub(crate) fn add_item(&self, recipient: &DeviceId, item: &PutItem) -> Stored<()> {
        let recipient = self.seal("items.recipient", &[], &recipient.to_bytes())?;
        let body = self.seal("items.body", &[], &item.to_bytes())?;
        let sql = "INSERT INTO items (recipient, body) VALUES (?, ?)";
        self.0.execute(sql, params![recipient, body])?;
        Ok(())
    }

    /// The oldest item that is to be sent.
    pub(crate) fn next_item(&self) -> Stored<Option<(u64, DeviceId, PutItem)>> {
        let sql = "SELECT number, recipient, body FROM items ORDER BY number LIMIT 1";
        let row = self.0.query_row(sql, [], |row| {
            Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, Vec<u8>>(2)?))
        });
        let Some((number, recipient, body)) = row.optional()? else { return Ok(None) };
        let recipient = self.unseal_as("items.recipient", &[], &recipient)?;
        Ok(Some((number, recipient, self.unseal_as("items.body", &[], &body)?)))
    }

    /// Forgets an item that was taken.
    pub(crate) fn delete_item(&self, number: u64) -> Stored<()> {
        self.0.execute("DELETE FROM items WHERE number = ?", [number])?;
        Ok(())
    }
}
