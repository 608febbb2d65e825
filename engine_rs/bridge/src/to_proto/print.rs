//! Print jobs and what stands on their paper.

use kasir_core::Reply;
use kasir_core::query::Document;
use kasir_core::records::PrintJob;

use super::{number, responses, time};
use crate::contract as pb;

responses! {
    ReportPrintJobResponse = Reply::PrintJob(job) => Self { job: Some(job.into()) };
    BatchReportPrintJobsResponse = Reply::PrintJobs { accepted, refused } => {
        Self { accepted, refused_print_job_ids: refused.into_iter().map(|id| id.0).collect() }
    };
    SettlePrintJobResponse = Reply::Settled { job, new_print_job_id } => {
        Self { job: Some(job.into()), new_print_job_id: new_print_job_id.0 }
    };
    ReprintDocumentResponse = Reply::PrintJob(job) => Self { job: Some(job.into()) };
}

impl From<PrintJob> for pb::PrintJob {
    fn from(job: PrintJob) -> Self {
        Self {
            print_job_id: job.print_job_id.0,
            kind: number(job.kind.number()),
            state: number(job.state.number()),
            subject_id: job.subject_id,
            location_id: job.location_id.0,
            copy_number: job.copy_number,
            reprint_reason: job.reprint_reason,
            detail: job.detail,
            create_time: time(job.create_ms),
            update_time: time(job.update_ms),
            document: None,
        }
    }
}

impl From<Document> for pb::print_job::Document {
    fn from(document: Document) -> Self {
        match document {
            Document::Order(order) => Self::Order(order.into()),
            Document::Sale(sale) => Self::Sale(sale.into()),
            Document::Parcel(parcel) => Self::Parcel(parcel.into()),
            Document::Shift(shift) => Self::Shift(shift.into()),
            Document::Manifest(manifest) => Self::Manifest(manifest.into()),
            Document::Refund(refund) => Self::Refund(refund.into()),
        }
    }
}

impl From<(PrintJob, Document)> for pb::PrintJob {
    fn from((job, document): (PrintJob, Document)) -> Self {
        Self { document: Some(document.into()), ..job.into() }
    }
}
