//! The calls about the fleet's figures, and how the wire says those.

use super::Service;
use crate::app::summaries::Wanted;
use crate::plan::health::{Figures as Counted, GroupFigures};
use crate::rpc::status;
use crate::web::summary;
use futures_util::stream::{self, BoxStream};
use keepwatch_proto::wire::staff as wire;
use keepwatch_proto::wire::staff::figures_server::Figures;
use tonic::{Request, Response, Status};

/// Bytes of one piece: well below the largest message.
const PIECE: usize = 256 << 10;

#[tonic::async_trait]
impl Figures for Service {
    type MakeReportStream = BoxStream<'static, Result<wire::ReportPart, Status>>;

    async fn make_report(
        &self,
        request: Request<wire::MakeReportRequest>,
    ) -> Result<Response<Self::MakeReportStream>, Status> {
        let actor = self.actor(&request).await?;
        let wire::MakeReportRequest { period, group, format, language } = request.into_inner();
        let wanted = Wanted { period, group };
        let made = summary::made(&self.0, &actor, &wanted, &format, &language).await.map_err(|e| status(&e))?;
        let (total, name) = (made.content.len() as u64, made.name);
        let part = |data: &[u8]| Ok(wire::ReportPart { data: data.to_vec(), total, name: name.clone() });
        let parts: Vec<_> = made.content.chunks(PIECE).map(part).collect();
        Ok(Response::new(Box::pin(stream::iter(parts))))
    }

    async fn group_health(&self, request: Request<wire::GroupName>) -> Result<Response<wire::GroupsHealth>, Status> {
        let actor = self.actor(&request).await?;
        let groups = self.0.group_health(&actor, &request.into_inner().group).await.map_err(|e| status(&e))?;
        let at = self.0.now();
        Ok(Response::new(wire::GroupsHealth { at, groups: groups.into_iter().map(|g| group(g, at)).collect() }))
    }
}

fn group(g: GroupFigures, at: i64) -> wire::GroupHealthReply {
    let GroupFigures { name, parent, depth, own, all } = g;
    wire::GroupHealthReply { group: name, parent, depth, own_hosts: own.hosts, figures: Some(report(&all, at)) }
}

pub(super) fn report(figures: &Counted, at: i64) -> wire::FleetReportReply {
    wire::FleetReportReply {
        hosts: figures.hosts,
        protected: figures.protected,
        attention: figures.attention,
        at_risk: figures.at_risk,
        unknown: figures.unknown,
        open_detections: figures.open_detections,
        repository_bytes: figures.repository_bytes,
        at,
        never_connected: figures.never_connected,
        pending: figures.pending,
        away: figures.away,
        lost: figures.lost,
    }
}
