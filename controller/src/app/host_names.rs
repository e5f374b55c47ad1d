//! What a host was called since when. PCs are renamed, and two may have one name: whoever looks for
//! one by the name that it had finds it here.

use super::{App, AppError};
use crate::store::host_names::NameRow;
use crate::store::{self, Conn, hosts::HostRow};

/// So many names of a host are kept: a PC that renames itself all day fills nothing.
const KEPT: usize = 10;

impl App {
    /// A host is called so from now on; `row` is what was known of it.
    pub(super) async fn hear_name(&self, conn: &mut Conn, row: &HostRow, name: &str) -> Result<(), AppError> {
        let former = &row.facts.0.name;
        if name.is_empty() || name == former {
            return Ok(());
        }
        let mut known = store::host_names::of(conn, row.id).await?;
        if known.is_empty() && !former.is_empty() {
            // The one that it came with.
            known.push(NameRow { host: row.id, since: row.enrolled, name: former.clone() });
            store::host_names::insert(conn, &known[0]).await?;
        }
        if known.last().is_some_and(|last| last.name == name) {
            // It had none for a moment.
            return Ok(());
        }
        // A clock that was set back turns no order round.
        let since = known.last().map_or(self.now(), |last| self.now().max(last.since + 1));
        store::host_names::insert(conn, &NameRow { host: row.id, since, name: name.to_owned() }).await?;
        if let Some(oldest) = (known.len() + 1).checked_sub(KEPT).and_then(|gone| known.get(gone)) {
            store::host_names::forget(conn, row.id, oldest.since).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::events::Report;
    use crate::app::tests::{administrator, app, enrol};
    use keepwatch_proto::facts::Facts;
    use keepwatch_proto::ids::BootId;

    #[tokio::test]
    async fn a_host_keeps_the_names_that_it_had_and_not_all_of_them() {
        let (_folder, app) = app().await;
        let host = enrol(&app, "one").await;
        let named = async |name: &str| {
            let facts = Facts { name: name.into(), ..Facts::default() };
            let report = Report { facts: Some(facts), ..Report::of(BootId::new(&app.clock), vec![]) };
            app.ingest(host, report).await.unwrap();
            let view = app.host(&administrator(), &host.to_string()).await.unwrap();
            assert!(view.names.is_sorted_by_key(|(_, since)| *since), "{:?}", view.names);
            view.names.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(named("one").await, ["one"]);
        assert_eq!(named("two").await, ["one", "two"]);
        assert_eq!(named("two").await, ["one", "two"]);
        // One that has none for a moment is still called so.
        assert_eq!(named("").await, ["one", "two"]);
        assert_eq!(named("two").await, ["one", "two"]);
        assert_eq!(named("one").await, ["one", "two", "one"]);
        let mut last = vec![];
        for n in 0..20 {
            last = named(&format!("pc-{n}")).await;
        }
        assert_eq!(last, (10..20).map(|n| format!("pc-{n}")).collect::<Vec<_>>());
    }
}
