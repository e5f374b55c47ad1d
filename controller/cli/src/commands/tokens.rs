//! `tokens`: what a PC enrols with.

use crate::connect::Address;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// What a PC enrols with.
#[derive(Debug, clap::Args)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List tokens that can still be used (the default)
    List,
    /// Make a token; prints it, this once, with the line to run on the PC
    Create(Create),
    /// Make a token useless; hosts that enrolled with it stay
    Revoke {
        /// Its id
        id: String,
    },
}

#[derive(Debug, clap::Args)]
struct Create {
    /// How many PCs may enrol with it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    uses: u32,
    /// How long it can be used: a number with s, m, h, d or w
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = seconds)]
    ttl: u64,
    /// The group that its PCs join; the topmost if left out
    #[arg(long, default_value = "", hide_default_value = true)]
    group: String,
    /// Let rules place its PCs elsewhere; those of a token without a group are placed by rules anyway
    #[arg(long)]
    by_rules: bool,
    /// The agent door as these PCs reach it, where it is not the name that the controller gives
    #[arg(long, value_name = "https://NAME:PORT")]
    controller: Option<Address>,
}

#[derive(Debug, Serialize)]
pub(super) struct TokenView {
    id: String,
    group: String,
    uses_left: u32,
    expires: Option<DateTime<Utc>>,
    created_by: String,
    by_rules: bool,
}

impl From<wire::Token> for TokenView {
    fn from(token: wire::Token) -> Self {
        let wire::Token { id, group, uses_left, expires, created_by, by_rules } = token;
        Self { id, group, uses_left, expires: show::time(expires), created_by, by_rules }
    }
}

impl Row for TokenView {
    const HEADER: &'static [&'static str] = &["ID", "GROUP", "USES LEFT", "EXPIRES", "CREATED BY"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.group.clone(),
            self.uses_left.to_string(),
            show::when(self.expires),
            self.created_by.clone(),
        ]
    }
}

impl TokenView {
    /// On one line: which, for how many, until when.
    pub(super) fn in_words(&self) -> String {
        format!("{} ({} ×, {})", self.id, self.uses_left, show::when(self.expires))
    }
}

#[derive(Serialize)]
struct NewTokenView {
    id: String,
    token: String,
    uses: u32,
    expires: Option<DateTime<Utc>>,
    /// The line to run on the PC.
    enroll: String,
}

impl From<wire::NewToken> for NewTokenView {
    fn from(token: wire::NewToken) -> Self {
        let wire::NewToken { id, token, expires, uses, door } = token;
        let enroll = format!("keepwatch-agent enroll --controller {door} --token {token}");
        Self { id, token, uses, expires: show::time(expires), enroll }
    }
}

impl Card for NewTokenView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("id", self.id.clone()),
            ("token", self.token.clone()),
            ("uses", self.uses.to_string()),
            ("expires", show::when(self.expires)),
            ("run on the PC", self.enroll.clone()),
        ]
    }
}

impl Tokens {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut staff = context.staff().await?;
        match self.action.unwrap_or(Action::List) {
            Action::List => {
                let tokens = staff.list_tokens(wire::Empty {}).await?.into_inner().tokens;
                let views: Vec<TokenView> = tokens.into_iter().map(Into::into).collect();
                context
                    .output
                    .list(&views, "There is no token that can be used; make one with 'keepwatch tokens create'.")?;
            }
            Action::Create(Create { uses, ttl, group, by_rules, controller }) => {
                let request = wire::CreateTokenRequest { uses, ttl_seconds: ttl, group, by_rules };
                let mut token = staff.create_token(request).await?.into_inner();
                if let Some(controller) = controller {
                    token.door = controller.to_string();
                }
                context.output.card(&NewTokenView::from(token))?;
            }
            Action::Revoke { id } => {
                staff.revoke_token(wire::TokenId { id: id.clone() }).await?;
                context.output.note(&format!("Nobody can enrol with token {id} any more."));
            }
        }
        Ok(Outcome::Done)
    }
}

/// A stretch of time such as `24h`, in seconds.
pub(super) fn seconds(text: &str) -> Result<u64, String> {
    let advice = || "write a number with s, m, h, d or w, such as 30m, 24h or 7d".to_owned();
    let unit_at = text.char_indices().next_back().map(|(at, _)| at).ok_or_else(advice)?;
    let (number, unit) = text.split_at(unit_at);
    let scale = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        "w" => 7 * 24 * 60 * 60,
        _ => return Err(advice()),
    };
    let digits_only = number.bytes().all(|b| b.is_ascii_digit());
    let number = number.parse::<u64>().ok().filter(|number| digits_only && *number > 0).ok_or_else(advice)?;
    number.checked_mul(scale).ok_or_else(advice)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stretches_of_time_are_read_as_people_write_them() {
        for (text, meant) in [("90s", 90), ("30m", 1_800), ("24h", 86_400), ("7d", 604_800), ("2w", 1_209_600)] {
            assert_eq!(seconds(text), Ok(meant));
        }
        for bad in [
            "",
            "h",
            "24",
            "0h",
            "-1h",
            "+1h",
            "1.5h",
            "24 h",
            "1y",
            "1天",
            "99999999999999999999h",
            "9999999999999999999w",
        ] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let token = wire::NewToken {
            id: "1".into(),
            token: "kw1.a.b".into(),
            expires: 1,
            uses: 2,
            door: "https://controller:1".into(),
        };
        assert_eq!(
            serde_json::to_value(NewTokenView::from(token)).unwrap(),
            json!({
                "id": "1", "token": "kw1.a.b", "uses": 2, "expires": "1970-01-01T00:00:01Z",
                "enroll": "keepwatch-agent enroll --controller https://controller:1 --token kw1.a.b"
            })
        );
        let token = wire::Token { id: "1".into(), group: "all".into(), uses_left: 1, ..Default::default() };
        assert_eq!(
            serde_json::to_value(TokenView::from(token)).unwrap(),
            json!({"id": "1", "group": "all", "uses_left": 1, "expires": null, "created_by": "", "by_rules": false})
        );
    }
}
