//! The statements on the account itself: who it is, whom it knows, its key packages.

use super::{AccountRecord, KeyPackageRecord, StoreError, StoreTransaction, Stored};
use authentication::{DeviceCredential, KnownAccount};
use codec::Encode;
use crypto::Secret;
use delivery_api::{Name, PublicKey};
use rusqlite::{OptionalExtension, params};

/// How long the private keys of a last-resort key package are kept after its first use.
const USED_LAST_RESORT_SECONDS: u64 = 7 * 86_400;

fn name(text: &str) -> Stored<Name> {
    Name::new(text).ok_or(StoreError::Corrupt("name"))
}

impl StoreTransaction<'_> {
    /// The account, once it is made.
    pub(crate) fn account(&self) -> Stored<Option<AccountRecord>> {
        let sql = "SELECT name, server, service_key, device_key, signature_key, registered,
                   root_key, credential FROM account WHERE id = 1";
        let row = self.0.query_row(sql, [], |row| {
            let texts: [Vec<u8>; 2] = [row.get(0)?, row.get(1)?];
            let keys: [Vec<u8>; 3] = [row.get(3)?, row.get(4)?, row.get(6)?];
            let later: [Option<Vec<u8>>; 2] = [row.get(2)?, row.get(7)?];
            Ok((texts, keys, later, row.get(5)?))
        });
        let Some((texts, keys, [service_key, credential], registered)) = row.optional()? else {
            return Ok(None);
        };
        let [name_text, server] = texts;
        let [device_key, signature_key, root_key] = keys;
        let service_key =
            service_key.map(|sealed| self.unseal_as("account.service_key", &[], &sealed));
        let credential =
            credential.map(|sealed| self.unseal_as("account.credential", &[], &sealed));
        Ok(Some(AccountRecord {
            name: name(&self.unseal_text("account.name", &[], &name_text)?)?,
            server: self.unseal_text("account.server", &[], &server)?,
            service_key: service_key.transpose()?,
            device_key: self.unseal("account.device_key", &[], &device_key)?,
            signature_key: self.unseal("account.signature_key", &[], &signature_key)?,
            root_key: self.unseal("account.root_key", &[], &root_key)?,
            credential: credential.transpose()?,
            registered,
        }))
    }

    /// Writes the account.
    pub(crate) fn put_account(&self, account: &AccountRecord) -> Stored<()> {
        let seal = |column, value: &[u8]| self.seal(column, &[], value);
        let service_key = account.service_key.as_ref().map(Encode::to_bytes);
        let service_key = service_key.map(|key| seal("account.service_key", &key)).transpose()?;
        let credential = account.credential.as_ref().map(Encode::to_bytes);
        let credential = credential.map(|bytes| seal("account.credential", &bytes)).transpose()?;
        let sql = "INSERT OR REPLACE INTO account
                   (id, name, server, service_key, device_key, signature_key, registered,
                    root_key, credential)
                   VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)";
        self.0.execute(
            sql,
            params![
                seal("account.name", account.name.as_str().as_bytes())?,
                seal("account.server", account.server.as_bytes())?,
                service_key,
                seal("account.device_key", account.device_key.expose())?,
                seal("account.signature_key", account.signature_key.expose())?,
                account.registered,
                seal("account.root_key", account.root_key.expose())?,
                credential,
            ],
        )?;
        Ok(())
    }

    /// Pins the service's key.
    pub(crate) fn set_service_key(&self, key: PublicKey) -> Stored<()> {
        let key = self.seal("account.service_key", &[], &key.to_bytes())?;
        self.0.execute("UPDATE account SET service_key = ?", [key])?;
        Ok(())
    }

    /// Remembers that the service knows the device under the name.
    pub(crate) fn set_registered(&self) -> Stored<()> {
        self.0.execute("UPDATE account SET registered = 1", [])?;
        Ok(())
    }

    /// Replaces the account's root key and credential.
    pub(crate) fn set_credential(
        &self,
        root_key: &Secret,
        credential: &DeviceCredential,
    ) -> Stored<()> {
        let root_key = self.seal("account.root_key", &[], root_key.expose())?;
        let credential = self.seal("account.credential", &[], &credential.to_bytes())?;
        self.0.execute(
            "UPDATE account SET root_key = ?, credential = ?",
            params![root_key, credential],
        )?;
        Ok(())
    }

    /// Every account that is known.
    pub(crate) fn known_accounts(&self) -> Stored<Vec<KnownAccount>> {
        let mut statement = self.0.prepare_cached("SELECT name, account FROM known_accounts")?;
        let rows = statement
            .query_map([], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        rows.map(|row| {
            let (tag, account) = row?;
            self.unseal_as("known_accounts.account", &tag, &account)
        })
        .collect()
    }

    /// Writes what is known of an account.
    pub(crate) fn put_known_account(&self, account: &KnownAccount) -> Stored<()> {
        let tag = self.tag("known_accounts.name", account.name.as_str().as_bytes())?;
        let sealed = self.seal("known_accounts.account", &tag, &account.to_bytes())?;
        self.0
            .prepare_cached("INSERT OR REPLACE INTO known_accounts (name, account) VALUES (?, ?)")?
            .execute(params![tag, sealed])?;
        Ok(())
    }

    /// Writes an own key package.
    pub(crate) fn put_key_package(&self, record: &KeyPackageRecord) -> Stored<()> {
        self.0
            .prepare_cached(
                "INSERT INTO key_packages (reference, last_resort, used, not_after)
                 VALUES (?, ?, 0, ?)",
            )?
            .execute(params![record.reference, record.last_resort, record.not_after])?;
        Ok(())
    }

    /// Notes that a group was joined with a key package, and forgets it unless it is a last resort:
    /// that one is kept for a little longer, for others who were told it too. Returns whether it
    /// was one.
    pub(crate) fn use_key_package(&self, reference: &[u8], now: u64) -> Stored<bool> {
        let sql = "DELETE FROM key_packages WHERE reference = ? AND last_resort = 0";
        self.0.execute(sql, [reference])?;
        let sql = "UPDATE key_packages SET used = 1, not_after = min(not_after, ?)
                   WHERE reference = ?";
        let kept_until = now.saturating_add(USED_LAST_RESORT_SECONDS);
        Ok(self.0.execute(sql, params![kept_until, reference])? > 0)
    }

    /// The key packages whose time was over before this one.
    pub(crate) fn key_packages_before(&self, time: u64) -> Stored<Vec<Vec<u8>>> {
        let sql = "SELECT reference FROM key_packages WHERE not_after < ? ORDER BY reference";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_map([time], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// Forgets a key package.
    pub(crate) fn delete_key_package(&self, reference: &[u8]) -> Stored<()> {
        self.0
            .prepare_cached("DELETE FROM key_packages WHERE reference = ?")?
            .execute([reference])?;
        Ok(())
    }

    /// Until when the oldest key package for one use is valid that nobody has used here.
    pub(crate) fn first_single_use_end(&self) -> Stored<Option<u64>> {
        let sql = "SELECT min(not_after) FROM key_packages WHERE last_resort = 0 AND used = 0";
        Ok(self.0.query_row(sql, [], |row| row.get(0))?)
    }

    /// Notes that others take the place of all key packages. Their private keys stay for who was
    /// given one before.
    pub(crate) fn supersede_key_packages(&self) -> Stored<()> {
        self.0.execute("UPDATE key_packages SET used = 1", [])?;
        Ok(())
    }

    /// Whether there is a last-resort key package that nobody has used and that is valid until
    /// `time`.
    pub(crate) fn has_fresh_last_resort(&self, time: u64) -> Stored<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM key_packages
                   WHERE last_resort = 1 AND used = 0 AND not_after > ?)";
        Ok(self.0.query_row(sql, [time], |row| row.get(0))?)
    }

    /// Adds an upload of key packages to what is to be sent.
    pub(crate) fn add_upload(&self, body: &[u8]) -> Stored<()> {
        let body = self.seal("uploads.body", &[], body)?;
        self.0.execute("INSERT INTO uploads (body) VALUES (?)", [body])?;
        Ok(())
    }

    /// The oldest upload that is to be sent.
    pub(crate) fn next_upload(&self) -> Stored<Option<(u64, Vec<u8>)>> {
        let sql = "SELECT number, body FROM uploads ORDER BY number LIMIT 1";
        let row = self.0.query_row(sql, [], |row| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?)));
        let Some((number, body)) = row.optional()? else { return Ok(None) };
        let body = self.unseal("uploads.body", &[], &body)?;
        Ok(Some((number, body.expose().to_vec())))
    }

    /// Forgets an upload that was taken.
    pub(crate) fn delete_upload(&self, number: u64) -> Stored<()> {
        self.0.execute("DELETE FROM uploads WHERE number = ?", [number])?;
        Ok(())
    }

    /// Notes that an item of the inbox is durable here.
    pub(crate) fn put_inbox_done(&self, number: u64) -> Stored<()> {
        self.0.execute("INSERT OR IGNORE INTO inbox_done (number) VALUES (?)", [number])?;
        Ok(())
    }

    /// Whether an item of the inbox is durable here.
    pub(crate) fn is_inbox_done(&self, number: u64) -> Stored<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM inbox_done WHERE number = ?)";
        Ok(self.0.query_row(sql, [number], |row| row.get(0))?)
    }

    /// The items that are durable here and not acknowledged there.
    pub(crate) fn inbox_done(&self) -> Stored<Vec<u64>> {
        let mut statement =
            self.0.prepare_cached("SELECT number FROM inbox_done ORDER BY number")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Forgets an item that was acknowledged.
    pub(crate) fn delete_inbox_done(&self, number: u64) -> Stored<()> {
        self.0.prepare_cached("DELETE FROM inbox_done WHERE number = ?")?.execute([number])?;
        Ok(())
    }
}
