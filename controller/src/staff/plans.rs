//! Groups and policies over gRPC.

use super::figures::report;
use super::{Service, views};
use crate::app::groups::GroupDetails;
use crate::app::placement::{Move, RuleView};
use crate::app::policies::{Applied, Effect, EffectiveView, FieldView, Given};
use crate::rpc::status;
use keepwatch_proto::wire::staff as wire;
use keepwatch_proto::wire::staff::plans_server::Plans;
use tonic::{Request, Response, Status};

/// Largest request taken, in bytes: a folder of documents comes as one.
pub(super) const LARGEST: usize = 8 << 20;

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Plans for Service {
    async fn effective_policy(&self, request: Request<wire::PolicyOf>) -> Reply<wire::EffectivePolicyReply> {
        let actor = self.actor(&request).await?;
        let wire::PolicyOf { group, host } = request.into_inner();
        let view = self.0.effective_policy(&actor, &group, &host).await.map_err(|e| status(&e))?;
        Ok(Response::new(effective(view)))
    }

    async fn apply_policies(&self, request: Request<wire::ApplyPoliciesRequest>) -> Reply<wire::ApplyPoliciesReply> {
        let actor = self.actor(&request).await?;
        let wire::ApplyPoliciesRequest { documents, dry_run } = request.into_inner();
        let given = documents.into_iter().map(|wire::GivenPolicy { name, text, group, base }| Given {
            name,
            text,
            group,
            base: (base != 0).then_some(base),
            why: String::new(),
        });
        let applied = self.0.apply_policies(&actor, given.collect(), dry_run).await.map_err(|e| status(&e))?;
        Ok(Response::new(reply(applied)))
    }

    async fn policy_history(&self, request: Request<wire::GroupName>) -> Reply<wire::PolicyEditions> {
        let actor = self.actor(&request).await?;
        let history = self.0.policy_history(&actor, &request.into_inner().group).await.map_err(|e| status(&e))?;
        let editions = history.into_iter().map(|edition| wire::PolicyEdition {
            revision: u64::try_from(edition.revision).unwrap_or(0),
            yaml: edition.yaml,
            edited_by: edition.edited_by,
            edited_at: edition.edited_at,
        });
        Ok(Response::new(wire::PolicyEditions { editions: editions.collect() }))
    }

    async fn simulate(&self, request: Request<wire::SimulateRequest>) -> Reply<wire::SimulateReply> {
        let actor = self.actor(&request).await?;
        let wire::SimulateRequest { group, days } = request.into_inner();
        let simulated = self.0.simulate(&actor, &group, days).await.map_err(|e| status(&e))?;
        let hours = simulated.hours.into_iter().map(|(begins, hour)| wire::SimulatedHour {
            begins: begins.timestamp(),
            scans: hour.scans,
            backups: hour.backups,
            busiest_minute: hour.busiest_minute,
            bytes: hour.bytes,
            backup_hosts: hour.hosts,
        });
        let (hosts, left_out) = (simulated.hosts, simulated.left_out);
        Ok(Response::new(wire::SimulateReply { hosts, hours: hours.collect(), left_out }))
    }

    async fn move_hosts(&self, request: Request<wire::MoveHostsRequest>) -> Reply<wire::MovedHosts> {
        let actor = self.actor(&request).await?;
        let wire::MoveHostsRequest { hosts, group } = request.into_inner();
        let hosts = self.0.move_hosts(&actor, &hosts, &group).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::MovedHosts { hosts, group }))
    }

    async fn unpin_hosts(&self, request: Request<wire::HostNames>) -> Reply<wire::Placements> {
        let actor = self.actor(&request).await?;
        let moves = self.0.unpin_hosts(&actor, &request.into_inner().hosts).await.map_err(|e| status(&e))?;
        Ok(Response::new(placements(moves)))
    }

    async fn list_rules(&self, request: Request<wire::Empty>) -> Reply<wire::PlacementRules> {
        let actor = self.actor(&request).await?;
        let rules = self.0.rules(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::PlacementRules { rules: rules.into_iter().map(rule).collect() }))
    }

    async fn add_rule(&self, request: Request<wire::PlacementRule>) -> Reply<wire::PlacementRule> {
        let actor = self.actor(&request).await?;
        let wire::PlacementRule { order, name, network, system, group } = request.into_inner();
        let what = (name.as_str(), network.as_str(), system.as_str());
        Ok(Response::new(rule(self.0.add_rule(&actor, order, what, &group).await.map_err(|e| status(&e))?)))
    }

    async fn remove_rule(&self, request: Request<wire::RuleOrder>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.remove_rule(&actor, request.into_inner().order).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn apply_rules(&self, request: Request<wire::ApplyRulesRequest>) -> Reply<wire::Placements> {
        let actor = self.actor(&request).await?;
        let moves = self.0.apply_rules(&actor, request.into_inner().dry_run).await.map_err(|e| status(&e))?;
        Ok(Response::new(placements(moves)))
    }

    async fn move_group(&self, request: Request<wire::MoveGroupRequest>) -> Reply<wire::MovedGroup> {
        let actor = self.actor(&request).await?;
        let wire::MoveGroupRequest { group, parent, dry_run } = request.into_inner();
        let effects = self.0.move_group(&actor, &group, &parent, dry_run).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::MovedGroup { effects: effects.into_iter().map(effect).collect() }))
    }

    async fn remove_group(&self, request: Request<wire::GroupName>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.remove_group(&actor, &request.into_inner().group).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn rename_group(&self, request: Request<wire::RenameGroupRequest>) -> Reply<wire::GroupName> {
        let actor = self.actor(&request).await?;
        let wire::RenameGroupRequest { group, name } = request.into_inner();
        let group = self.0.rename_group(&actor, &group, &name).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::GroupName { group }))
    }

    async fn show_group(&self, request: Request<wire::GroupName>) -> Reply<wire::GroupDetails> {
        let actor = self.actor(&request).await?;
        let shown = self.0.group_details(&actor, &request.into_inner().group).await.map_err(|e| status(&e))?;
        Ok(Response::new(details(shown, self.0.now())))
    }
}

fn field(field: FieldView) -> wire::PolicyField {
    let FieldView { field, value, origin, locked_by, overruled } = field;
    wire::PolicyField { field, value, origin, locked_by, overruled }
}

fn rule(view: RuleView) -> wire::PlacementRule {
    let RuleView { rule, group } = view;
    let network = rule.network.map(|network| network.to_string()).unwrap_or_default();
    wire::PlacementRule { order: rule.order, name: rule.name, network, system: rule.system, group }
}

fn placements(moves: Vec<Move>) -> wire::Placements {
    let of = |Move { host, name, from, to, rule }| wire::Placement {
        host: host.to_string(),
        host_name: name,
        from,
        to,
        rule,
    };
    wire::Placements { moves: moves.into_iter().map(of).collect() }
}

fn details(details: GroupDetails, at: i64) -> wire::GroupDetails {
    let path = details.group.path.clone();
    wire::GroupDetails {
        group: Some(views::group(details.group)),
        children: details.children,
        figures: Some(report(&details.figures, at)),
        sets: details.sets,
        fields: details.fields.into_iter().map(field).collect(),
        tokens: details.tokens.into_iter().map(|token| views::token((token, path.clone()))).collect(),
        rules: details.rules.into_iter().map(rule).collect(),
    }
}

fn effective(view: EffectiveView) -> wire::EffectivePolicyReply {
    let fields = view.fields.into_iter().map(field).collect();
    wire::EffectivePolicyReply { group: view.group, yaml: view.yaml, fields }
}

fn reply(applied: Applied) -> wire::ApplyPoliciesReply {
    let documents = applied.outcomes.into_iter().map(|outcome| wire::AppliedPolicy {
        group: outcome.group,
        revision: outcome.revision,
        changed: outcome.changed,
    });
    let effects = applied.effects.into_iter().map(effect);
    wire::ApplyPoliciesReply { documents: documents.collect(), effects: effects.collect() }
}

fn effect(effect: Effect) -> wire::PolicyEffect {
    let change = |(field, before, after)| wire::PolicyChange { field, before, after };
    let changes = effect.changes.into_iter().map(change).collect();
    wire::PolicyEffect { group: effect.group, hosts: effect.hosts, changes }
}
