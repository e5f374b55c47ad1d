//! Where hosts are: staff move them from group to group, and rules move those that staff have not
//! placed by hand. What holds in a group holds for its hosts at once.

use super::audit::{Actor, Deed, Role};
use super::groups::{meant, tree};
use super::hosts::{name_of, pick};
use super::{App, AppError};
use crate::hub::Change;
use crate::plan::placement::{self, Rule, RuleError};
use crate::plan::tree::Tree;
use crate::store::hosts::HostRow;
use crate::store::rules::RuleRow;
use crate::store::{self, Conn, groups::ROOT};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::HostId;

/// Most rules there are: each host is held against all of them.
const MOST_RULES: usize = 1000;
/// From one rule to the next, where nobody says: room for those that come between.
const STEP: u32 = 10;
/// The last place.
const LAST: u32 = 1_000_000;

/// A rule as staff see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleView {
    /// The rule.
    pub rule: Rule,
    /// The path of the group that it leads to.
    pub group: String,
}

/// A host that a rule moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The host.
    pub host: HostId,
    /// Its name.
    pub name: String,
    /// The path of the group that it was in.
    pub from: String,
    /// The path of the group that it is in then.
    pub to: String,
    /// The order of the rule.
    pub rule: u32,
}

/// All rules, in their order. One that this version cannot read is logged and moves nobody.
pub(super) async fn rules(conn: &mut Conn) -> Result<Vec<Rule>, AppError> {
    let read = |row: RuleRow| {
        let order = u32::try_from(row.place).unwrap_or(LAST);
        Rule::new(order, &row.host_name, &row.network, &row.host_system, row.group_name)
            .inspect_err(|error| tracing::error!(order, %error, "a stored rule cannot be read"))
            .ok()
    };
    Ok(store::rules::list(conn).await?.into_iter().filter_map(read).collect())
}

impl From<RuleError> for AppError {
    fn from(error: RuleError) -> Self {
        Self::Invalid(error.to_string())
    }
}

impl App {
    /// Moves hosts into a group, all of them or none; from then on no rule moves them. Answers with
    /// the names of those that were not in it already.
    pub async fn move_hosts(&self, actor: &Actor, wanted: &[String], group: &str) -> Result<Vec<String>, AppError> {
        self.demand(actor, Role::Administrator, "host move").await?;
        if group.is_empty() {
            return Err(AppError::Invalid("name the group with --group, or give --unpin".into()));
        }
        let mut tx = self.store.begin().await?;
        let chosen = chosen(&mut tx, wanted).await?;
        let tree = tree(&mut tx).await?;
        let group = meant(&tree, group)?;
        let mut moved = Vec::new();
        for row in chosen {
            let stays = row.group_name == group;
            if stays && row.pinned != 0 {
                continue;
            }
            store::hosts::pin(&mut tx, row.id, true).await?;
            let (object, name, to) = (row.id.to_string(), name_of(&row), tree.path(&group));
            if stays {
                let detail = format!("{name} in {to}");
                self.record(&mut tx, actor, &Deed { action: "host pin", object: &object, detail: &detail }).await?;
                continue;
            }
            store::hosts::set_group(&mut tx, row.id, &group).await?;
            let detail = format!("{name} from {} to {to}", tree.path(&row.group_name));
            self.record(&mut tx, actor, &Deed { action: "host move", object: &object, detail: &detail }).await?;
            moved.push(row);
        }
        store::commit(tx).await?;
        moved.iter().for_each(|row| self.tell_of_move(row.id));
        Ok(moved.iter().map(|row| name_of(row).to_owned()).collect())
    }

    /// Lets rules move hosts again that staff had placed by hand, and asks the rules at once. Answers
    /// with those that one has moved.
    pub async fn unpin_hosts(&self, actor: &Actor, wanted: &[String]) -> Result<Vec<Move>, AppError> {
        self.demand(actor, Role::Administrator, "host unpin").await?;
        let mut tx = self.store.begin().await?;
        let chosen = chosen(&mut tx, wanted).await?;
        let (tree, rules) = (tree(&mut tx).await?, rules(&mut tx).await?);
        let mut moves = Vec::new();
        for mut row in chosen {
            if row.pinned != 0 {
                store::hosts::pin(&mut tx, row.id, false).await?;
                let (object, detail) = (row.id.to_string(), name_of(&row).to_owned());
                self.record(&mut tx, actor, &Deed { action: "host unpin", object: &object, detail: &detail }).await?;
                row.pinned = 0;
            }
            moves.extend(self.place(&mut tx, &row, &rules, &tree).await?);
        }
        store::commit(tx).await?;
        moves.iter().for_each(|one| self.tell_of_move(one.host));
        Ok(moves)
    }

    /// All rules, in their order.
    pub async fn rules(&self, _actor: &Actor) -> Result<Vec<RuleView>, AppError> {
        let mut conn = self.store.read().await?;
        let tree = tree(&mut conn).await?;
        Ok(rules(&mut conn).await?.into_iter().map(|rule| view(rule, &tree)).collect())
    }

    /// Adds one, at the end unless its order is given (0: it is not). Nobody moves by it until the facts
    /// of a host change or the rules are applied.
    pub async fn add_rule(
        &self,
        actor: &Actor,
        order: u32,
        (name, network, system): (&str, &str, &str),
        group: &str,
    ) -> Result<RuleView, AppError> {
        self.demand(actor, Role::Administrator, "rule add").await?;
        let mut tx = self.store.begin().await?;
        let (tree, known) = (tree(&mut tx).await?, store::rules::list(&mut tx).await?);
        if known.len() >= MOST_RULES {
            return Err(AppError::Conflict(format!("there are {MOST_RULES} rules already; remove some first")));
        }
        let last = known.last().map_or(0, |row| u32::try_from(row.place).unwrap_or(LAST));
        let order = if order == 0 { last.saturating_add(STEP) } else { order };
        if order > LAST {
            return Err(AppError::Invalid(format!("a rule's order is a number from 1 to {LAST}")));
        }
        let rule = Rule::new(order, name, network, system, meant(&tree, group)?)?;
        let row = RuleRow {
            place: order.into(),
            host_name: rule.name.clone(),
            network: rule.network.map(|network| network.to_string()).unwrap_or_default(),
            host_system: rule.system.clone(),
            group_name: rule.group.clone(),
        };
        if !store::rules::insert(&mut tx, &row).await? {
            let taken = format!("there is a rule {order} already; remove it first, or give another --order");
            return Err(AppError::Conflict(taken));
        }
        let view = view(rule, &tree);
        let detail = format!("to {}", view.group);
        self.record(&mut tx, actor, &Deed { action: "rule add", object: &view.rule.to_string(), detail: &detail })
            .await?;
        store::commit(tx).await?;
        Ok(view)
    }

    /// Removes one. Hosts that it has moved stay where they are.
    pub async fn remove_rule(&self, actor: &Actor, order: u32) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "rule remove").await?;
        let mut tx = self.store.begin().await?;
        let known = rules(&mut tx).await?;
        if !store::rules::delete(&mut tx, order.into()).await? {
            let none = format!("there is no rule {order}; 'keepwatch groups rules' shows them");
            return Err(AppError::NotFound(none));
        }
        let what = known.into_iter().find(|rule| rule.order == order).map(|rule| rule.to_string());
        let what = what.unwrap_or_else(|| format!("rule {order}"));
        self.record(&mut tx, actor, &Deed { action: "rule remove", object: &what, detail: "" }).await?;
        Ok(store::commit(tx).await?)
    }

    /// Moves each host that is not placed by hand to where the first rule that fits leads; or only says
    /// who would move.
    pub async fn apply_rules(&self, actor: &Actor, dry: bool) -> Result<Vec<Move>, AppError> {
        self.demand(actor, Role::Administrator, "rule apply").await?;
        let mut tx = self.store.begin().await?;
        let (tree, rules) = (tree(&mut tx).await?, rules(&mut tx).await?);
        let mut moves = Vec::new();
        for row in store::hosts::list(&mut tx).await? {
            let planned = planned(&row, &rules, &tree);
            moves.extend(if dry { planned } else { self.place(&mut tx, &row, &rules, &tree).await? });
        }
        if dry || moves.is_empty() {
            return Ok(moves);
        }
        let detail = format!("{} hosts moved", moves.len());
        self.record(&mut tx, actor, &Deed { action: "rule apply", object: "", detail: &detail }).await?;
        store::commit(tx).await?;
        moves.iter().for_each(|one| self.tell_of_move(one.host));
        Ok(moves)
    }

    /// A host says what it is. Says whether a rule moves it for that.
    pub(super) async fn hear_facts(&self, conn: &mut Conn, host: HostId, facts: &Facts) -> Result<bool, AppError> {
        let Some(mut row) = store::hosts::get(conn, host).await? else { return Ok(false) };
        store::hosts::set_facts(conn, host, facts).await?;
        self.hear_name(conn, &row, &facts.name).await?;
        if row.pinned != 0 || !placement::is_asked(&row.facts.0, facts, row.ruled, self.now()) {
            return Ok(false);
        }
        let rules = rules(conn).await?;
        if rules.is_empty() {
            return Ok(false);
        }
        row.facts.0 = facts.clone();
        let tree = tree(conn).await?;
        let moved = self.place(conn, &row, &rules, &tree).await?.is_some();
        if moved {
            store::hosts::set_ruled(conn, host, self.now()).await?;
        }
        Ok(moved)
    }

    /// Moves a host to where the first rule that fits leads, if one does.
    pub(super) async fn place(
        &self,
        conn: &mut Conn,
        row: &HostRow,
        rules: &[Rule],
        tree: &Tree,
    ) -> Result<Option<Move>, AppError> {
        let (Some(one), Some(rule)) = (planned(row, rules, tree), placement::first(rules, &row.facts.0)) else {
            return Ok(None);
        };
        store::hosts::set_group(conn, row.id, &rule.group).await?;
        // No user is called so: their names have no spaces.
        let by = Actor { user: format!("rule {}", rule.order), role: Role::Administrator, origin: String::new() };
        let detail = format!("{} from {} to {} ({rule})", one.name, one.from, one.to);
        self.record(conn, &by, &Deed { action: "host move", object: &row.id.to_string(), detail: &detail }).await?;
        Ok(Some(one))
    }

    /// Who is connected hears of a move that is committed.
    pub(super) fn tell_of_move(&self, host: HostId) {
        self.hub.poke(host);
        self.hub.tell(Change::Host(host));
    }
}

/// The hosts that are named, each once.
async fn chosen(conn: &mut Conn, wanted: &[String]) -> Result<Vec<HostRow>, AppError> {
    let hosts = store::hosts::list(conn).await?;
    let mut chosen: Vec<HostRow> = Vec::new();
    for wanted in wanted {
        let row = pick(&hosts, |row| row, wanted)?.clone();
        if !chosen.iter().any(|other| other.id == row.id) {
            chosen.push(row);
        }
    }
    Ok(chosen)
}

fn view(rule: Rule, tree: &Tree) -> RuleView {
    RuleView { group: tree.path(&rule.group), rule }
}

/// Where a rule would move a host: not one that staff placed, nor one that is cut off.
fn planned(row: &HostRow, rules: &[Rule], tree: &Tree) -> Option<Move> {
    let rule = placement::first(rules, &row.facts.0).filter(|_| row.pinned == 0 && row.revoked == 0)?;
    (rule.group != row.group_name).then(|| Move {
        host: row.id,
        name: name_of(row).to_owned(),
        from: tree.path(&row.group_name),
        to: tree.path(&rule.group),
        rule: rule.order,
    })
}

/// Whether staff have chosen the group that a host comes into: rules leave it there.
pub(super) fn is_chosen(group: &str, by_rules: bool) -> i64 {
    i64::from(group != ROOT && !by_rules)
}

#[cfg(test)]
mod tests;
