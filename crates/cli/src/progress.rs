//! Progress on stderr: a bar on a terminal, JSON lines for machines, or nothing.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use swathe::{Observer, Progress};

use crate::exit::say_line;

/// How progress is shown.
pub(crate) enum Shown {
    /// A bar with percent, rate and time left.
    Bar(ProgressBar),
    /// JSON lines, not more than ten a second.
    Json(Mutex<Instant>),
    /// Nothing.
    Nothing,
}

impl Shown {
    /// `auto`, `bar`, `json` or `none`; `auto` is a bar on a terminal.
    pub(crate) fn new(word: &str, quiet: bool) -> Self {
        match word {
            "json" => Shown::Json(Mutex::new(Instant::now())),
            "bar" if !quiet => Shown::bar(),
            "auto" if !quiet && std::io::stderr().is_terminal() => Shown::bar(),
            _ => Shown::Nothing,
        }
    }

    fn bar() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8));
        let colour = if std::env::var_os("NO_COLOR").is_some() { "" } else { ".green" };
        let template = format!("{{prefix}}{{percent:>3}} % {{bar:32{colour}}} {{msg}}, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        Shown::Bar(bar)
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Shown::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Shown {
    fn tile_done(&self, progress: Progress) {
        match self {
            Shown::Bar(bar) => {
                bar.set_length(progress.pixels);
                bar.set_position(progress.pixels_done);
                let rate = progress.pixels_done as f64 / bar.elapsed().as_secs_f64().max(1e-3) / 1e6;
                bar.set_message(format!("{rate:.0} Mpx/s"));
            }
            Shown::Json(last) => {
                let Ok(mut last) = last.lock() else { return };
                let done = progress.tiles_done == progress.tiles;
                if done || last.elapsed() >= Duration::from_millis(100) {
                    *last = Instant::now();
                    let Progress { tiles_done, tiles, pixels_done, pixels } = progress;
                    say_line(&format!(
                        "{{\"tiles_done\":{tiles_done},\"tiles\":{tiles},\"pixels_done\":{pixels_done},\"pixels\":{pixels}}}"
                    ));
                }
            }
            Shown::Nothing => {}
        }
    }

    fn pass_begins(&self, pass: u64, passes: u64, what: &str) {
        match self {
            Shown::Bar(bar) => {
                bar.reset();
                bar.set_prefix(format!("pass {pass} of {passes} ({what}) "));
            }
            Shown::Json(_) => say_line(&format!("{{\"pass\":{pass},\"passes\":{passes}}}")),
            Shown::Nothing => {}
        }
    }
}
