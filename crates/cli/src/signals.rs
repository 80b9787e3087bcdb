//! Ctrl-C and SIGTERM: the first stops after the tiles in flight, the second at once. Bus errors in a mapped file are
//! errors of the file.
//!
//! `unsafe` is for the handler of bus errors alone: no safe wrapper tells a handler the address.
#![allow(unsafe_code)]

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

/// Has bus errors in mapped files end in an error with the file's name. Any other ends the process as before.
pub(crate) fn install_bus_guard() {
    // SAFETY: a zeroed `sigaction` is valid; the handler only calls what may be called there.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_bus_error as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        libc::sigaction(libc::SIGBUS, &action, std::ptr::null_mut());
    }
}

extern "C" fn on_bus_error(signal: libc::c_int, info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    // SAFETY: the kernel hands a valid record to a handler that asked for it.
    let address = unsafe { (*info).si_addr() } as usize;
    if !swathe::absorb_bus_error(address) {
        // SAFETY: may be called in a handler. The fault happens again, and ends the process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// 130 after Ctrl-C, 143 after SIGTERM.
pub(crate) fn exit_code() -> u8 {
    let signal = SIGNAL.get().map_or(0, |signal| signal.load(Ordering::Relaxed));
    if signal == SIGTERM as usize { 143 } else { 130 }
}
