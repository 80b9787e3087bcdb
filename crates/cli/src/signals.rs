//! Ctrl-C and SIGTERM: the first stops after the tiles in flight, the second at once.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use swathe::Error;

static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();

/// Installs the handlers and returns the flag that the first signal sets.
///
/// # Errors
/// Io, where the system refuses handlers.
pub(crate) fn install() -> Result<Arc<AtomicBool>, Error> {
    let cannot = |error| Error::io("cannot install signal handlers", error);
    let stop = Arc::new(AtomicBool::new(false));
    let received = SIGNAL.get_or_init(Default::default);
    for signal in [SIGINT, SIGTERM] {
        // In this order: the shutdown looks at the flag before this signal sets it, so that only a second one ends at once.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop)).map_err(cannot)?;
        flag::register(signal, Arc::clone(&stop)).map_err(cannot)?;
        flag::register_usize(signal, Arc::clone(received), signal as usize).map_err(cannot)?;
    }
    Ok(stop)
}

/// 130 after Ctrl-C, 143 after SIGTERM.
pub(crate) fn exit_code() -> u8 {
    let signal = SIGNAL.get().map_or(0, |signal| signal.load(Ordering::Relaxed));
    if signal == SIGTERM as usize { 143 } else { 130 }
}
