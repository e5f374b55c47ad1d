//! Hosts: every enrolled PC, what it must be and what it last said it is.

use super::{Conn, Json, StoreError, json, signed};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::HostId;
use sqlx::FromRow;

/// One host. Times are Unix seconds, 0 where there is none.
#[derive(Debug, Clone, FromRow)]
pub struct HostRow {
    /// Its id.
    #[sqlx(try_from = "String")]
    pub id: HostId,
    /// The group it is in.
    pub group_name: String,
    /// SHA-256 of its certificate in force.
    pub certificate: String,
    /// Its repository's password, age-encrypted.
    pub escrow: String,
    /// What it says of itself.
    #[sqlx(try_from = "String")]
    pub facts: Json<Facts>,
    /// When it enrolled.
    pub enrolled: i64,
    /// When it was revoked.
    pub revoked: i64,
    /// When it was last heard of.
    pub last_seen: i64,
    /// Generation of what it must be.
    pub generation: i64,
    /// Version of the bundle in use.
    pub bundle: i64,
    /// Why it refused the newest bundle, if it did.
    pub bundle_refused: String,
    /// The host that took over from it, if one did.
    pub replaced_by: String,
    /// 1: staff have placed it, and rules leave it where it is.
    pub pinned: i64,
    /// When a rule last moved it for what it said of itself.
    pub ruled: i64,
}

/// Adds one.
pub async fn insert(conn: &mut Conn, host: &HostRow) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO hosts (id, group_name, certificate, escrow, facts, enrolled, revoked, last_seen, \
         generation, bundle, bundle_refused, pinned) \
         VALUES ($1, $2, $3, $4, $5, $6, 0, 0, 1, 0, '', $7)",
    )
    .bind(host.id.to_string())
    .bind(&host.group_name)
    .bind(&host.certificate)
    .bind(&host.escrow)
    .bind(json(&host.facts.0)?)
    .bind(host.enrolled)
    .bind(host.pinned)
    .execute(conn)
    .await?;
    Ok(())
}

/// All of them, in the order of enrolment.
pub async fn list(conn: &mut Conn) -> Result<Vec<HostRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM hosts ORDER BY id").fetch_all(conn).await?)
}

/// One of them.
pub async fn get(conn: &mut Conn, id: HostId) -> Result<Option<HostRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM hosts WHERE id = $1").bind(id.to_string()).fetch_optional(conn).await?)
}

/// Which generation each is at, when it was heard of, and whether it was revoked.
pub async fn generations(conn: &mut Conn) -> Result<Vec<Generation>, StoreError> {
    Ok(sqlx::query_as("SELECT id, generation, last_seen, revoked FROM hosts").fetch_all(conn).await?)
}

/// See [`generations`].
#[derive(Debug, Clone, FromRow)]
pub struct Generation {
    /// Which host.
    #[sqlx(try_from = "String")]
    pub id: HostId,
    /// Generation of what it must be.
    pub generation: i64,
    /// When it was last heard of.
    pub last_seen: i64,
    /// When it was revoked; 0: it was not.
    pub revoked: i64,
}

/// Marks one revoked. Says whether it was not before.
pub async fn revoke(conn: &mut Conn, id: HostId, at: i64) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE hosts SET revoked = $2 WHERE id = $1 AND revoked = 0")
        .bind(id.to_string())
        .bind(at)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// One took over from it. Says whether none had before.
pub async fn replace(conn: &mut Conn, old: HostId, new: HostId) -> Result<bool, StoreError> {
    let done = sqlx::query("UPDATE hosts SET replaced_by = $2 WHERE id = $1 AND replaced_by = ''")
        .bind(old.to_string())
        .bind(new.to_string())
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Those that it took over from, the latest first.
pub async fn replaced_by(conn: &mut Conn, heir: HostId) -> Result<Vec<HostRow>, StoreError> {
    Ok(sqlx::query_as("SELECT * FROM hosts WHERE replaced_by = $1 ORDER BY revoked DESC, id DESC")
        .bind(heir.to_string())
        .fetch_all(conn)
        .await?)
}

/// It moves to this group, and must be what that asks for.
pub async fn set_group(conn: &mut Conn, id: HostId, group: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET group_name = $2, generation = generation + 1 WHERE id = $1")
        .bind(id.to_string())
        .bind(group)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether rules leave it where it is.
pub async fn pin(conn: &mut Conn, id: HostId, pinned: bool) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET pinned = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(i64::from(pinned))
        .execute(conn)
        .await?;
    Ok(())
}

/// A rule has moved it for what it said of itself.
pub async fn set_ruled(conn: &mut Conn, id: HostId, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET ruled = $2 WHERE id = $1").bind(id.to_string()).bind(at).execute(conn).await?;
    Ok(())
}

/// Something it must be has changed.
pub async fn bump(conn: &mut Conn, id: HostId) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET generation = generation + 1 WHERE id = $1")
        .bind(id.to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Something that a group's hosts must be has changed.
pub async fn bump_group(conn: &mut Conn, group: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET generation = generation + 1 WHERE group_name = $1").bind(group).execute(conn).await?;
    Ok(())
}

/// Its generation becomes this one.
pub async fn set_generation(conn: &mut Conn, id: HostId, generation: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET generation = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(generation)
        .execute(conn)
        .await?;
    Ok(())
}

/// Something that all of them must be has changed.
pub async fn bump_all(conn: &mut Conn) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET generation = generation + 1").execute(conn).await?;
    Ok(())
}

/// The newest bundle that a host says it runs, of those up to this version; 0: none does.
pub async fn newest_bundle(conn: &mut Conn, most: i64) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("SELECT COALESCE(MAX(bundle), 0) FROM hosts WHERE bundle <= $1")
        .bind(most)
        .fetch_one(conn)
        .await?)
}

/// Heard of, with what it says it is.
pub async fn seen(conn: &mut Conn, id: HostId, at: i64, bundle: u64) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET last_seen = $2, bundle = $3 WHERE id = $1")
        .bind(id.to_string())
        .bind(at)
        .bind(signed(bundle))
        .execute(conn)
        .await?;
    Ok(())
}

/// Its facts have changed.
pub async fn set_facts(conn: &mut Conn, id: HostId, facts: &Facts) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET facts = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(json(facts)?)
        .execute(conn)
        .await?;
    Ok(())
}

/// Its repository's password is sealed anew.
pub async fn set_escrow(conn: &mut Conn, id: HostId, escrow: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET escrow = $2 WHERE id = $1").bind(id.to_string()).bind(escrow).execute(conn).await?;
    Ok(())
}

/// It refused a bundle (the reason) or took one into use (empty).
pub async fn set_bundle_refused(conn: &mut Conn, id: HostId, reason: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE hosts SET bundle_refused = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(reason)
        .execute(conn)
        .await?;
    Ok(())
}
