//! `clock`: whether the controller believes its own clock.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Card;
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// The controller's own clock. While it is doubted, no snapshot and no repository is removed
#[derive(Debug, clap::Args)]
pub(crate) struct Clock {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show it (the default)
    Show,
    /// Say that it is right, after looking at it
    Confirm,
}

/// It, for people and programs.
#[derive(Debug, Serialize)]
struct ClockView {
    now: Option<DateTime<Utc>>,
    trusted: Option<DateTime<Utc>>,
    doubt: Option<String>,
}

impl From<wire::ClockView> for ClockView {
    fn from(clock: wire::ClockView) -> Self {
        Self { now: show::time(clock.now), trusted: show::time(clock.trusted), doubt: show::some(clock.doubt) }
    }
}

impl Card for ClockView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("now", show::when(self.now)),
            ("believed until", show::when(self.trusted)),
            ("doubt", show::or_dash(self.doubt.as_ref())),
        ]
    }
}

impl Clock {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut machines = context.machines().await?;
        let clock = match self.action.unwrap_or(Action::Show) {
            Action::Show => machines.get_clock(wire::Empty {}).await?,
            Action::Confirm => machines.confirm_clock(wire::Empty {}).await?,
        };
        context.output.card(&ClockView::from(clock.into_inner()))?;
        Ok(Outcome::Done)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let clock = wire::ClockView { now: 1, ..Default::default() };
        assert_eq!(
            serde_json::to_value(ClockView::from(clock)).unwrap(),
            serde_json::json!({ "now": "1970-01-01T00:00:01Z", "trusted": null, "doubt": null })
        );
    }
}
