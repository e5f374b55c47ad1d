//! The script for the fleet's figures, and for reports of them.

use super::{Script, Stage, only_with_session, replies, says};
use crate::run::Arguments;
use clap::Parser;
use futures_util::stream::BoxStream;
use keepwatch_proto::wire::staff::figures_server::Figures;
use keepwatch_proto::wire::staff::*;
use std::path::Path;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Figures for Script {
    async fn group_health(&self, request: Request<GroupName>) -> Result<Response<GroupsHealth>, Status> {
        only_with_session(&request)?;
        let group = |group: &str, depth| GroupHealthReply { group: group.into(), depth, ..Default::default() };
        Ok(Response::new(GroupsHealth { at: 1, groups: vec![group("all", 0), group("a\x1b[2J", 1)] }))
    }

    type MakeReportStream = BoxStream<'static, Result<ReportPart, Status>>;

    async fn make_report(
        &self,
        request: Request<MakeReportRequest>,
    ) -> Result<Response<Self::MakeReportStream>, Status> {
        only_with_session(&request)?;
        let MakeReportRequest { period, group, format, language } = request.into_inner();
        let data = format!("{period} {group} {format} {language}").into_bytes();
        // One breaks off on the way; one would go elsewhere.
        let total = data.len() as u64 + u64::from(group == "short");
        replies(vec![Ok(ReportPart { data, total, name: format!("../../{period}.{format}") })])
    }
}

#[tokio::test]
async fn a_report_comes_whole_under_its_name_and_replaces_nothing() {
    let stage = Stage::logged_in().await;
    let to = stage.path("");
    let line =
        ["report", "--period", "2026-W47", "--group", "税务局", "--format", "pdf", "--language", "zh-CN", "-o", &to];
    stage.says(&line).await.unwrap();
    let file = Path::new(&to).join("2026-W47.pdf");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "2026-W47 税务局 pdf zh-CN");
    says(stage.says(&line).await, "--force");
    stage.says(&[&line[..], &["--force"]].concat()).await.unwrap();
    let short = ["report", "--period", "week", "--group", "short", "--file", &to];
    says(stage.says(&short).await, "only 18 of 19");
    stage.says(&["report", "--period", "month"]).await.unwrap();
    for wrong in [
        &["--group", "a"][..],
        &["--format", "csv"],
        &["--period", "week", "--watch"],
        &["--period", "week", "--format", "doc"],
    ] {
        assert!(Arguments::try_parse_from([&["keepwatch", "report"], wrong].concat()).is_err(), "{wrong:?}");
    }
}
