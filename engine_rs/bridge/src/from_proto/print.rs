//! What agents and people say of print jobs.

use kasir_core::command::{Command, PrintReportInput};
use kasir_core::ids::PrintJobId;

use super::{all, commands};
use crate::contract as pb;

commands! {
    ReportPrintJobRequest => |request| Command::ReportPrintJob(request.report.unwrap_or_default().into());
    BatchReportPrintJobsRequest => |request| Command::BatchReportPrintJobs(all(request.reports));
    SettlePrintJobRequest => |request| Command::SettlePrintJob {
        print_job_id: PrintJobId(request.print_job_id),
        printed: request.printed,
    };
    ReprintDocumentRequest => |request| Command::ReprintDocument {
        print_job_id: PrintJobId(request.print_job_id),
        reason: request.reason,
    };
}

impl From<pb::PrintReport> for PrintReportInput {
    fn from(report: pb::PrintReport) -> Self {
        Self { print_job_id: PrintJobId(report.print_job_id), state: report.state, detail: report.detail }
    }
}
