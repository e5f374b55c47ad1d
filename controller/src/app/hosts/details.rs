//! What a page of one host shows beside how it stands.

use super::{HostView, names};
use crate::app::audit::Actor;
use crate::app::policies::FieldView;
use crate::app::{App, AppError};
use crate::store::{self, Conn};
use keepwatch_proto::ids::HostId;
use std::collections::{HashMap, HashSet};

/// So many hosts are asked for their names one by one; for more of them, all are read.
const ONE_BY_ONE: usize = 100;

/// More of one host.
#[derive(Debug, Clone)]
pub struct HostDetails {
    /// Bytes of its repository.
    pub stored: u64,
    /// Files that it holds in quarantine.
    pub held: usize,
    /// The time zone that it goes by.
    pub time_zone: String,
    /// What holds for it, field by field.
    pub policy: Vec<FieldView>,
}

impl App {
    /// More of one host.
    pub async fn host_details(&self, actor: &Actor, host: &HostView) -> Result<HostDetails, AppError> {
        let id = host.row.id;
        let mut conn = self.store.read().await?;
        let held = store::quarantine::held(&mut conn, id).await?.len();
        drop(conn);
        let repositories = self.repositories.clone();
        let usage = tokio::task::spawn_blocking(move || repositories.usage(id)).await;
        Ok(HostDetails {
            stored: usage.map_err(|error| AppError::Repository(error.to_string()))?.bytes,
            held,
            time_zone: self.policies().await?.of(&host.row.group_name).time_zone,
            policy: self.effective_policy(actor, &host.group, "").await?.fields,
        })
    }
}

/// The names of those that are listed.
pub(in crate::app) async fn names_of(
    conn: &mut Conn,
    listed: impl IntoIterator<Item = HostId>,
) -> Result<HashMap<HostId, String>, AppError> {
    let wanted: HashSet<HostId> = listed.into_iter().collect();
    if wanted.len() > ONE_BY_ONE {
        return names(conn).await;
    }
    let mut names = HashMap::new();
    for id in wanted {
        if let Some(row) = store::hosts::get(conn, id).await? {
            names.insert(id, super::name_of(&row).to_owned());
        }
    }
    Ok(names)
}
