//! Groups and policies, by the script.

use super::{Script, Stage, only_with_session, says};
use keepwatch_proto::wire::staff::plans_server::Plans;
use keepwatch_proto::wire::staff::*;
use tonic::{Request, Response, Status};

type Reply<T> = Result<Response<T>, Status>;

fn not_in_the_script<T>() -> Reply<T> {
    Err(Status::unimplemented("not in the script"))
}

#[tonic::async_trait]
impl Plans for Script {
    /// Takes what came in the order of its groups' names, and nothing without a group.
    async fn apply_policies(&self, request: Request<ApplyPoliciesRequest>) -> Reply<ApplyPoliciesReply> {
        only_with_session(&request)?;
        let ApplyPoliciesRequest { documents, dry_run } = request.into_inner();
        let nameless = documents.iter().find(|given| given.group.is_empty() && !given.text.starts_with("group: "));
        if let Some(given) = nameless {
            return Err(Status::invalid_argument(format!("{}: it names no group", given.name)));
        }
        if documents.iter().any(|given| given.base == 7) {
            return Err(Status::failed_precondition("somebody else changed the policy"));
        }
        let applied = |given: GivenPolicy| AppliedPolicy { group: given.group, revision: 1, changed: !dry_run };
        Ok(Response::new(ApplyPoliciesReply {
            documents: documents.into_iter().map(applied).collect(),
            effects: vec![],
        }))
    }
    async fn effective_policy(&self, _: Request<PolicyOf>) -> Reply<EffectivePolicyReply> {
        not_in_the_script()
    }
    async fn policy_history(&self, _: Request<GroupName>) -> Reply<PolicyEditions> {
        let edition = PolicyEdition { revision: 2, yaml: "scan: {}\n".into(), ..Default::default() };
        Ok(Response::new(PolicyEditions { editions: vec![edition] }))
    }
    async fn simulate(&self, _: Request<SimulateRequest>) -> Reply<SimulateReply> {
        not_in_the_script()
    }
    async fn move_hosts(&self, _: Request<MoveHostsRequest>) -> Reply<MovedHosts> {
        not_in_the_script()
    }
    async fn unpin_hosts(&self, request: Request<HostNames>) -> Reply<Placements> {
        only_with_session(&request)?;
        Ok(Response::new(Placements::default()))
    }
    async fn list_rules(&self, request: Request<Empty>) -> Reply<PlacementRules> {
        only_with_session(&request)?;
        let rule = PlacementRule { order: 10, name: "\x1b[2J*".into(), ..Default::default() };
        Ok(Response::new(PlacementRules { rules: vec![rule] }))
    }
    async fn add_rule(&self, request: Request<PlacementRule>) -> Reply<PlacementRule> {
        match request.into_inner() {
            rule if rule.network == "10.1.2.3/8" => {
                Err(Status::invalid_argument("an address in the network 10.0.0.0/8; write the network"))
            }
            rule => Ok(Response::new(PlacementRule { order: 10, ..rule })),
        }
    }
    async fn remove_rule(&self, _: Request<RuleOrder>) -> Reply<Empty> {
        Ok(Response::new(Empty {}))
    }
    async fn apply_rules(&self, request: Request<ApplyRulesRequest>) -> Reply<Placements> {
        let moves = vec![Placement { host_name: "PC".into(), rule: 10, ..Default::default() }];
        Ok(Response::new(Placements { moves: if request.into_inner().dry_run { moves } else { vec![] } }))
    }
    async fn move_group(&self, _: Request<MoveGroupRequest>) -> Reply<MovedGroup> {
        not_in_the_script()
    }
    async fn rename_group(&self, request: Request<RenameGroupRequest>) -> Reply<GroupName> {
        let RenameGroupRequest { group, name } = request.into_inner();
        match group.as_str() {
            "Finance" => Err(Status::failed_precondition("2 groups are called 'Finance'; name one by its path: E, W")),
            _ => Ok(Response::new(GroupName { group: name })),
        }
    }
    async fn show_group(&self, request: Request<GroupName>) -> Reply<GroupDetails> {
        only_with_session(&request)?;
        let group = Group { path: "City/\x1b[2J".into(), ..Default::default() };
        Ok(Response::new(GroupDetails { group: Some(group), ..Default::default() }))
    }
    async fn remove_group(&self, _: Request<GroupName>) -> Reply<Empty> {
        not_in_the_script()
    }
}

#[tokio::test]
async fn a_folder_of_policies_arrives_whole_and_a_refusal_names_the_file() {
    let stage = Stage::logged_in().await;
    let folder = stage.home.path().join("policies");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.to_str().unwrap();
    says(stage.says(&["policies", "apply", "-f", path]).await, "holds no .yaml file");
    std::fs::write(folder.join("tax.yaml"), "group: tax\nscan: {}\n").unwrap();
    stage.says(&["policies", "diff", "-f", path]).await.unwrap();
    stage.says(&["policies", "apply", "-f", path]).await.unwrap();
    std::fs::write(folder.join("office.yaml"), "scan: {}\n").unwrap();
    says(stage.says(&["policies", "apply", "-f", path]).await, "office.yaml: it names no group");
    let file = stage.path("policies/office.yaml");
    stage.says(&["policies", "apply", "office", "-f", &file]).await.unwrap();
    says(stage.says(&["policies", "apply", "office", "-f", &file, "--revision", "7"]).await, "somebody else");
    says(stage.says(&["policies", "apply", "office", "-f", path]).await, "name their groups themselves");
}

#[tokio::test]
async fn a_group_is_shown_and_called_otherwise() {
    let stage = Stage::logged_in().await;
    stage.says(&["groups", "show"]).await.unwrap();
    stage.says(&["groups", "show", "City/East", "--output", "json"]).await.unwrap();
    stage.says(&["groups", "rename", "City/East", "Ost"]).await.unwrap();
    says(stage.says(&["groups", "rename", "Finance", "Money"]).await, "name one by its path: E, W");
}

#[tokio::test]
async fn rules_are_written_tried_and_applied() {
    let stage = Stage::logged_in().await;
    stage.says(&["groups", "rules"]).await.unwrap();
    stage.says(&["groups", "rules", "add", "--name", "FIN-*", "--system", "linux", "--to", "E/F"]).await.unwrap();
    let bad = ["groups", "rules", "add", "--network", "10.1.2.3/8", "--to", "E"];
    says(stage.says(&bad).await, "write the network");
    stage.says(&["groups", "rules", "apply", "--dry-run"]).await.unwrap();
    stage.says(&["groups", "rules", "apply", "--yes"]).await.unwrap();
    says(stage.says(&["groups", "rules", "apply"]).await, "--yes");
    stage.says(&["groups", "rules", "remove", "10"]).await.unwrap();
    stage.says(&["hosts", "move", "PC", "--unpin"]).await.unwrap();
}

#[tokio::test]
async fn an_older_text_is_printed_or_said_not_to_be_there() {
    let stage = Stage::logged_in().await;
    stage.says(&["policies", "history", "tax"]).await.unwrap();
    stage.says(&["policies", "history", "tax", "--revision", "2"]).await.unwrap();
    says(stage.says(&["policies", "history", "tax", "--revision", "9"]).await, "there is no revision 9");
}
