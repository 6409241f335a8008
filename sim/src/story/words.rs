//! A story in words.

use super::Story;
use crate::world::{Fault, Kind, Plan, RpcFault};
use std::fmt;

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        let count = |count, one: &str| match count {
            1 => format!("one {one}"),
            _ => format!("{count} {one}s"),
        };
        write!(
            f,
            "Of seed {}: a control plane, {}, {}, ",
            self.seed,
            count(plan.nodes, "node"),
            count(plan.verifiers, "verifier"),
        )?;
        if plan.gateways > 0 {
            write!(f, "{}, ", count(plan.gateways, "gateway"))?;
        }
        let epochs = count(plan.epochs as usize, "epoch");
        writeln!(f, "{} in {epochs}.", count(plan.viewers, "viewer"))?;
        let mut faults: Vec<_> = self.faults.iter().collect();
        faults.sort_by_key(|fault| fault.at);
        if faults.is_empty() {
            writeln!(f, "Nothing goes wrong.")?;
        }
        for fault in faults {
            writeln!(f, "{}", told(plan, fault))?;
        }
        Ok(())
    }
}

/// When what hits whom.
fn told(plan: &Plan, fault: &Fault) -> String {
    let at = format!("At {:.1} s", fault.at.as_secs_f64());
    let lasts = format!("for {:.1} s", fault.lasts.as_secs_f64());
    let Some(part) = fault.kind.part() else {
        return format!(
            "{at} the chain takes a way that it gives up {:.1} s later.",
            fault.lasts.as_secs_f64()
        );
    };
    let whom = plan.named(part, fault.whom.0);
    let sign = if fault.less { "behind" } else { "ahead" };
    let what = match fault.kind {
        Kind::Restart(_) => return format!("{at} {whom} is restarted."),
        Kind::Hang(_) => "hangs".to_owned(),
        Kind::PowerCut(_) => "loses power".to_owned(),
        Kind::Partition(_) => "reaches nobody".to_owned(),
        Kind::CutLink(_, None) => "doesn't reach its provider".to_owned(),
        Kind::CutLink(_, Some(other)) => {
            format!("doesn't reach {}", plan.named(other, fault.whom.1))
        }
        Kind::ClockDiffers(_) => format!("has a clock that is seconds {sign}"),
        Kind::ClockJumps(_) => format!("has a clock that is an hour {sign}"),
        Kind::ClockBefore1970(_) => "has a clock that stands before 1970".to_owned(),
        Kind::DiskFull(_) => "has a full disk".to_owned(),
        Kind::Rpc(RpcFault::Slow, _) => "has a provider that is slow".to_owned(),
        Kind::Rpc(RpcFault::Lags, _) => "has a provider that stands still".to_owned(),
        Kind::Rpc(RpcFault::LogsLate, _) => "has a provider whose logs are late".to_owned(),
        Kind::Rpc(RpcFault::LogsLeftOut, _) => "has a provider that leaves out logs".to_owned(),
        Kind::Rpc(RpcFault::LogsCut, _) => "has a provider that cuts pages of logs".to_owned(),
        Kind::Rpc(RpcFault::TransactionsDropped, _) => {
            "has a provider that drops transactions".to_owned()
        }
        Kind::Rpc(RpcFault::TransactionsReordered, _) => {
            "has a provider that reorders transactions".to_owned()
        }
        // It hits no part.
        Kind::Reorganisation => String::new(),
    };
    format!("{at} {whom} {what} {lasts}.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Part;
    use std::time::Duration;

    #[test]
    fn a_story_says_what_was_started_and_what_hits_whom_when_in_order() {
        let fault = |at_s, kind, whom| Fault {
            at: Duration::from_secs(at_s),
            lasts: Duration::from_millis(7_500),
            kind,
            whom,
            less: true,
        };
        let story = Story {
            seed: 34,
            plan: Plan {
                nodes: 2,
                ..Plan::small()
            },
            faults: vec![
                fault(30, Kind::ClockJumps(Part::Verifier), (5, 0)),
                fault(9, Kind::CutLink(Part::Node, Some(Part::Control)), (3, 9)),
                fault(40, Kind::Reorganisation, (0, 0)),
            ],
        };
        let words = "Of seed 34: a control plane, 2 nodes, one verifier, one viewer in one epoch.\n\
            At 9.0 s node-1 doesn't reach the control plane for 7.5 s.\n\
            At 30.0 s verifier-0 has a clock that is an hour behind for 7.5 s.\n\
            At 40.0 s the chain takes a way that it gives up 7.5 s later.\n";
        assert_eq!(story.to_string(), words);
    }
}
