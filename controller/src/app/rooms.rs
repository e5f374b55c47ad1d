//! How much a host may store, by its policy.

use super::policies::Policies;
use super::{App, AppError};
use crate::repository::Room;
use crate::store;
use keepwatch_proto::ids::HostId;

/// The hosts that count together are those that have it from the same group.
const GROUP_QUOTA: &str = "backup.group_quota_gib";

impl App {
    /// How much a host may store; `None` where that cannot be known now.
    pub async fn room(&self, host: HostId) -> Option<Room> {
        self.look_up_room(host).await.inspect_err(|error| tracing::error!(%error, "a quota cannot be looked up")).ok()
    }

    async fn look_up_room(&self, host: HostId) -> Result<Room, AppError> {
        let mut conn = self.store.read().await?;
        let Some(row) = store::hosts::get(&mut conn, host).await? else { return Ok(Room::default()) };
        let policies = Policies::read(&mut conn).await?;
        let policy = policies.of(&row.group_name).backup;
        let bytes = |gib: u32| (gib > 0).then(|| u64::from(gib) << 30);
        let together = match bytes(policy.group_quota_gib) {
            Some(most) => {
                let all = store::hosts::list(&mut conn).await?;
                let origin = policies.origin_of(&row.group_name, GROUP_QUOTA);
                let same = all.into_iter().filter(|other| policies.origin_of(&other.group_name, GROUP_QUOTA) == origin);
                // Also those that were revoked: what they have stored is still there.
                Some((most, same.map(|other| other.id).collect()))
            }
            None => None,
        };
        Ok(Room { own: bytes(policy.quota_gib), together })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::tests::{app, enrol};
    use crate::repository::Room;
    use crate::store;

    #[tokio::test]
    async fn the_policy_says_how_much_one_may_store_and_all_that_follow_it() {
        let (_folder, app) = app().await;
        let (one, other) = (enrol(&app, "one").await, enrol(&app, "other").await);
        assert_eq!(app.room(one).await, Some(Room::default()));
        let mut conn = app.store.write().await.unwrap();
        let yaml = "backup: {quota_gib: 2, group_quota_gib: 3}";
        assert!(store::policies::set(&mut conn, store::groups::ROOT, yaml, 0).await.unwrap());
        drop(conn);
        let Room { own, together: Some((most, mut all)) } = app.room(one).await.unwrap() else { panic!() };
        let mut expected = vec![one, other];
        all.sort();
        expected.sort();
        assert_eq!((own, most, all), (Some(2 << 30), 3 << 30, expected));
    }
}
