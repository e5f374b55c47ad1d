//! `users`: who may log in.

use crate::ask;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::show;
use chrono::{DateTime, Utc};
use clap::ValueEnum;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Who may log in.
#[derive(Debug, clap::Args)]
pub(crate) struct Users {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List all users (the default)
    List,
    /// Make a user; prints a password, this once
    Create {
        /// The user's name
        name: String,
        /// What the user may do
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Remove a user and end all sessions of theirs
    Remove {
        /// The user's name
        name: String,
    },
    /// Change your own password
    Password {
        /// Read the old password from this file's first line and the new one from its second
        /// ('-': standard input); asked for if left out
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// May look
    Viewer,
    /// May scan, back up and restore
    Operator,
    /// May also change policies, signatures, hosts and users
    Administrator,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

#[derive(Debug, Serialize)]
struct UserView {
    name: String,
    role: String,
    created: Option<DateTime<Utc>>,
    last_login: Option<DateTime<Utc>>,
}

impl From<wire::User> for UserView {
    fn from(user: wire::User) -> Self {
        let wire::User { name, role, created, last_login } = user;
        Self { name, role, created: show::time(created), last_login: show::time(last_login) }
    }
}

impl Row for UserView {
    const HEADER: &'static [&'static str] = &["NAME", "ROLE", "CREATED", "LAST LOGIN"];
    fn cells(&self) -> Vec<String> {
        vec![self.name.clone(), self.role.clone(), show::when(self.created), show::last(self.last_login)]
    }
}

#[derive(Serialize)]
struct NewUserView {
    name: String,
    password: String,
}

impl Card for NewUserView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![("name", self.name.clone()), ("password", self.password.clone())]
    }
}

impl Users {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut staff = context.staff().await?;
        match self.action.unwrap_or(Action::List) {
            Action::List => {
                let users = staff.list_users(wire::Empty {}).await?.into_inner().users;
                let views: Vec<UserView> = users.into_iter().map(Into::into).collect();
                context.output.list(&views, "There is no user.")?;
            }
            Action::Create { name, role } => {
                let request = wire::CreateUserRequest { name, role: role.word().into() };
                let wire::NewUser { name, password } = staff.create_user(request).await?.into_inner();
                context.output.card(&NewUserView { name, password })?;
                context
                    .output
                    .note("The password is shown this once. It can be changed with 'keepwatch users password'.");
            }
            Action::Remove { name } => {
                ask::confirm(context, &format!("Remove the user {name} and end all sessions of theirs?")).await?;
                staff.remove_user(wire::UserName { user: name.clone() }).await?;
                context.output.note(&format!("{name} can no longer log in."));
            }
            Action::Password { password_file } => {
                let (old, new) = passwords(password_file.as_deref()).await?;
                staff.change_password(wire::ChangePasswordRequest { old, new }).await?;
                context.output.note("Your password is changed.");
            }
        }
        Ok(Outcome::Done)
    }
}

/// The old password and the new one.
async fn passwords(file: Option<&Path>) -> Result<(String, String), Failure> {
    if let Some(file) = file {
        let mut lines = ask::lines_of(file).await?.into_iter();
        return match (lines.next(), lines.next()) {
            (Some(old), Some(new)) if !new.is_empty() => Ok((old, new)),
            _ => Err(Failure::Usage(
                "write the old password in the file's first line and the new one in its second".into(),
            )),
        };
    }
    if !ask::is_possible() {
        return Err(Failure::Usage(
            "there is no terminal to ask for the passwords; give --password-file FILE, or - for standard input".into(),
        ));
    }
    let old = ask::password("Old password: ").await?;
    let new = ask::password("New password: ").await?;
    if ask::password("New password again: ").await? == new {
        Ok((old, new))
    } else {
        Err(Failure::Usage("the two new passwords differ; nothing was changed".into()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let user = wire::User { name: "ann".into(), role: "viewer".into(), created: 1, last_login: 0 };
        assert_eq!(
            serde_json::to_value(UserView::from(user)).unwrap(),
            json!({"name": "ann", "role": "viewer", "created": "1970-01-01T00:00:01Z", "last_login": null})
        );
    }

    #[tokio::test]
    async fn both_passwords_come_from_one_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "old\nnew\n").unwrap();
        assert_eq!(passwords(Some(file.path())).await.unwrap(), ("old".into(), "new".into()));
        std::fs::write(file.path(), "old\n").unwrap();
        assert!(passwords(Some(file.path())).await.is_err());
    }
}
