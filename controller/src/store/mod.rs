//! All SQL, and the only room that holds any. One set of queries serves SQLite and
//! PostgreSQL: TEXT and BIGINT columns, `$n` placeholders. Every function takes the
//! connection it works on, so that a use case decides what one transaction holds.

pub mod audit;
pub mod bundles;
pub mod claims;
pub mod clockwork;
pub mod deletions;
pub mod detections;
pub mod drafts;
pub mod events;
pub mod figures;
pub mod groups;
pub mod host_names;
pub mod hosts;
pub mod identities;
pub mod jobs;
pub mod judged;
pub mod logs;
pub mod offers;
pub mod overview;
pub mod policies;
pub mod quarantine;
pub mod retention;
pub mod rules;
pub mod sightings;
pub mod slots;
pub mod snapshots;
pub mod sources;
pub mod summaries;
pub mod tokens;
pub mod trend;
pub mod users;
pub mod verification;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyPoolOptions;
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use std::path::{Path, PathBuf};

/// What one function works on: a connection, or the inside of a transaction.
pub type Conn = AnyConnection;

/// Connections to a SQLite database that only read.
const READERS: u32 = 4;
/// The same to a database server, which has one more that writes.
const SERVER_READERS: u32 = 15;
/// What the writers of several controllers over one PostgreSQL wait for: any number that is nobody else's.
const WRITERS: i64 = 0x6b77_0001;

/// The database.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    /// To read from: on SQLite beside the one that writes, so that nobody waits for a commit to look.
    readers: AnyPool,
    /// Others may write, too.
    shared: bool,
}

/// What can go wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached at all.
    #[error("the database {0} cannot be opened: {1}; check that it runs, and the URL")]
    Unreachable(String, sqlx::Error),
    /// The database refused, is away or is full.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Its schema cannot be brought up to date.
    #[error("the database's schema cannot be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A column holds what this version does not understand.
    #[error("the database holds a value that cannot be read: {0}")]
    Corrupt(String),
}

impl Store {
    /// Opens `url` (`sqlite:FILE` or `postgres://…`) and brings the schema up to date.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let sqlite = url.starts_with("sqlite:");
        // A pool would try for half a minute and then say only that time is up.
        match AnyConnection::connect(url).await {
            Ok(connection) => connection.close().await?,
            Err(error) => return Err(StoreError::Unreachable(without_password(url), error)),
        }
        // There is one writer; one connection makes waiting for it a queue, not an error.
        let pool = Self::connections(url, 1, false).await?;
        sqlx::migrate!("./migrations").run(&pool).await?;
        let readers = Self::connections(url, if sqlite { READERS } else { SERVER_READERS }, true).await?;
        Ok(Self { pool, readers, shared: !sqlite })
    }

    async fn connections(url: &str, at_most: u32, read_only: bool) -> Result<AnyPool, StoreError> {
        let sqlite = url.starts_with("sqlite:");
        let pool = AnyPoolOptions::new()
            .max_connections(at_most)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if sqlite {
                        // FULL: a commit survives a power cut, which acknowledging relies on.
                        connection
                            .execute(
                                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                                 PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000;",
                            )
                            .await?;
                    } else {
                        // Whoever stops in the middle of writing does not stop the others for ever.
                        connection.execute("SET idle_in_transaction_session_timeout = '60s'").await?;
                    }
                    if read_only {
                        // Writing has its queue, and this is not it.
                        let only =
                            if sqlite { "PRAGMA query_only = ON" } else { "SET default_transaction_read_only = on" };
                        connection.execute(only).await?;
                    }
                    Ok(())
                })
            })
            // SQLite ends a transaction by itself where the disk is full, and what counts them here does
            // not hear of it: later ones on that connection would be acknowledged and never committed.
            .after_release(|connection, _| {
                Box::pin(async move {
                    // What is still to be rolled back has been by then.
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect(url)
            .await?;
        Ok(pool)
    }

    /// The URL of the embedded database in a data folder. One that is missing is not made
    /// anew: an empty one would shut every host out.
    pub fn embedded_url(data: &Path) -> String {
        format!("sqlite:{}?mode=rw", Self::file(data).display())
    }

    /// The same, made if need be.
    pub fn new_embedded_url(data: &Path) -> String {
        format!("{}c", Self::embedded_url(data))
    }

    /// The embedded database of a data folder.
    pub fn file(data: &Path) -> PathBuf {
        data.join("keepwatch.db")
    }

    /// Writes the embedded database to a new file, as it is at one moment.
    pub async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        sqlx::query("VACUUM INTO $1").bind(file.display().to_string()).execute(&self.pool).await?;
        Ok(())
    }

    /// Ends all connections.
    pub async fn close(&self) {
        self.readers.close().await;
        self.pool.close().await;
    }

    /// Whether other controllers may work with the same database.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// A connection to read from.
    pub async fn read(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.readers.acquire().await?)
    }

    /// A connection to write by, one statement at a time.
    #[cfg(test)]
    pub async fn write(&self) -> Result<PoolConnection<Any>, StoreError> {
        Ok(self.pool.acquire().await?)
    }

    /// A transaction that writes; dropped without a commit it never was. There is one at a time, on
    /// SQLite as on PostgreSQL, and over all controllers there: none waits for what another has locked
    /// that waits for it, and what one has read nobody changes before it is done.
    pub async fn begin(&self) -> Result<Transaction<'static, Any>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        if self.shared {
            let wait = "SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)";
            sqlx::query(wait).bind(WRITERS).execute(&mut *transaction).await?;
        }
        Ok(transaction)
    }
}

/// A transaction within another: dropped without a commit it never was, and the other goes on.
pub async fn within(conn: &mut Conn) -> Result<Transaction<'_, Any>, StoreError> {
    Ok(conn.begin().await?)
}

/// Makes a transaction's work last.
pub async fn commit(transaction: Transaction<'_, Any>) -> Result<(), StoreError> {
    Ok(transaction.commit().await?)
}

/// A structure kept as JSON in a text column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> TryFrom<String> for Json<T> {
    type Error = serde_json::Error;
    fn try_from(text: String) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&text).map(Self)
    }
}

/// A URL as it may be shown.
fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            let user = url[scheme + 3..at].split(':').next().unwrap_or_default();
            format!("{}://{user}{}", &url[..scheme], &url[at..])
        }
        _ => url.to_owned(),
    }
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Counts are unsigned with us and signed in SQL.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::store::groups::{self, Group, ROOT};

    #[tokio::test]
    async fn a_transaction_that_a_full_disk_ended_takes_no_later_one_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&Store::new_embedded_url(folder.path())).await.unwrap();
        let group = |name: String| Group { label: name.clone(), name, parent: ROOT.into() };
        for n in 0..3 {
            let mut tx = store.begin().await.unwrap();
            // As if the disk had no more room.
            sqlx::query("PRAGMA max_page_count = 1").execute(&mut *tx).await.unwrap();
            let mut inner = within(&mut tx).await.unwrap();
            groups::insert(&mut inner, &group("x".repeat(1 << 20))).await.unwrap_err();
            drop(inner);
            // Whatever of it goes on, nothing is left of it.
            let _ = groups::insert(&mut tx, &group("y".repeat(1 << 20))).await;
            drop(tx);
            // One that is given up, and one that is kept.
            let mut tx = store.begin().await.unwrap();
            groups::insert(&mut tx, &group("given up".into())).await.unwrap();
            drop(tx);
            let mut tx = store.begin().await.unwrap();
            let mut inner = within(&mut tx).await.unwrap();
            groups::insert(&mut inner, &group(n.to_string())).await.unwrap();
            commit(inner).await.unwrap();
            commit(tx).await.unwrap();
            let mut other = store.read().await.unwrap();
            let kept = groups::list(&mut other).await.unwrap();
            assert!(kept.iter().any(|group| group.label == n.to_string()), "{n} was committed");
        }
    }
}
