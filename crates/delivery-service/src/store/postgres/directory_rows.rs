//! The statements on blobs and names.

use super::rows::{Held, PostgresRows, bytes_32, stored};
use crate::store::{DirectoryRows, NameRow, StoreError, Stored};
use aws_lc_rs::digest::{SHA256, digest};
use delivery_api::{BlobId, DeviceId, Name};

impl DirectoryRows for PostgresRows<'_> {
    fn blob(&mut self, blob: BlobId) -> Stored<Option<Vec<u8>>> {
        let sql = "SELECT bytes FROM blobs WHERE blob_id = $1";
        let row = self.query_opt(sql, &[&blob.as_bytes().as_slice()])?;
        row.map(|row| Ok(row.try_get("bytes")?)).transpose()
    }

    fn put_blob(&mut self, blob: BlobId, bytes: &[u8], stored_day: Option<u64>) -> Stored<()> {
        // A row that would not change is not written again: it may be large.
        let sql = "INSERT INTO blobs (blob_id, stored_day, bytes) VALUES ($1, $2, $3)
                   ON CONFLICT (blob_id) DO UPDATE SET stored_day = $2
                   WHERE blobs.stored_day IS DISTINCT FROM $2";
        let stored_day = stored_day.map(stored).transpose()?;
        self.execute(sql, &[&blob.as_bytes().as_slice(), &stored_day, &bytes])
    }

    fn delete_blobs_before(&mut self, day: u64) -> Stored<()> {
        self.execute("DELETE FROM blobs WHERE stored_day < $1", &[&stored(day)?])
    }

    fn name_for_update(&mut self, name: &Name) -> Stored<Option<NameRow>> {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, name.as_str().as_bytes()).as_ref());
        self.hold(Held::Name, &hash)?;
        let sql = "SELECT owner, devices FROM directory_names WHERE name = $1";
        let Some(row) = self.query_opt(sql, &[&name.as_str()])? else { return Ok(None) };
        let (devices, rest) = row.try_get::<_, &[u8]>("devices")?.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(StoreError::Corrupt("device list"));
        }
        Ok(Some(NameRow {
            owner: bytes_32(&row, "owner").map(DeviceId::new)?,
            devices: devices.iter().copied().map(DeviceId::new).collect(),
        }))
    }

    fn put_name(&mut self, name: &Name, row: &NameRow) -> Stored<()> {
        let devices: Vec<u8> = row.devices.iter().flat_map(DeviceId::as_bytes).copied().collect();
        let sql = "INSERT INTO directory_names (name, owner, devices) VALUES ($1, $2, $3)
                   ON CONFLICT (name) DO UPDATE SET owner = $2, devices = $3";
        self.execute(sql, &[&name.as_str(), &row.owner.as_bytes().as_slice(), &devices])
    }
}
