//! A picture of a table: how many times better than guessing the adversary is at most.

use std::fmt::Write as _;

use super::attack::{Task, Traffic};
use super::report::Row;

const LEFT: usize = 300;
const WIDTH: usize = 500;
const LINE: usize = 20;
/// The right end of the axis, in times better than guessing: with 50 choices nobody is more.
const MOST: f64 = 50.0;

/// One task as bars, one for each setting; the line is the bar of twice random.
pub(super) fn bars(task: Task, traffic: Traffic, ips: bool, rows: &[Row]) -> String {
    let shown: Vec<&Row> =
        rows.iter().filter(|row| row.task == task && row.traffic == traffic && row.ips == ips).collect();
    let height = (shown.len() + 2) * LINE;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"8\" y=\"15\" font-weight=\"bold\">{}{}</text>\n",
        LEFT + WIDTH + 60,
        task.name(),
        if ips { ", IPs seen" } else { "" },
    );
    for (number, row) in shown.iter().enumerate() {
        let Some(outcome) = row.outcome else { continue };
        let top = (number + 1) * LINE;
        let _infallible = writeln!(
            out,
            "<text x=\"8\" y=\"{}\">{}</text><rect x=\"{LEFT}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{:.1}</text>",
            top + 14,
            row.setting,
            top + 3,
            place(outcome.lift()),
            LINE - 6,
            if outcome.lift() <= 2.0 { "#4a7" } else { "#c54" },
            place(outcome.lift()) + 5.0 + super::measure::number(LEFT),
            top + 14,
            outcome.lift()
        );
    }
    let bar = place(2.0) + super::measure::number(LEFT);
    let _infallible = writeln!(
        out,
        "<line x1=\"{bar:.1}\" x2=\"{bar:.1}\" y1=\"{LINE}\" y2=\"{}\" stroke=\"black\" stroke-dasharray=\"3\"/>\n</svg>",
        height - LINE + 4
    );
    out
}

/// Where a figure lies on the axis, which is logarithmic from 1 on.
fn place(lift: f64) -> f64 {
    lift.clamp(1.0, MOST).ln() / MOST.ln() * super::measure::number(WIDTH)
}
