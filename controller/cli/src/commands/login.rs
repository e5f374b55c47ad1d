//! `login`, `logout`, `whoami`: how a profile comes about and ends.

use crate::ask;
use crate::connect::{self, Address};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Card;
use crate::session::Profile;
use crate::{show, trust};
use chrono::{DateTime, Utc};
use keepwatch_proto::pin::Fingerprint;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::path::PathBuf;

/// Log in to a controller.
#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// The staff door, https://NAME:PORT; may be left out to log in again where you were
    #[arg(value_name = "https://NAME:PORT")]
    address: Option<Address>,
    /// Your name there; asked for if left out
    #[arg(long)]
    user: Option<String>,
    /// Trust the CA in this PEM file (the controller's ca.pem)
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    ca: Option<PathBuf>,
    /// Trust the CA with this fingerprint, as 'keepwatch-controller init' printed it
    #[arg(long, value_name = "SHA256", value_parser = fingerprint)]
    fingerprint: Option<Fingerprint>,
    /// Read the password from this file's first line ('-': standard input); asked for if left out
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

fn fingerprint(text: &str) -> Result<Fingerprint, &'static str> {
    text.parse().map_err(|_| "a fingerprint is 64 hexadecimal digits, with or without colons between them")
}

/// Who is logged in where.
#[derive(Debug, Serialize)]
struct WhoView {
    profile: String,
    address: String,
    user: String,
    role: String,
    logged_in: bool,
    expires: Option<DateTime<Utc>>,
}

impl Card for WhoView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        vec![
            ("profile", self.profile.clone()),
            ("controller", self.address.clone()),
            ("user", self.user.clone()),
            ("role", self.role.clone()),
            ("logged in", show::yes(self.logged_in)),
            ("session ends", show::when(self.expires)),
        ]
    }
}

impl Login {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let known = context.profiles.find(&context.profile)?;
        let address = match (&self.address, &known) {
            (Some(address), _) => address.clone(),
            (None, Some(known)) => known.address.parse()?,
            (None, None) => {
                return Err(Failure::Usage("say which controller: keepwatch login https://NAME:PORT".into()));
            }
        };
        let known = known.filter(|known| known.address == address.to_string());
        let ca = self.ca(context, &address, known.as_ref()).await?;
        let user = self.user(known.as_ref()).await?;
        let password = self.password().await?;
        let mut staff = connect::open(&address, &ca, "").await?;
        let reply = staff.login(wire::LoginRequest { user: user.clone(), password }).await?.into_inner();
        let profile = Profile {
            address: address.to_string(),
            user,
            role: reply.role,
            session: reply.session,
            expires: show::time(reply.expires),
            ca,
        };
        context.profiles.save(&context.profile, &profile)?;
        let Profile { user, role, .. } = profile;
        context.output.note(&format!("Logged in to {address} as {user} ({role})."));
        Ok(Outcome::Done)
    }

    /// The CA to trust: one that was vouched for, by a file, a fingerprint, an earlier
    /// login or the person at the terminal.
    async fn ca(&self, context: &Context, address: &Address, known: Option<&Profile>) -> Result<String, Failure> {
        if let Some(file) = &self.ca {
            let pem = std::fs::read_to_string(file).map_err(Failure::file(file))?;
            trust::check_pem(&pem)?;
            return Ok(pem);
        }
        let pin = match (self.fingerprint, known) {
            (Some(pin), _) => pin,
            (None, Some(known)) => return Ok(known.ca.clone()),
            (None, None) if ask::is_possible() => confirmed(context, address).await?,
            (None, None) => {
                return Err(Failure::Usage(
                    "first contact with this controller: say what to trust with --fingerprint SHA256 \
                     ('keepwatch-controller init' printed it) or --ca FILE (its ca.pem)"
                        .into(),
                ));
            }
        };
        Ok(trust::fetch(address, pin).await?)
    }

    async fn user(&self, known: Option<&Profile>) -> Result<String, Failure> {
        let user = match (&self.user, known) {
            (Some(user), _) => user.clone(),
            (None, Some(known)) => known.user.clone(),
            (None, None) if ask::is_possible() => ask::line("User: ".into()).await?,
            (None, None) => String::new(),
        };
        if user.is_empty() { Err(Failure::Usage("say who you are with --user NAME".into())) } else { Ok(user) }
    }

    async fn password(&self) -> Result<String, Failure> {
        match &self.password_file {
            Some(file) => ask::password_in(file).await,
            None if ask::is_possible() => ask::password("Password: ").await,
            None => Err(Failure::Usage(
                "there is no terminal to ask for the password; give --password-file FILE, or - for standard input"
                    .into(),
            )),
        }
    }
}

/// Shows what the server presents and lets the person decide.
async fn confirmed(context: &Context, address: &Address) -> Result<Fingerprint, Failure> {
    let presented = trust::presented(address).await?;
    context.output.note(&format!(
        "First contact with {address}. It presents a CA with the fingerprint\n\n  {presented}\n\n\
         Compare it with the one that 'keepwatch-controller init' printed."
    ));
    match ask::line("Are they the same? [yes/no] ".into()).await?.as_str() {
        "yes" => Ok(presented),
        _ => Err(Failure::Usage("not trusted, not logged in; answer 'yes' in full to trust".into())),
    }
}

/// Ends the session there and here. The profile stays, so that logging in again is short.
pub(crate) async fn logout(context: &Context) -> Result<Outcome, Failure> {
    let profile = context.profiles.load(&context.profile)?;
    let ended = match context.staff().await {
        Ok(mut staff) => staff.logout(wire::Empty {}).await.map(|_| ()).map_err(Failure::from),
        Err(failure) => Err(failure),
    };
    let address = profile.address.clone();
    // Whatever the controller says, this computer forgets it.
    context.profiles.save(&context.profile, &Profile { session: String::new(), expires: None, ..profile })?;
    ended?;
    context.output.note(&format!("Logged out of {address}."));
    Ok(Outcome::Done)
}

/// Shows the profile, without asking the controller.
pub(crate) fn whoami(context: &Context) -> Result<Outcome, Failure> {
    let Profile { address, user, role, session, expires, .. } = context.profiles.load(&context.profile)?;
    let profile = context.profile.clone();
    context.output.card(&WhoView { profile, address, user, role, logged_in: !session.is_empty(), expires })?;
    Ok(Outcome::Done)
}
