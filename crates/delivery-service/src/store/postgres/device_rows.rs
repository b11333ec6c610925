//! The statements on devices, inboxes and key packages.

use super::rows::{Held, PostgresRows, bytes_32, number, opaque, small, stored};
use crate::store::{InboxRows, KeyPackageRow, KeyPackageRows, Range, Stored, item_kind};
use codec::Opaque;
use delivery_api::DeviceId;
use delivery_api::inbox::Item;
use delivery_api::key_package::SuiteStock;
use delivery_api::limits::PAGE_BYTES_MAX;
use postgres::row::Row;

impl InboxRows for PostgresRows<'_> {
    fn knows_device(&mut self, device: DeviceId) -> Stored<bool> {
        let sql = "SELECT 1 FROM devices WHERE device_id = $1";
        Ok(self.query_opt(sql, &[&device.as_bytes().as_slice()])?.is_some())
    }

    fn device_for_update(&mut self, device: DeviceId) -> Stored<Option<u64>> {
        self.hold(Held::Device, device.as_bytes())?;
        let sql = "SELECT last_item FROM devices WHERE device_id = $1";
        let row = self.query_opt(sql, &[&device.as_bytes().as_slice()])?;
        row.map(|row| number(&row, "last_item")).transpose()
    }

    fn put_device(&mut self, device: DeviceId, last_item: u64) -> Stored<()> {
        let sql = "INSERT INTO devices (device_id, last_item) VALUES ($1, $2)
                   ON CONFLICT (device_id) DO UPDATE SET last_item = $2";
        self.execute(sql, &[&device.as_bytes().as_slice(), &stored(last_item)?])
    }

    fn put_item(&mut self, device: DeviceId, item: &Item) -> Stored<()> {
        let sql = "INSERT INTO inbox_items (device_id, number, kind, bytes)
                   VALUES ($1, $2, $3, $4)";
        let (number, kind) = (stored(item.number)?, i64::from(item.kind.code()));
        let bytes = item.bytes.as_slice();
        self.execute(sql, &[&device.as_bytes().as_slice(), &number, &kind, &bytes])
    }

    fn count_items(&mut self, device: DeviceId) -> Stored<u64> {
        let sql = "SELECT count(*) AS items FROM inbox_items WHERE device_id = $1";
        let row = self.query_opt(sql, &[&device.as_bytes().as_slice()])?;
        row.map_or(Ok(0), |row| number(&row, "items"))
    }

    fn inbox_bytes(&mut self, device: DeviceId) -> Stored<u64> {
        let sql = "SELECT coalesce(sum(octet_length(bytes)), 0)::bigint AS total
                   FROM inbox_items WHERE device_id = $1";
        let row = self.query_opt(sql, &[&device.as_bytes().as_slice()])?;
        row.map_or(Ok(0), |row| number(&row, "total"))
    }

    fn items(&mut self, device: DeviceId, range: Range) -> Stored<Vec<Item>> {
        // Cut off as the entries of a log are.
        let sql = "SELECT number, kind, bytes FROM
                   (SELECT *, sum(octet_length(bytes) + 1) OVER (ORDER BY number) AS total,
                    row_number() OVER (ORDER BY number) AS place FROM
                    (SELECT * FROM inbox_items
                     WHERE device_id = $1 AND number > $2 AND number <= $3
                     ORDER BY number LIMIT $4) AS page) AS summed
                   WHERE place = 1 OR total <= $5 ORDER BY number";
        let Range { after, up_to, limit } = range;
        let page_bytes = stored(PAGE_BYTES_MAX as u64)?;
        let (after, up_to, limit) = (stored(after.0)?, stored(up_to.0)?, i64::from(limit));
        let id = device.as_bytes().as_slice();
        let item = |row: &Row| {
            Ok(Item {
                number: number(row, "number")?,
                kind: item_kind(small(row, "kind")?)?,
                bytes: opaque(row, "bytes")?,
            })
        };
        self.query(sql, &[&id, &after, &up_to, &limit, &page_bytes])?.iter().map(item).collect()
    }

    fn delete_item(&mut self, device: DeviceId, number: u64) -> Stored<()> {
        let sql = "DELETE FROM inbox_items WHERE device_id = $1 AND number = $2";
        self.execute(sql, &[&device.as_bytes().as_slice(), &stored(number)?])
    }
}

impl KeyPackageRows for PostgresRows<'_> {
    fn knows_key_package(&mut self, device: DeviceId, hash: &[u8; 32]) -> Stored<bool> {
        let sql = "SELECT 1 FROM key_packages WHERE device_id = $1 AND hash = $2";
        let with = (device.as_bytes().as_slice(), hash.as_slice());
        Ok(self.query_opt(sql, &[&with.0, &with.1])?.is_some())
    }

    fn put_key_package(&mut self, device: DeviceId, row: &KeyPackageRow) -> Stored<()> {
        let sql = "INSERT INTO key_packages (device_id, hash, suite, last_resort, not_after, bytes)
                   VALUES ($1, $2, $3, $4, $5, $6)";
        self.execute(
            sql,
            &[
                &device.as_bytes().as_slice(),
                &row.hash.as_slice(),
                &i64::from(row.suite),
                &row.last_resort,
                &stored(row.not_after)?,
                &row.bytes.as_slice(),
            ],
        )
    }

    fn key_package_hashes(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
    ) -> Stored<Vec<[u8; 32]>> {
        let sql = "SELECT hash FROM key_packages WHERE device_id = $1 AND suite = $2
                   AND last_resort = $3 AND bytes IS NOT NULL ORDER BY number";
        let with = (device.as_bytes().as_slice(), i64::from(suite));
        let rows = self.query(sql, &[&with.0, &with.1, &last_resort])?;
        rows.iter().map(|row| bytes_32(row, "hash")).collect()
    }

    fn withdraw_key_package(&mut self, device: DeviceId, hash: &[u8; 32]) -> Stored<()> {
        let sql = "UPDATE key_packages SET bytes = NULL WHERE device_id = $1 AND hash = $2";
        self.execute(sql, &[&device.as_bytes().as_slice(), &hash.as_slice()])
    }

    fn first_in_stock(
        &mut self,
        device: DeviceId,
        suite: u16,
        last_resort: bool,
        now: u64,
    ) -> Stored<Option<([u8; 32], Opaque)>> {
        let sql = "SELECT hash, bytes FROM key_packages
                   WHERE device_id = $1 AND suite = $2 AND last_resort = $3 AND not_after > $4
                   AND bytes IS NOT NULL ORDER BY number LIMIT 1";
        let (suite, now) = (i64::from(suite), stored(now)?);
        let row =
            self.query_opt(sql, &[&device.as_bytes().as_slice(), &suite, &last_resort, &now])?;
        row.map(|row| Ok((bytes_32(&row, "hash")?, opaque(&row, "bytes")?))).transpose()
    }

    fn stock(&mut self, device: DeviceId, now: u64) -> Stored<Vec<SuiteStock>> {
        let sql = "SELECT suite, count(*) FILTER (WHERE NOT last_resort) AS single,
                   bool_or(last_resort) AS last_resort
                   FROM key_packages WHERE device_id = $1 AND not_after > $2 AND bytes IS NOT NULL
                   GROUP BY suite ORDER BY suite";
        let suite = |row: &Row| {
            Ok(SuiteStock {
                suite: small(row, "suite")?,
                count: small(row, "single")?,
                last_resort: row.try_get("last_resort")?,
            })
        };
        let rows = self.query(sql, &[&device.as_bytes().as_slice(), &stored(now)?])?;
        rows.iter().map(suite).collect()
    }

    fn delete_key_packages_before(&mut self, now: u64) -> Stored<()> {
        self.execute("DELETE FROM key_packages WHERE not_after < $1", &[&stored(now)?])
    }
}
