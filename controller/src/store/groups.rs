//! Groups: the tree of departments and sites.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// The root of the tree; always there.
pub const ROOT: &str = "all";

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Group {
    /// Its name, which is its identity.
    pub name: String,
    /// The group above; empty for the root.
    pub parent: String,
}

/// All of them, by name.
pub async fn list(conn: &mut Conn) -> Result<Vec<Group>, StoreError> {
    Ok(sqlx::query_as("SELECT name, parent FROM groups ORDER BY name").fetch_all(conn).await?)
}

/// One of them.
pub async fn get(conn: &mut Conn, name: &str) -> Result<Option<Group>, StoreError> {
    Ok(sqlx::query_as("SELECT name, parent FROM groups WHERE name = $1").bind(name).fetch_optional(conn).await?)
}

/// It is below another from now on.
pub async fn set_parent(conn: &mut Conn, name: &str, parent: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE groups SET parent = $2 WHERE name = $1").bind(name).bind(parent).execute(conn).await?;
    Ok(())
}

/// Removes one, and the document that it had.
pub async fn delete(conn: &mut Conn, name: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM policy_history WHERE group_name = $1").bind(name).execute(&mut *conn).await?;
    sqlx::query("DELETE FROM policies WHERE group_name = $1").bind(name).execute(&mut *conn).await?;
    sqlx::query("DELETE FROM groups WHERE name = $1").bind(name).execute(conn).await?;
    Ok(())
}

/// Adds one.
pub async fn insert(conn: &mut Conn, group: &Group) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO groups (name, parent) VALUES ($1, $2)")
        .bind(&group.name)
        .bind(&group.parent)
        .execute(conn)
        .await?;
    Ok(())
}
