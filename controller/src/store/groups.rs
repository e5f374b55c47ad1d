//! Groups: the tree of departments and sites.

use super::{Conn, StoreError};
use sqlx::FromRow;

/// The root of the tree, by its key and its name; always there.
pub const ROOT: &str = "all";

/// One group.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Group {
    /// Its key, which never changes and is shown to nobody.
    pub name: String,
    /// The key of the group above; empty for the root.
    pub parent: String,
    /// What it is called; its own only among the groups beside it.
    pub label: String,
}

/// All of them, by key.
pub async fn list(conn: &mut Conn) -> Result<Vec<Group>, StoreError> {
    Ok(sqlx::query_as("SELECT name, parent, label FROM groups ORDER BY name").fetch_all(conn).await?)
}

/// How many hosts that are let in are directly in each; one without any is not named.
pub async fn sizes(conn: &mut Conn) -> Result<Vec<(String, i64)>, StoreError> {
    let query = sqlx::query_as("SELECT group_name, COUNT(*) FROM hosts WHERE revoked = 0 GROUP BY group_name");
    Ok(query.fetch_all(conn).await?)
}

/// It is below another from now on.
pub async fn set_parent(conn: &mut Conn, name: &str, parent: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE groups SET parent = $2 WHERE name = $1").bind(name).bind(parent).execute(conn).await?;
    Ok(())
}

/// It is called so from now on.
pub async fn set_label(conn: &mut Conn, name: &str, label: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE groups SET label = $2 WHERE name = $1").bind(name).bind(label).execute(conn).await?;
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
    sqlx::query("INSERT INTO groups (name, parent, label) VALUES ($1, $2, $3)")
        .bind(&group.name)
        .bind(&group.parent)
        .bind(&group.label)
        .execute(conn)
        .await?;
    Ok(())
}
