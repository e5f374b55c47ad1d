//! Where hosts are: staff move them from group to group, and what holds there holds for them at
//! once.

use super::audit::{Actor, Deed, Role};
use super::groups::{meant, tree};
use super::hosts::{name_of, pick};
use super::{App, AppError};
use crate::hub::Change;
use crate::store;
use crate::store::hosts::HostRow;

impl App {
    /// Moves hosts into a group, all of them or none. Answers with the names of those that were not
    /// in it already.
    pub async fn move_hosts(&self, actor: &Actor, wanted: &[String], group: &str) -> Result<Vec<String>, AppError> {
        self.demand(actor, Role::Administrator, "host move").await?;
        let hosts = self.hosts(actor).await?;
        let mut tx = self.store.begin().await?;
        let tree = tree(&mut tx).await?;
        let group = meant(&tree, group)?;
        let mut moving: Vec<HostRow> = Vec::new();
        for wanted in wanted {
            let row = pick(&hosts, wanted)?.row;
            if row.group_name != group && !moving.iter().any(|other| other.id == row.id) {
                moving.push(row);
            }
        }
        for row in &moving {
            store::hosts::set_group(&mut tx, row.id, &group).await?;
            let (name, from, to) = (name_of(row), tree.path(&row.group_name), tree.path(&group));
            let detail = format!("{name} from {from} to {to}");
            self.record(&mut tx, actor, &Deed { action: "host move", object: &row.id.to_string(), detail: &detail })
                .await?;
        }
        store::commit(tx).await?;
        for row in &moving {
            self.hub.poke(row.id);
            self.hub.tell(Change::Host(row.id));
        }
        Ok(moving.iter().map(|row| name_of(row).to_owned()).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::tests::{administrator, app, enrol_into};

    #[tokio::test]
    async fn hosts_move_together_or_not_at_all_and_follow_the_policy_of_where_they_are() {
        let (_folder, app) = app().await;
        let staff = administrator();
        app.create_group(&staff, "tax", "").await.unwrap();
        app.set_policy(&staff, "tax", "time_zone: UTC\n", 0).await.unwrap();
        let (one, two) = (enrol_into(&app, "one", "").await, enrol_into(&app, "two", "tax").await);
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let before = app.desired(two).await.unwrap().generation;
        for (hosts, group) in [(vec!["one", "nobody"], "tax"), (vec!["one"], "nowhere")] {
            assert!(app.move_hosts(&staff, &names(&hosts), group).await.is_err());
            assert_ne!(app.desired(one).await.unwrap().policy.time_zone, "UTC");
        }
        let moved = app.move_hosts(&staff, &names(&["one", "two", "one"]), "tax").await.unwrap();
        assert_eq!(moved, ["one"]);
        assert_eq!(app.desired(one).await.unwrap().policy.time_zone, "UTC");
        // Who stays hears of nothing.
        assert_eq!(app.desired(two).await.unwrap().generation, before);
    }
}
