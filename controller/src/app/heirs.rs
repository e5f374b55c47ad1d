//! Replaced PCs: the new one is the old one's heir. It is in its group, and with that on its
//! schedule, and reads its snapshots beside its own. The old one is cut off; its repository stays
//! as it is.

use super::audit::{Actor, Deed, Role};
use super::hosts::name_of;
use super::{App, AppError};
use crate::hub::Change;
use crate::store::hosts::HostRow;
use crate::store::{self, Conn};

impl App {
    /// Makes `new` the heir of `old`.
    pub async fn replace_host(&self, actor: &Actor, old: &str, new: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "host replace").await?;
        let (old, new) = (self.host(actor, old).await?.row, self.host(actor, new).await?.row);
        may_inherit(&old, &new)?;
        let mut tx = self.store.begin().await?;
        if !store::hosts::replace(&mut tx, old.id, new.id).await? {
            return Err(AppError::Conflict("somebody else has just replaced it; look at both hosts again".into()));
        }
        store::hosts::revoke(&mut tx, old.id, self.now()).await?;
        store::hosts::set_group(&mut tx, new.id, &old.group_name).await?;
        store::hosts::pin(&mut tx, new.id, old.pinned != 0).await?;
        let object = format!("{} by {}", old.id, new.id);
        let detail = format!("{} by {}", name_of(&old), name_of(&new));
        self.record(&mut tx, actor, &Deed { action: "host replace", object: &object, detail: &detail }).await?;
        store::commit(tx).await?;
        self.hub.cut(old.id);
        self.hub.poke(new.id);
        self.hub.tell(Change::Host(old.id));
        self.hub.tell(Change::Host(new.id));
        Ok(())
    }

    /// A host, and those whose heir it is: each before those that it replaced.
    pub(super) async fn lineage(&self, conn: &mut Conn, host: &HostRow) -> Result<Vec<HostRow>, AppError> {
        let mut line = vec![host.clone()];
        let mut at = 0;
        while let Some(heir) = line.get(at) {
            let before = store::hosts::replaced_by(conn, heir.id).await?;
            // Nobody is in it twice: two who were replaced by each other at once are no circle.
            let new = before.into_iter().filter(|row| line.iter().all(|known| known.id != row.id));
            line.extend(new.collect::<Vec<_>>());
            at += 1;
        }
        Ok(line)
    }
}

fn may_inherit(old: &HostRow, new: &HostRow) -> Result<(), AppError> {
    let conflict = |why: String| Err(AppError::Conflict(why));
    let (old_name, new_name) = (name_of(old), name_of(new));
    if old.id == new.id {
        return Err(AppError::Invalid("a PC cannot replace itself; enrol the new one first, and name both".into()));
    }
    if !old.replaced_by.is_empty() {
        return conflict(format!(
            "'{old_name}' was replaced already, by the host {}: name that as the old one",
            old.replaced_by
        ));
    }
    if new.revoked != 0 {
        return conflict(format!("'{new_name}' was revoked; enrol the new PC first with a token, and name that"));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::audit::Role;
    use crate::app::tests::{actor, app, enrol};
    use crate::app::{App, AppError};
    use keepwatch_proto::ids::HostId;

    async fn line(app: &App, host: HostId) -> Vec<HostId> {
        let mut conn = app.store.read().await.unwrap();
        let row = crate::store::hosts::get(&mut conn, host).await.unwrap().unwrap();
        app.lineage(&mut conn, &row).await.unwrap().into_iter().map(|row| row.id).collect()
    }

    #[tokio::test]
    async fn an_heir_has_all_that_came_before_it_and_nobody_has_two() {
        let (_folder, app) = app().await;
        let admin = actor(Role::Administrator);
        let (a, b, c) = (enrol(&app, "a").await, enrol(&app, "b").await, enrol(&app, "c").await);
        let replace =
            async |old: HostId, new: HostId| app.replace_host(&admin, &old.to_string(), &new.to_string()).await;
        assert!(matches!(replace(a, a).await, Err(AppError::Invalid(_))));
        replace(a, b).await.unwrap();
        assert!(matches!(replace(a, c).await, Err(AppError::Conflict(_))), "two heirs");
        assert!(matches!(replace(b, a).await, Err(AppError::Conflict(_))), "a revoked heir");
        replace(b, c).await.unwrap();
        assert_eq!((line(&app, c).await, line(&app, b).await), (vec![c, b, a], vec![b, a]));
        let seen = app.host(&admin, "b").await.unwrap();
        assert!(seen.row.revoked != 0 && seen.reasons == [crate::plan::health::Reason::Replaced]);
        assert!(matches!(
            app.replace_host(&actor(Role::Operator), &a.to_string(), &c.to_string()).await,
            Err(AppError::Forbidden(_))
        ));
    }
}
