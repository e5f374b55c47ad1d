//! All that is known of one group.

use super::{GroupView, meant};
use crate::app::audit::{Actor, Role};
use crate::app::placement::RuleView;
use crate::app::policies::FieldView;
use crate::app::{App, AppError};
use crate::plan::health::Figures;
use crate::store::{self, tokens::TokenRow};

/// One group.
#[derive(Debug, Clone)]
pub struct GroupDetails {
    /// Itself.
    pub group: GroupView,
    /// Paths of the groups directly below it.
    pub children: Vec<String>,
    /// Of its hosts, and of all in the groups below it.
    pub figures: Figures,
    /// Fields that its own document sets.
    pub sets: Vec<String>,
    /// What holds for it, field by field.
    pub fields: Vec<FieldView>,
    /// Tokens that PCs can still enrol into it with; none for whoever may not see tokens.
    pub tokens: Vec<TokenRow>,
    /// Rules into it.
    pub rules: Vec<RuleView>,
}

impl App {
    /// All that is known of one group; of the topmost where none is named.
    pub async fn group_details(&self, actor: &Actor, wanted: &str) -> Result<GroupDetails, AppError> {
        let mut conn = self.store.read().await?;
        let tree = super::tree(&mut conn).await?;
        let (key, now) = (meant(&tree, wanted)?, self.now());
        let path = tree.path(&key);
        let all = if actor.role >= Role::Operator { store::tokens::list(&mut conn).await? } else { vec![] };
        let usable = |token: &TokenRow| token.group_name == key && token.uses_left > 0 && token.expires > now;
        let tokens = all.into_iter().filter(usable).collect();
        let sets = self.policies().await?.set_by(&key);
        drop(conn);
        let health = self.group_health(actor, &path).await?;
        let group = self.groups(actor).await?.into_iter().find(|group| group.path == path);
        Ok(GroupDetails {
            group: group.ok_or(crate::plan::tree::Unmet::Unknown(path.clone()))?,
            children: tree.children(&key).into_iter().map(|child| tree.path(child)).collect(),
            figures: health.first().map(|group| group.all).unwrap_or_default(),
            sets,
            fields: self.effective_policy(actor, &path, "").await?.fields,
            tokens,
            rules: self.rules(actor).await?.into_iter().filter(|view| view.rule.group == key).collect(),
        })
    }
}
