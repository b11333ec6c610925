//! The statements on blobs and names.

use super::SqliteRows;
use crate::store::{DirectoryRows, NameRow, StoreError, Stored};
use delivery_api::{BlobId, DeviceId, Name};
use rusqlite::{OptionalExtension, params};

impl DirectoryRows for SqliteRows<'_> {
    fn blob(&mut self, blob: BlobId) -> Stored<Option<Vec<u8>>> {
        let mut statement = self.0.prepare_cached("SELECT bytes FROM blobs WHERE blob_id = ?1")?;
        Ok(statement.query_row([blob.as_bytes()], |row| row.get(0)).optional()?)
    }

    fn put_blob(&mut self, blob: BlobId, bytes: &[u8], stored_day: Option<u64>) -> Stored<()> {
        // A row that would not change is not written again: it may be large.
        self.0
            .prepare_cached(
                "INSERT INTO blobs (blob_id, stored_day, bytes) VALUES (?1, ?2, ?3)
                 ON CONFLICT (blob_id) DO UPDATE SET stored_day = excluded.stored_day
                 WHERE stored_day IS NOT excluded.stored_day",
            )?
            .execute(params![blob.as_bytes(), stored_day, bytes])?;
        Ok(())
    }

    fn delete_blobs_before(&mut self, day: u64) -> Stored<()> {
        self.0.prepare_cached("DELETE FROM blobs WHERE stored_day < ?1")?.execute([day])?;
        Ok(())
    }

    fn name_for_update(&mut self, name: &Name) -> Stored<Option<NameRow>> {
        let mut statement =
            self.0.prepare_cached("SELECT owner, devices FROM directory_names WHERE name = ?1")?;
        let found = statement
            .query_row([name.as_str()], |row| {
                let owner = row.get("owner").map(DeviceId::new)?;
                Ok((owner, row.get::<_, Vec<u8>>("devices")?))
            })
            .optional()?;
        let Some((owner, devices)) = found else { return Ok(None) };
        let (devices, rest) = devices.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(StoreError::Corrupt("device list"));
        }
        Ok(Some(NameRow { owner, devices: devices.iter().copied().map(DeviceId::new).collect() }))
    }

    fn put_name(&mut self, name: &Name, row: &NameRow) -> Stored<()> {
        let devices: Vec<u8> = row.devices.iter().flat_map(DeviceId::as_bytes).copied().collect();
        self.0
            .prepare_cached(
                "INSERT OR REPLACE INTO directory_names (name, owner, devices) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![name.as_str(), row.owner.as_bytes(), devices])?;
        Ok(())
    }
}
