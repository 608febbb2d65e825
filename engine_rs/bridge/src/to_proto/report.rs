//! Day and month reports.

use kasir_core::money::Currency;
use kasir_core::query::{MetricTotal, OpenMoney, Report, ReportGroup};

use super::{all, money};
use crate::contract as pb;

fn metric_total(total: &MetricTotal, currency: Currency) -> pb::MetricTotal {
    pb::MetricTotal {
        metric: total.metric as i32,
        count: total.count,
        amount: total.amount_minor.and_then(|minor| money(minor, currency)),
    }
}

impl From<ReportGroup> for pb::ReportGroup {
    fn from(group: ReportGroup) -> Self {
        Self {
            dimension: group.dimension as i32,
            key: group.key,
            currency_code: group.currency.code().to_owned(),
            totals: group.totals.iter().map(|each| metric_total(each, group.currency)).collect(),
        }
    }
}

impl From<Report> for pb::GetDayReportResponse {
    fn from(report: Report) -> Self {
        Self { date: report.period, groups: all(report.groups) }
    }
}

impl From<Report> for pb::GetMonthReportResponse {
    fn from(report: Report) -> Self {
        Self { month: report.period, groups: all(report.groups) }
    }
}

impl From<OpenMoney> for pb::OpenMoney {
    fn from(open: OpenMoney) -> Self {
        Self { kind: open.kind as i32, count: open.count, amount: money(open.amount_minor, open.currency) }
    }
}
