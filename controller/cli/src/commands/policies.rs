//! `policies`: what a group's hosts must do, as YAML.

use crate::ask;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::path::PathBuf;

/// What a group's hosts must do.
#[derive(Debug, clap::Args)]
pub(crate) struct Policies {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the policy that holds for a group, as YAML to edit and apply
    Get {
        /// The group
        group: String,
    },
    /// Give a group a policy of its own
    Apply {
        /// The group
        group: String,
        /// The YAML file ('-': standard input)
        #[arg(short, long, value_name = "FILE")]
        file: PathBuf,
        /// Only if this is still the revision in force, as 'policies get' said it; so that two
        /// people who edit at once do not undo each other's work
        #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
        revision: u64,
    },
}

#[derive(Debug, Serialize)]
struct PolicyView {
    group: String,
    revision: u64,
    /// The group that the policy was inherited from, or the group itself.
    origin: String,
    yaml: String,
}

impl From<wire::PolicyDocument> for PolicyView {
    fn from(policy: wire::PolicyDocument) -> Self {
        let wire::PolicyDocument { group, yaml, revision, origin } = policy;
        Self { group, revision, origin, yaml }
    }
}

impl Policies {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self.action {
            Action::Get { group } => {
                let mut staff = context.staff().await?;
                let policy = PolicyView::from(staff.get_policy(wire::GroupName { group }).await?.into_inner());
                let PolicyView { group, revision, origin, .. } = &policy;
                context.output.note(&format!("# policy of '{group}', revision {revision}, from '{origin}'"));
                context.output.document(&policy.yaml, &policy)?;
            }
            Action::Apply { group, file, revision } => {
                let yaml = ask::lines_of(&file).await?.join("\n") + "\n";
                let mut staff = context.staff().await?;
                let request = wire::SetPolicyRequest { group, yaml, revision };
                let policy = PolicyView::from(staff.set_policy(request).await?.into_inner());
                let PolicyView { group, revision, .. } = &policy;
                context
                    .output
                    .note(&format!("'{group}' has a new policy, revision {revision}; its hosts hear of it at once."));
            }
        }
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let policy =
            wire::PolicyDocument { group: "tax".into(), yaml: "scan: {}\n".into(), revision: 3, origin: "all".into() };
        assert_eq!(
            serde_json::to_value(PolicyView::from(policy)).unwrap(),
            json!({"group": "tax", "revision": 3, "origin": "all", "yaml": "scan: {}\n"})
        );
    }
}
