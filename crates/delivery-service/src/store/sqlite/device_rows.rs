//! The statements on devices, inboxes and key packages.

use super::SqliteRows;
use crate::store::{InboxRows, KeyPackageRow, KeyPackageRows, Range, Stored, fits, item_kind};
use codec::Opaque;
use delivery_api::DeviceId;
use delivery_api::inbox::Item;
use delivery_api::key_package::SuiteStock;
use rusqlite::{OptionalExtension, named_params, params};

impl InboxRows for SqliteRows<'_> {
    fn knows_device(&mut self, device: DeviceId) -> Stored<bool> {
        // The only writer: nothing needs to be held.
        Ok(self.device_for_update(device)?.is_some())
    }

    fn device_for_update(&mut self, device: DeviceId) -> Stored<Option<u64>> {
        let mut statement =
            self.0.prepare_cached("SELECT last_item FROM devices WHERE device_id = ?1")?;
        Ok(statement.query_row([device.as_bytes()], |row| row.get(0)).optional()?)
    }

    fn put_device(&mut self, device: DeviceId, last_item: u64) -> Stored<()> {
        self.0
            .prepare_cached(
                "INSERT INTO devices (device_id, last_item) VALUES (?1, ?2)
                 ON CONFLICT (device_id) DO UPDATE SET last_item = excluded.last_item",
            )?
            .execute(params![device.as_bytes(), last_item])?;
        Ok(())
    }

    fn put_item(&mut self, device: DeviceId, item: &Item) -> Stored<()> {
        self.0
            .prepare_cached(
                "INSERT INTO inbox_items (device_id, number, kind, bytes) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                device.as_bytes(),
                item.number,
                item.kind.code(),
                item.bytes.as_slice()
            ])?;
        Ok(())
    }

    fn count_items(&mut self, device: DeviceId) -> Stored<u64> {
        let mut statement =
            self.0.prepare_cached("SELECT count(*) FROM inbox_items WHERE device_id = ?1")?;
        Ok(statement.query_row([device.as_bytes()], |row| row.get(0))?)
    }

    fn inbox_bytes(&mut self, device: DeviceId) -> Stored<u64> {
        let sql = "SELECT coalesce(sum(length(bytes)), 0) FROM inbox_items WHERE device_id = ?1";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row([device.as_bytes()], |row| row.get(0))?)
    }

    fn items(&mut self, device: DeviceId, range: Range) -> Stored<Vec<Item>> {
        let mut statement = self.0.prepare_cached(
            "SELECT number, kind, bytes FROM inbox_items
             WHERE device_id = ?1 AND number > ?2 AND number <= ?3 ORDER BY number LIMIT ?4",
        )?;
        let Range { after, up_to, limit } = range;
        let mut rows = statement.query(params![device.as_bytes(), after.0, up_to.0, limit])?;
        let (mut page, mut page_bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next()? {
            let item = Item {
                number: row.get("number")?,
                kind: item_kind(row.get("kind")?)?,
                bytes: row.get::<_, Vec<u8>>("bytes").map(Opaque::from)?,
            };
            if !fits(&mut page_bytes, item.bytes.len()) {
                break;
            }
            page.push(item);
        }
        Ok(page)
    }

    fn delete_item(&mut self, device: DeviceId, number: u64) -> Stored<()> {
        self.0
            .prepare_cached("DELETE FROM inbox_items WHERE device_id = ?1 AND number = ?2")?
            .execute(params![device.as_bytes(), number])?;
        Ok(())
    }
}

impl KeyPackageRows for SqliteRows<'_> {
    fn knows_key_package(&mut self, device: DeviceId, hash: &[u8; 32]) -> Stored<bool> {
        let mut statement = self
            .0
            .prepare_cached("SELECT 1 FROM key_packages WHERE device_id = ?1 AND hash = ?2")?;
        Ok(statement.exists([device.as_bytes(), hash])?)
    }

    fn put_key_package(&mut self, device: DeviceId, row: &KeyPackageRow) -> Stored<()> {
        self.0
            .prepare_cached(
                "INSERT INTO key_packages (device_id, hash, suite, last_resort, not_after, bytes)
                 VALUES (:device, :hash, :suite, :last_resort, :not_after, :bytes)",
            )?
            .execute(named_params! {
                ":device": device.as_bytes(),
                ":hash": row.hash,
                ":suite": row.suite,
                ":last_resort": row.last_resort,
                ":not_after": row.not_after,
                ":bytes": row.bytes.as_slice(),
            })?;
        Ok(())
    }

    fn key_package_hashes(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
    ) -> Stored<Vec<[u8; 32]>> {
        let mut statement = self.0.prepare_cached(
            "SELECT hash FROM key_packages WHERE device_id = ?1 AND suite = ?2
             AND last_resort = ?3 AND bytes IS NOT NULL ORDER BY number",
        )?;
        let hashes = statement
            .query_map(params![device.as_bytes(), suite, last_resort], |row| row.get(0))?;
        Ok(hashes.collect::<Result<_, _>>()?)
    }

    fn withdraw_key_package(&mut self, device: DeviceId, hash: &[u8; 32]) -> Stored<()> {
        self.0
            .prepare_cached(
                "UPDATE key_packages SET bytes = NULL WHERE device_id = ?1 AND hash = ?2",
            )?
            .execute([device.as_bytes(), hash])?;
        Ok(())
    }

    fn first_in_stock(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
        now: u64,
    ) -> Stored<Option<([u8; 32], Opaque)>> {
        let mut statement = self.0.prepare_cached(
            "SELECT hash, bytes FROM key_packages
             WHERE device_id = ?1 AND suite = ?2 AND last_resort = ?3 AND not_after > ?4
             AND bytes IS NOT NULL ORDER BY number LIMIT 1",
        )?;
        let found = statement
            .query_row(params![device.as_bytes(), suite, last_resort, now], |row| {
                Ok((row.get("hash")?, row.get::<_, Vec<u8>>("bytes")?.into()))
            });
        Ok(found.optional()?)
    }

    fn stock(&mut self, device: DeviceId, now: u64) -> Stored<Vec<SuiteStock>> {
        let mut statement = self.0.prepare_cached(
            "SELECT suite, sum(last_resort = 0) AS single, max(last_resort) AS last_resort
             FROM key_packages WHERE device_id = ?1 AND not_after > ?2 AND bytes IS NOT NULL
             GROUP BY suite ORDER BY suite",
        )?;
        let suites = statement.query_map(params![device.as_bytes(), now], |row| {
            Ok(SuiteStock {
                suite: row.get("suite")?,
                count: row.get("single")?,
                last_resort: row.get("last_resort")?,
            })
        })?;
        Ok(suites.collect::<Result<_, _>>()?)
    }

    fn delete_key_packages_before(&mut self, now: u64) -> Stored<()> {
        self.0.prepare_cached("DELETE FROM key_packages WHERE not_after < ?1")?.execute([now])?;
        Ok(())
    }
}
