//! Plans and reports for people.

use swathe::{PlanSummary, RasterSummary, Report, ShardSummary, StoredSummary};

/// Bytes with a unit that keeps the number short.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [(&str, u32); 3] = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    for (unit, power) in UNITS {
        if count >= 1 << power {
            return format!("{:.1} {unit}", count as f64 / f64::from(power).exp2());
        }
    }
    format!("{count} bytes")
}

/// Seconds with a unit that keeps the number short.
fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds >= 5400.0 => format!("{:.1} h", seconds / 3600.0),
        seconds if seconds >= 90.0 => format!("{:.0} min", seconds / 60.0),
        seconds if seconds >= 1.0 => format!("{seconds:.0} s"),
        seconds => format!("{seconds:.2} s"),
    }
}

fn raster(raster: &RasterSummary) -> String {
    let RasterSummary { name, width, height, bands, sample_type, block_width, block_height, method } = raster;
    let bands = if *bands == 1 { "1 band".to_owned() } else { format!("{bands} bands") };
    format!(
        "{name}: {width} x {height}, {bands} of {sample_type}, blocks of {block_width} x {block_height}, by {method}"
    )
}

fn sides(halo: [u64; 4]) -> String {
    let [left, top, right, bottom] = halo;
    if [top, right, bottom] == [left; 3] {
        format!("{left} on each side")
    } else {
        format!("left {left}, top {top}, right {right}, bottom {bottom}")
    }
}

/// What is stored for the next sweep.
fn store(stored: &StoredSummary) -> String {
    format!(
        "  store    {}, {}: {} tiles of {} x {} by {} workers; halo of the sweep {}; {} predicted",
        stored.name,
        bytes(stored.bytes),
        stored.tiles,
        stored.tile_width,
        stored.tile_height,
        stored.threads,
        sides(stored.halo),
        bytes(stored.predicted_peak_bytes)
    )
}

/// Where sweeps that learn start from, where that was stored behind so many operators.
fn behind(plan: &PlanSummary, stages: u64) -> String {
    let stored = plan.stored.iter().find(|stored| stored.stages == stages);
    stored.map_or_else(String::new, |stored| format!(" from {}, which is stored", stored.name))
}

/// What will happen.
pub(crate) fn plan(plan: &PlanSummary) -> String {
    let mut lines = vec!["plan".to_owned()];
    lines.extend(plan.inputs.iter().map(|input| format!("  read     {}", raster(input))));
    for first in &plan.preparations {
        lines.push(format!(
            "  first    {} for `{}`{}: {} sweep{} over {} tiles of {} x {} by {} workers, {} predicted",
            first.subject,
            first.operator,
            behind(plan, first.behind),
            first.passes,
            if first.passes == 1 { "" } else { "s" },
            first.tiles,
            first.tile_width,
            first.tile_height,
            first.threads,
            bytes(first.predicted_peak_bytes)
        ));
    }
    for (number, stage) in plan.stages.iter().enumerate() {
        lines.extend(plan.stored.iter().filter(|stored| stored.stages == number as u64).map(store));
        let factor = stage.recompute_factor;
        let again = if factor > 1.0005 {
            format!(", {:.1} % computed twice", 100.0 * (factor - 1.0))
        } else {
            String::new()
        };
        lines.push(format!("  compute  {}: halo {}{again}", stage.operator, sides(stage.halo)));
    }
    lines.extend(plan.stored.iter().filter(|stored| stored.stages == plan.stages.len() as u64).map(store));
    lines.push(format!("  write    {}", raster(&plan.output)));
    let stripes = plan.stripe_width.map_or_else(String::new, |width| format!(" in stripes {width} wide"));
    lines.push(format!(
        "  tiles    {} of {} x {}{stripes}, {} pass{}, {} workers; halo of the chain {}; {:.1} % of the input read twice",
        plan.tiles,
        plan.tile_width,
        plan.tile_height,
        plan.passes,
        if plan.passes == 1 { "" } else { "es" },
        plan.threads,
        sides(plan.halo),
        100.0 * (plan.read_factor - 1.0).max(0.0)
    ));
    if let Some(shard) = plan.shard {
        lines.push(format!("  shard    {}", shard_of(plan, shard)));
    }
    if let Some(fusion) = &plan.fusion {
        lines.push(format!("  sweeps   {}: {}", fusion.sweeps, fusion.reason));
    }
    lines.push(format!("  budget   {} ({})", bytes(plan.budget_bytes), plan.budget_reason));
    for line in &plan.account {
        let count = if line.count > 1 { format!("{} x ", line.count) } else { String::new() };
        lines.push(format!("             {:>12}  {count}{}", bytes(line.bytes_each * line.count), line.what));
    }
    lines.push(format!("  peak     {} predicted", bytes(plan.predicted_peak_bytes)));
    let at_most = if plan.may_take_less { " at most" } else { "" };
    lines.push(format!(
        "  traffic  {} to read, {} to write{at_most}",
        bytes(plan.read_bytes),
        bytes(plan.write_bytes)
    ));
    if plan.scratch_bytes > 0 {
        let free = plan.scratch_free_bytes.map_or_else(String::new, |free| format!(", {} free", bytes(free)));
        lines.push(format!("  scratch  {} in the scratch folder{free}", bytes(plan.scratch_bytes)));
    }
    let free = plan.disk_free_bytes.map_or_else(|| "unknown".into(), bytes);
    lines.push(format!("  disk     {} needed{at_most}, {free} free", bytes(plan.disk_needed_bytes)));
    if let Some(estimate) = plan.estimate {
        lines.push(format!(
            "  time     about {}: {} of computing and, where scratch does not stay in memory, {} of disk at {:.0} MB/s",
            duration(estimate.compute_seconds + estimate.disk_seconds),
            duration(estimate.compute_seconds),
            duration(estimate.disk_seconds),
            estimate.disk_bytes_per_second / 1e6
        ));
    }
    lines.join("\n")
}

/// The part of an output that a run computes.
fn shard_of(plan: &PlanSummary, shard: ShardSummary) -> String {
    let ShardSummary { number, count, first_row, rows, one_file } = shard;
    if rows == 0 {
        return format!("{number} of {count}: no rows are left for it");
    }
    let place = if one_file { "into the file of all shards" } else { "into a file of its own" };
    let learned =
        if plan.preparations.is_empty() { "" } else { "; every shard sweeps over the whole input first" };
    format!(
        "{number} of {count}: rows {first_row} to {} of {}, {place}{learned}",
        first_row + rows - 1,
        plan.output.height
    )
}

/// What happened.
pub(crate) fn report(report: &Report) -> String {
    let measured = report.measured_peak_bytes.map_or_else(|| "unknown".into(), bytes);
    let found = report.plan.preparations.iter().filter_map(|first| {
        first.found.as_ref().map(|found| format!("found for `{}`: {found}\n", first.operator))
    });
    let found = found.collect::<String>();
    let shard = report
        .plan
        .shard
        .map_or_else(String::new, |shard| format!(", shard {}/{}", shard.number, shard.count));
    let then = report.plan.shard.map_or_else(String::new, |_| {
        format!("\n`swathe gather {}` puts the shards together when all are done", report.plan.output.name)
    });
    format!(
        "{found}{}{shard}: {} in {:.2} s, {:.0} Mpx/s, {} CPU seconds\npeak memory {measured} ({} predicted, budget {})\n{}{then}",
        report.plan.output.name,
        bytes(report.output_bytes),
        report.wall_seconds,
        report.pixels_per_second / 1e6,
        (report.cpu_seconds * 100.0).round() / 100.0,
        bytes(report.plan.predicted_peak_bytes),
        bytes(report.plan.budget_bytes),
        report.limited_by
    )
}
