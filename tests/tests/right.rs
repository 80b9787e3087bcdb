//! Promise 4, right: every operator gives what numpy and scipy gave, to the tolerance that each case states.
#![allow(clippy::print_stderr, reason = "the worst differences are what one wants to read")]

use std::collections::BTreeMap;

use swathe_core::Size;
use swathe_testkit::engine::{self, Way};
use swathe_testkit::reference::{self, Case, Worst};
use swathe_testkit::{Raster, plain};

fn worst_of(
    cases: &[Case],
    compute: impl Fn(&Case) -> swathe_core::Result<Raster>,
) -> BTreeMap<&str, (usize, Worst, &str)> {
    let mut worst: BTreeMap<&str, (usize, Worst, &str)> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in cases {
        let compared = compute(case)
            .map_err(|error| format!("{}: {error} ({})", case.name, case.step))
            .and_then(|output| case.compare(&output));
        match compared {
            Err(failure) => failures.push(failure),
            Ok(one) => {
                let entry = worst.entry(case.step.spec.name).or_default();
                entry.0 += 1;
                if one.part >= entry.1.part {
                    (entry.1, entry.2) = (one, &case.name);
                }
            }
        }
    }
    let shown: Vec<_> = failures.iter().take(30).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), cases.len(), shown.join("\n"));
    worst
}

#[test]
fn every_frozen_value_is_met() {
    let (cases, without) = reference::cases();
    assert!(without.is_empty(), "cases for operators that are not in the list: {without:?}");
    let by_plain = worst_of(&cases, |case| plain::run(&case.input, std::slice::from_ref(&case.step)));
    for (operator, (count, worst, name)) in &by_plain {
        eprintln!(
            "{operator}: {count} cases, worst difference {:e}, {:.1} % of what is allowed (`{name}`)",
            worst.difference,
            100.0 * worst.part
        );
    }
    let way = Way::tiles(Size::new(5, 4), 2);
    let by_engine = worst_of(&cases, |case| engine::run(&case.input, std::slice::from_ref(&case.step), &way));
    assert_eq!(by_plain, by_engine);
}
