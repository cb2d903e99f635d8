//! Numbers: finite everywhere, inside their range where they are used.

use ron2::ast::{Expr, NumberKind};

use crate::topology::read::MAX_MAGNITUDE;

use super::super::code::Code;
use super::super::report::Complaint;
use super::super::syntax::MAX_COMPLAINTS;
use super::super::tree;
use super::Checker;

impl Checker<'_> {
    /// Complains about NaN, infinities and literals that overflow, wherever they stand.
    pub(super) fn numbers_are_finite(&mut self) {
        let mut bad = Vec::new();
        collect(self.root, &mut bad);
        for (span, written) in bad.into_iter().take(MAX_COMPLAINTS) {
            let place = self.text.place(span);
            self.complaints.push(Complaint::new(Code::NotFinite, Some(place), format!("{written} is not a finite number")));
        }
    }

    /// `value` as a u32 of at least `least`, or a complaint.
    pub(super) fn count(&mut self, path: &str, value: u64, least: u32) -> u32 {
        let field = path.rsplit('.').next().unwrap_or(path).to_owned();
        match u32::try_from(value) {
            Ok(n) if n >= least => n,
            Ok(n) => {
                self.complain(Code::OutOfRange, path, format!("{field} is {n}")).advise(format!("use {least} or more"));
                least
            }
            Err(_) => {
                self.complain(Code::OutOfRange, path, format!("{field} is {value}")).advise(format!("use {} or less", u32::MAX));
                least
            }
        }
    }

    /// `value` if it lies from `least` to `most`, or a complaint; a number that is not finite is left to its own.
    pub(super) fn within(&mut self, path: &str, value: f64, least: f64, most: f64) -> f64 {
        let field = path.rsplit('.').next().unwrap_or(path);
        self.within_called(field, path, value, (least, most))
    }

    /// The same for a number that a message calls `name`: one that a kind takes without a field.
    pub(super) fn within_called(&mut self, name: &str, path: &str, value: f64, (least, most): (f64, f64)) -> f64 {
        if value.is_finite() && !(least..=most).contains(&value) {
            self.complain(Code::OutOfRange, path, format!("{name} is {value}")).advise(format!("use a number from {least} to {most}"));
        }
        value
    }

    /// A finite temperature above 0, or a complaint.
    pub(super) fn temperature(&mut self, path: &str, value: f64) -> f64 {
        if value.is_finite() && value <= 0.0 {
            let field = path.rsplit('.').next().unwrap_or(path).to_owned();
            self.complain(Code::OutOfRange, path, format!("{field} is {value}"))
                .advise("use a temperature above 0, in units of the couplings");
        }
        value
    }

    /// A coupling or field that f32 can hold, sums of any number of them included, or a complaint.
    pub(super) fn single(&mut self, path: &str, value: f64) -> f32 {
        if value.is_finite() && value.abs() > MAX_MAGNITUDE {
            let field = path.rsplit('.').next().unwrap_or(path).to_owned();
            self.complain(Code::OutOfRange, path, format!("{field} is {value:e}"))
                .advise(format!("use a number from -{MAX_MAGNITUDE:e} to {MAX_MAGNITUDE:e}, so that sums of many stay finite"));
        }
        value as f32
    }
}

fn collect(expr: &Expr<'_>, bad: &mut Vec<(std::ops::Range<usize>, String)>) {
    match tree::bare(expr) {
        Expr::Number(number) => {
            let is_whole = matches!(number.kind, NumberKind::Integer | NumberKind::NegativeInteger);
            let is_finite = is_whole || number.raw.replace('_', "").parse::<f64>().is_ok_and(f64::is_finite);
            if !is_finite && bad.len() < MAX_COMPLAINTS {
                bad.push((tree::span(expr), number.raw.chars().take(40).collect()));
            }
        }
        other => {
            for field in tree::fields(other) {
                collect(&field.value, bad);
            }
            for item in tree::items(other) {
                collect(item, bad);
            }
        }
    }
}
