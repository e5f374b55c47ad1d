//! Where in the tree of groups policies are written, and who goes by whose.

use crate::app::audit::Actor;
use crate::app::groups::tree_of;
use crate::app::{App, AppError};
use crate::plan::tree::{SLASH, Tree};
use crate::store;
use std::collections::{HashMap, HashSet};

/// A group, as far as its policy goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceView {
    /// Its path.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Groups above it.
    pub depth: u32,
    /// Hosts directly in it that are let in.
    pub hosts: u64,
    /// The revision of its own document; 0: it has none.
    pub revision: u64,
    /// Who put it in place; empty: not known.
    pub edited_by: String,
    /// When, Unix seconds; 0: not known.
    pub edited_at: i64,
    /// The nearest group with a document, itself before all; empty: the product's default holds.
    pub origin: String,
}

impl App {
    /// All groups, each before what is below it.
    pub async fn policy_places(&self, _actor: &Actor) -> Result<Vec<PlaceView>, AppError> {
        let mut conn = self.store.read().await?;
        let tree = tree_of(&store::groups::list(&mut conn).await?);
        let sizes: HashMap<String, i64> = store::groups::sizes(&mut conn).await?.into_iter().collect();
        let newest = store::policies::newest(&mut conn).await?;
        let own: HashMap<&str, &store::policies::NewestRow> =
            newest.iter().map(|row| (row.group_name.as_str(), row)).collect();
        let have: HashSet<&str> = own.keys().copied().collect();
        let view = |key: &str| PlaceView {
            path: tree.path(key),
            name: tree.name(key).to_owned(),
            depth: u32::try_from(tree.upwards(key).count()).unwrap_or(1).saturating_sub(1),
            hosts: sizes.get(key).and_then(|n| u64::try_from(*n).ok()).unwrap_or(0),
            revision: own.get(key).and_then(|row| u64::try_from(row.revision).ok()).unwrap_or(0),
            edited_by: own.get(key).map(|row| row.edited_by.clone()).unwrap_or_default(),
            edited_at: own.get(key).map_or(0, |row| row.edited_at),
            origin: origin(&tree, &have, key),
        };
        let keys = tree.and_below(store::groups::ROOT);
        let mut views: Vec<PlaceView> = keys.iter().map(|key| view(key)).collect();
        // The root before all, a path before what it begins.
        views.sort_by_cached_key(|v| (v.depth > 0, v.path.split(SLASH).map(str::to_owned).collect::<Vec<_>>()));
        Ok(views)
    }
}

fn origin(tree: &Tree, have: &HashSet<&str>, key: &str) -> String {
    tree.upwards(key).find(|group| have.contains(group)).map(|group| tree.path(group)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::tests::{administrator, app, enrol_into};

    #[tokio::test]
    async fn each_group_says_whose_policy_it_goes_by() {
        let (_folder, app) = app().await;
        let staff = administrator();
        for (name, above) in [("tax", ""), ("office", "tax"), ("health", "")] {
            app.create_group(&staff, name, above).await.unwrap();
        }
        enrol_into(&app, "pc-1", "office").await;
        app.set_policy(&staff, "tax", "scan: {threads: 2}", 0).await.unwrap();
        let places = app.policy_places(&staff).await.unwrap();
        let told: Vec<_> = places
            .iter()
            .map(|p| (p.path.as_str(), p.depth, p.hosts, p.revision, p.origin.as_str(), p.edited_by.as_str()))
            .collect();
        let by = staff.user.as_str();
        assert_eq!(
            told,
            [
                ("all", 0, 0, 0, "", ""),
                ("health", 1, 0, 0, "", ""),
                ("tax", 1, 0, 1, "tax", by),
                ("tax/office", 2, 1, 0, "tax", ""),
            ]
        );
    }
}
