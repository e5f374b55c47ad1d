//! Puts the controller together: makes a data folder, or serves from one.

pub mod recovery;

use crate::app::App;
use crate::app::catalogs::Catalogs;
use crate::app::downloads::Handing;
use crate::app::slots::Desk;
use crate::app::users::{Attempts, VERIFYING};
use crate::config::{Config, DataFolder, repositories_folder};
use crate::door::{self, Admission, Caller};
use crate::hub::Hub;
use crate::keys::ca::Ca;
use crate::keys::escrow::{self, Escrow};
use crate::keys::signing::Signing;
use crate::repository::{FolderStore, Meters};
use crate::rpc::AgentDoor;
use crate::staff::Origin;
use crate::store::Store;
use crate::tasks;
use crate::{InitOptions, ServeOptions, metrics, staff, trace, web};
use anyhow::Context;
use axum::middleware::from_fn_with_state;
use axum::{Extension, Router};
use keepwatch_proto::clock::Clock;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// The first administrator's name.
const FIRST_USER: &str = "admin";
/// Connections to the staff door at once. Each page that is open holds one.
const STAFF_CONNECTIONS: usize = 2000;

/// Makes a data folder, whole or not at all. Returns what to tell whoever asked, once.
pub async fn init(options: InitOptions) -> anyhow::Result<String> {
    let clock = Clock::from_environment();
    let recovery = options.recovery_key.as_deref().map(escrow::recipient).transpose()?;
    let repositories = options.repositories.map(|url| repositories_folder(&url)).transpose()?;
    let config = Config { database: options.database, repositories, ..Config::new(names(options.name)) };
    let folder = DataFolder::create(&options.data)?;
    let ca = Ca::create(&folder.keys(), &config.names, &clock)?;
    Escrow::create(&folder.keys(), recovery.as_ref())?;
    Signing::new(&folder.keys(), &folder.signatures()).create().await?;
    let fingerprint = ca.fingerprint();
    let database = config.database.clone().unwrap_or_else(|| Store::new_embedded_url(folder.path()));
    let app = assemble(&folder, &config, String::new(), &database, ca, clock).await?;
    let password = app.create_first_user(FIRST_USER).await?;
    app.store.close().await;
    folder.finish(&config, &options.data)?;
    let data = options.data.display();
    let name = config.names.first().map_or("localhost", String::as_str);
    let staff_port = config.staff.rsplit(':').next().unwrap_or("8443");
    Ok(format!(
        "The controller is ready in {data}.\n\n\
         \x20 names              {names}\n\
         \x20 CA fingerprint     {fingerprint}\n\
         \x20 administrator      {FIRST_USER}\n\
         \x20 one-time password  {password}\n\n\
         The password is shown this once; change it with 'keepwatch users password'. Next:\n\n\
         \x20 keepwatch-controller serve --data {data}\n\
         \x20 keepwatch login https://{name}:{staff_port} --user {FIRST_USER} --fingerprint {fingerprint}\n\n\
         For the day on which this machine is lost: 'keepwatch-controller copy', and 'recovery-key set' (deploy/rebuild.md).\n",
        names = config.names.join(", "),
    ))
}

/// The names given, and those by which this machine always reaches itself.
fn names(given: Vec<String>) -> Vec<String> {
    let own = hostname::get().ok().and_then(|n| n.into_string().ok());
    let mut names = given;
    for name in own.into_iter().chain(["localhost".into(), "127.0.0.1".into()]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Serves until it is told to stop.
pub async fn serve(options: ServeOptions) -> anyhow::Result<()> {
    let clock = Clock::from_environment();
    let (folder, mut config) = DataFolder::open(&options.data)?;
    if let Some(url) = options.repositories {
        config.repositories = Some(repositories_folder(&url)?);
    }
    let ca = Ca::open(&folder.keys(), &clock)?;
    ca.renew_server(&config.names)?;
    let database = options.database.or_else(|| config.database.clone());
    let database = database.unwrap_or_else(|| Store::embedded_url(folder.path()));
    let agents = listen(options.agents.as_deref().unwrap_or(&config.agents)).await?;
    let staff_door = listen(options.staff.as_deref().unwrap_or(&config.staff)).await?;
    let name = config.names.first().map_or("localhost", String::as_str);
    let agent_door = format!("https://{name}:{}", agents.local_addr()?.port());
    let app = Arc::new(assemble(&folder, &config, agent_door, &database, ca, clock).await?);
    app.handing.make_ready().context("the folders for downloads cannot be made")?;
    app.demand_first_user().await?;
    app.wind_up().await?;
    // Said now, and not when the first PC cannot enrol.
    app.escrow.recovery()?;
    let watched = match &options.metrics {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    // Scripts and tests wait for this line, and read the ports from it.
    let at = watched.as_ref().and_then(|listener| listener.local_addr().ok()).map(|at| at.to_string());
    tracing::info!(
        agents = %agents.local_addr()?,
        staff = %staff_door.local_addr()?,
        metrics = at.as_deref().unwrap_or("off"),
        "serving"
    );

    let shutdown = CancellationToken::new();
    let agent_door = AgentDoor::new(&app);
    let admit_agent = move |caller: Caller| agent_door.clone().admit(caller);
    let token = metrics::MetricsToken::open(&folder.keys())?;
    let pages = staff::router(&app).merge(web::router(&app)).merge(metrics::router(&app, token));
    let pages = pages.layer(from_fn_with_state(app.clock.clone(), trace::follow));
    let room = Arc::new(Semaphore::new(STAFF_CONNECTIONS));
    let admit_staff = move |caller: Caller| {
        let router: Router = pages.clone().layer(Extension(Origin(caller.address)));
        let permit = room.clone().try_acquire_owned().ok();
        let admission = permit.map(|p| Admission { router, leash: CancellationToken::new(), permit: Some(p) });
        std::future::ready(admission)
    };
    tokio::join!(
        door::serve(agents, app.ca.agent_tls()?, admit_agent, shutdown.clone()),
        door::serve(staff_door, app.ca.staff_tls()?, admit_staff, shutdown.clone()),
        tasks::run(app.clone(), shutdown.clone()),
        async {
            if let Some(listener) = watched {
                metrics::serve(listener, app.clone(), shutdown.clone()).await;
            }
        },
        async {
            platform::told_to_stop().await;
            tracing::info!("stopping");
            shutdown.cancel();
        }
    );
    Ok(())
}

async fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; is another controller running there?"))
}

fn read_file(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

async fn assemble(
    folder: &DataFolder,
    config: &Config,
    agent_door: String,
    database: &str,
    ca: Ca,
    clock: Clock,
) -> anyhow::Result<App> {
    let repositories = config.repositories.clone().unwrap_or_else(|| folder.repositories());
    Ok(App {
        store: Store::open(database).await?,
        hub: Hub::new(),
        clock,
        clockwork: Default::default(),
        ca,
        escrow: Escrow::open(&folder.keys())?,
        signing: Signing::new(&folder.keys(), &folder.signatures()),
        repositories: Arc::new(FolderStore::open(repositories)?),
        meters: Meters::default(),
        taken_in: Default::default(),
        signatures: folder.signatures(),
        catalogs: Catalogs::new(folder.catalogs()),
        handing: Handing::new(folder.compiled(), folder.scratch()),
        attempts: Attempts::default(),
        verifying: Semaphore::new(VERIFYING),
        agent_door,
        kits_kept: Default::default(),
        deletion_wait: chrono::TimeDelta::days(config.deletion_wait_days.get().into()),
        put_off: Default::default(),
        intake: Default::default(),
        slots: Desk::new(config.slots.whole, config.slots.storage),
        standing: Default::default(),
        measuring: Default::default(),
        looking: Default::default(),
        reporting: Default::default(),
        publishing: tokio::sync::Mutex::new(()),
    })
}

mod platform {
    /// A service manager's or a terminal's wish that we end.
    #[cfg(unix)]
    pub(super) async fn told_to_stop() {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    }

    #[cfg(not(unix))]
    pub(super) async fn told_to_stop() {
        let _ = tokio::signal::ctrl_c().await;
    }
}
