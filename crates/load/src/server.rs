//! The service that is measured: this program, started again as a process of its own.

use crate::people::Person;
use client::transport::HttpTransport;
use delivery_service::core::{Config, Paces};
use delivery_service::store::PostgresStore;
use delivery_service::{Options, Server as DeliveryServer};
use postgres::{Client, NoTls};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use trials::Failure;
use trials::speaker::Speaker;

/// A folder for stores, which goes with its owner.
pub(crate) struct Place(TempDir);

/// Where one store is.
pub(crate) struct Site {
    /// What the rows of a report call it.
    pub(crate) name: &'static str,
    data: PathBuf,
    database: Option<Database>,
}

/// A schema of its own in a PostgreSQL database, which goes with its owner.
struct Database {
    server: String,
    schema: String,
}

impl Place {
    pub(crate) fn new(folder: Option<PathBuf>) -> Result<Self, Failure> {
        Ok(Self(match folder {
            Some(folder) => TempDir::new_in(folder)?,
            None => TempDir::new()?,
        }))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn sqlite(&self) -> Result<Site, Failure> {
        let data = self.0.path().join("sqlite");
        std::fs::create_dir(&data)?;
        Ok(Site { name: "SQLite", data, database: None })
    }

    pub(crate) fn postgres(&self, server: &str) -> Result<Site, Failure> {
        let data = self.0.path().join("postgres");
        std::fs::create_dir(&data)?;
        let schema = format!("conclave_load_{}", std::process::id());
        let database = Database { server: server.to_owned(), schema };
        database.run(&format!("CREATE SCHEMA {}", database.schema))?;
        Ok(Site { name: "PostgreSQL", data, database: Some(database) })
    }
}

impl Database {
    fn run(&self, sql: &str) -> Result<(), Failure> {
        Ok(Client::connect(&self.server, NoTls)?.batch_execute(sql)?)
    }

    fn url(&self) -> String {
        format!("{} options='-c search_path={}'", self.server, self.schema)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // What stays behind is a schema that bears this program's name.
        let _ = self.run(&format!("DROP SCHEMA {} CASCADE", self.schema));
    }
}

impl Site {
    /// How many bytes the rows take on disk, with what belongs to them.
    pub(crate) fn bytes(&self) -> Result<u64, Failure> {
        if let Some(database) = &self.database {
            let mut client = Client::connect(&database.server, NoTls)?;
            let sql = "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
                       WHERE relkind = 'r' AND relnamespace = $1::text::regnamespace";
            let bytes: i64 = client.query_one(sql, &[&database.schema])?.try_get(0)?;
            return Ok(u64::try_from(bytes)?);
        }
        // The write-ahead log is not counted: it is bounded and emptied again.
        Ok(std::fs::metadata(self.data.join("delivery.sqlite3"))?.len())
    }
}

/// The process, which ends with its owner.
pub(crate) struct Server<'s> {
    pub(crate) site: &'s Site,
    process: Child,
    url: String,
}

impl<'s> Server<'s> {
    pub(crate) fn start(site: &'s Site, entries_kept: Option<u64>) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg("--data").arg(&site.data);
        if let Some(database) = &site.database {
            command.args(["--database", &database.url()]);
        }
        if let Some(kept) = entries_kept {
            command.args(["--entries-kept", &kept.to_string()]);
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut url = String::new();
        let out = process.stdout.take().ok_or("the service has no output")?;
        BufReader::new(out).read_line(&mut url)?;
        if url.is_empty() {
            return Err("the service did not start".into());
        }
        Ok(Self { site, process, url: url.trim().to_owned() })
    }

    /// Somebody new with a connection of their own.
    pub(crate) fn person(&self) -> Result<Person, Failure> {
        let transport = Arc::new(HttpTransport::new(&self.url).map_err(client::Error::from)?);
        Ok(Person::new(Speaker::meet(transport)?))
    }

    /// Bytes of memory that the service's process holds now.
    pub(crate) fn memory(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
        Ok(1024 * kilobytes.ok_or("the system does not tell memory")?.parse::<u64>()?)
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // Closing its input asks it to end; if it is gone already, so much the better.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Serves until the input ends.
pub(crate) fn serve(
    data: &Path,
    database: Option<&str>,
    log_entries_kept: Option<u64>,
) -> Result<(), Failure> {
    let config = Config { log_entries_kept, paces: Paces::UNLIMITED, ..Config::default() };
    let options = Options { config, cursors: None, ..Options::default() };
    let server = match database {
        None => DeliveryServer::bind_with("127.0.0.1:0", data, options)?,
        Some(url) => {
            let store = PostgresStore::open(url)?;
            DeliveryServer::over("127.0.0.1:0", data, Arc::new(store), options)?
        }
    };
    println!("http://{}", server.local_addr());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(server.shutdown()?)
}
